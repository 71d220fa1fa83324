//! Where an AppMaster without ZooKeeper keeps its state.

use std::path::PathBuf;

use base::digest::{Sha256, hexadecimal};

use super::super::keys::{self, flink};
use super::super::table::Table;
use super::super::warning::Warning;
use super::HighAvailability;
use super::reader::Reader;

/// Of a cluster's name, in the name of its directory; the longest names of files have 255 bytes.
const MAX_NAME_LENGTH: usize = 64;

/// Digits of the digest that tells apart clusters whose names look alike.
const DIGITS: usize = 8;

/// The cluster's own directory, below the one that `mesos.state-dir` names; none without that key, and with high
/// availability, which keeps the state in ZooKeeper.
pub(super) fn read(
    reader: &mut Reader<'_>,
    framework: &str,
    high_availability: Option<&HighAvailability>,
) -> Option<PathBuf> {
    let base = reader.optional(&keys::STATE_DIR)?;
    let cluster_id = reader.value(&flink::CLUSTER_ID);
    high_availability.is_none().then(|| base.join(directory_name(&cluster_id, framework)))
}

pub fn warnings(table: &Table, has_high_availability: bool) -> Option<Warning> {
    let is_given = table.get(keys::STATE_DIR.name).is_some();
    (is_given && has_high_availability).then(|| {
        let key = keys::STATE_DIR.name;
        Warning::about(key, format!("`{key}` is not used: with high availability the state is in ZooKeeper"))
    })
}

/// Readable, and another one for each cluster.
fn directory_name(cluster_id: &str, framework: &str) -> String {
    let name = if cluster_id.is_empty() { framework } else { cluster_id };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let plain: String = name
        .trim_matches('/')
        .chars()
        .map(|letter| if is_plain(letter) { letter.to_ascii_lowercase() } else { '-' })
        .take(MAX_NAME_LENGTH)
        .collect();
    let digest = hexadecimal(&Sha256::of(format!("{cluster_id}\0{framework}")));
    format!("{plain}-{}", &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::table::Origin;
    use super::super::{Settings, Succession};
    use super::*;

    fn settings(more: &[(&str, &str)]) -> Settings {
        let mut table = Table::default();
        for (key, value) in [("mesos.master", "m:5050"), ("mesos.state-dir", "/var/lib/x")].iter().chain(more)
        {
            table.set(*key, *value, Origin::Argument);
        }
        Settings::from_table(&table).expect("good")
    }

    #[test]
    fn the_next_appmaster_has_five_minutes_unless_somebody_says_otherwise() {
        let kept = settings(&[]);
        assert_eq!(kept.state_dir.as_deref(), Some(Path::new("/var/lib/x/flink-86bcebde")));
        assert_eq!((kept.succession(), kept.framework.failover_timeout.as_secs()), (Succession::Kept, 300));
        let given = settings(&[("mesos.failover-timeout", "17")]);
        assert_eq!(given.framework.failover_timeout.as_secs(), 17);
    }

    #[test]
    fn high_availability_comes_first() {
        let ha = [
            ("high-availability.type", "zookeeper"),
            ("high-availability.zookeeper.quorum", "z:2181"),
            ("high-availability.storageDir", "file:///s"),
            ("high-availability.cluster-id", "/c"),
        ];
        let settings = settings(&ha);
        assert_eq!((settings.state_dir.as_ref(), settings.succession()), (None, Succession::Elected));
        let mut table = Table::default();
        for (key, value) in ha.iter().chain(&[("mesos.state-dir", "/var/lib/x")]) {
            table.set(*key, *value, Origin::Argument);
        }
        let expected = "`mesos.state-dir` is not used: with high availability the state is in ZooKeeper";
        assert_eq!(Settings::warnings(&table), [expected]);
    }

    #[test]
    fn each_cluster_has_a_directory_of_its_own() {
        // As in all versions to come: under another name nobody finds the state.
        assert_eq!(directory_name("", "Flink"), "flink-86bcebde");
        assert!(directory_name("/prod/etl", "Flink").starts_with("prod-etl-"));
        let names =
            [("", "Flink"), ("", "flink"), ("", "Fl/ink"), ("a", "Flink"), ("/a", "Flink"), ("", "..")];
        let made: std::collections::BTreeSet<_> =
            names.iter().map(|(id, framework)| directory_name(id, framework)).collect();
        assert_eq!(made.len(), names.len());
        let long = directory_name("", &"ü/".repeat(500));
        assert!(long.len() < 255 && !long.contains('/'), "{long}");
    }
}
