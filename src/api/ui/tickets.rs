//! Tickets to the Web UI of one cluster: a page without credentials has no other way to say on whose behalf it asks. They last as long
//! as this dispatcher knows them, which tells nobody else of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::digest::{Sha256, hexadecimal};
use base::random;

use crate::caller::Caller;

/// Since it was used last. Pages of Flink ask every few seconds.
const UNUSED: Duration = Duration::from_secs(12 * 3600);

/// Of one caller; then the one that was not used for the longest time goes.
const MOST_OF_ONE: usize = 64;

/// By the SHA-256 of the ticket, so that how long a search takes tells nothing of it.
#[derive(Clone, Default)]
pub struct Tickets(Arc<Mutex<BTreeMap<[u8; 32], Ticket>>>);

struct Ticket {
    cluster: String,
    caller: Caller,
    used: Instant,
}

impl Tickets {
    pub fn open(&self, cluster: &str, caller: Caller, now: Instant) -> String {
        let ticket = hexadecimal(&random::bytes::<32>());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, ticket| now.saturating_duration_since(ticket.used) < UNUSED);
        let own = known.iter().filter(|(_, ticket)| ticket.caller.user == caller.user);
        let (count, oldest) =
            (own.clone().count(), own.min_by_key(|(_, ticket)| ticket.used).map(|(hash, _)| *hash));
        if let Some(oldest) = oldest.filter(|_| count >= MOST_OF_ONE) {
            known.remove(&oldest);
        }
        known.insert(Sha256::of(&ticket), Ticket { cluster: cluster.to_owned(), caller, used: now });
        ticket
    }

    /// None of this caller counts any more.
    pub fn close(&self, caller: &Caller) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, ticket| ticket.caller.user != caller.user);
    }

    /// Whose ticket to this cluster it is, with what that caller may do by now.
    pub fn holder(&self, ticket: &str, cluster: &str, now: Instant) -> Option<Caller> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = known.get_mut(&Sha256::of(ticket)).filter(|ticket| ticket.cluster == cluster)?;
        if now.saturating_duration_since(ticket.used) >= UNUSED {
            return None;
        }
        ticket.used = now;
        ticket.caller.again()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(user: &str) -> Caller {
        Caller::admin(user.to_owned(), "here".to_owned())
    }

    #[test]
    fn a_ticket_is_for_one_cluster_and_for_as_long_as_it_is_used() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let ticket = tickets.open("a", caller("ann"), now);
        let user =
            |ticket: &str, cluster, now| tickets.holder(ticket, cluster, now).map(|caller| caller.user);
        assert_eq!(user(&ticket, "a", now), Some("ann".to_owned()));
        assert_eq!(user(&ticket, "b", now), None);
        assert_eq!(user("", "a", now), None);
        let (later, much_later) = (now + UNUSED / 2, now + UNUSED + UNUSED / 4);
        assert!(user(&ticket, "a", later).is_some() && user(&ticket, "a", much_later).is_some());
        assert_eq!(user(&ticket, "a", much_later + UNUSED), None);
        let (own, others) = (tickets.open("a", caller("ann"), now), tickets.open("a", caller("bob"), now));
        tickets.close(&caller("ann"));
        assert!(user(&own, "a", now).is_none() && user(&others, "a", now).is_some());
    }

    #[test]
    fn nobody_takes_the_tickets_of_others() {
        let (tickets, now) = (Tickets::default(), Instant::now());
        let others = tickets.open("a", caller("bob"), now);
        let at = |second: usize| now + Duration::from_secs(second as u64);
        let own: Vec<_> =
            (0..=MOST_OF_ONE).map(|count| tickets.open("a", caller("ann"), at(count))).collect();
        assert!(tickets.holder(&others, "a", at(99)).is_some());
        let alive = own.iter().map(|ticket| tickets.holder(ticket, "a", at(99)).is_some());
        assert_eq!(alive.collect::<Vec<_>>(), [&[false][..], &[true; MOST_OF_ONE]].concat());
    }
}
