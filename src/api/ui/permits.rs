//! How many requests may be under way to JobManagers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Each takes a connection of a browser and one of a JobManager, and some 100 kB.
const MOST: usize = 256;

/// A JobManager that does not answer is not to keep others from being reached. A page has six requests under way at most.
const MOST_OF_ONE: usize = 48;

/// By cluster.
#[derive(Clone, Default)]
pub struct Permits(Arc<Mutex<BTreeMap<String, usize>>>);

/// As long as it is held.
pub struct Permit {
    permits: Permits,
    cluster: String,
}

impl Permits {
    /// None where there is none left.
    pub fn take(&self, cluster: &str) -> Option<Permit> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let of_one = taken.get(cluster).copied().unwrap_or_default();
        if all >= MOST || of_one >= MOST_OF_ONE {
            return None;
        }
        taken.insert(cluster.to_owned(), of_one + 1);
        Some(Permit { permits: self.clone(), cluster: cluster.to_owned() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.permits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.cluster) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.cluster);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cluster_does_not_take_all_permits() {
        let permits = Permits::default();
        let of_a: Vec<_> = std::iter::from_fn(|| permits.take("a")).collect();
        assert_eq!(of_a.len(), MOST_OF_ONE);
        let names: Vec<_> = (0..10).map(|number| format!("b{number}")).collect();
        let others: Vec<_> =
            names.iter().flat_map(|name| std::iter::from_fn(|| permits.take(name))).collect();
        assert_eq!(of_a.len() + others.len(), MOST);
        drop(of_a);
        assert!(permits.take("a").is_some());
        drop(others);
        assert!(permits.0.lock().expect("no panic").is_empty());
    }
}
