//! Which orders were carried out, and what came of them. Pure: the driver carries out and stores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Carried, MAX_ORDERS, Order, Outcome, What};

/// So many outcomes wait to be stored; a dispatcher that stores none sends no more orders either.
const MAX_OUTCOMES: usize = 2 * MAX_ORDERS;

/// What of it outlasts a worker is stored before and after each order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The highest id that was begun.
    last: u64,
    /// Not known to have been carried out.
    begun: Option<Order>,
    /// By id, those that the dispatcher has not stored.
    outcomes: BTreeMap<u64, Carried>,
    #[serde(skip)]
    waiting: BTreeMap<u64, What>,
}

impl Ledger {
    /// What a worker that has ended was about is begun again. Each order that is can be: the number is the same, the
    /// TaskManager is being replaced already, the cluster ends already.
    #[must_use]
    pub fn resumed(mut self) -> Self {
        if let Some(Order { id, what }) = self.begun.take() {
            self.waiting.insert(id, what);
        }
        self
    }

    /// Whether any order is new.
    pub fn handle_orders(&mut self, orders: Vec<Order>, stored: u64) -> bool {
        self.outcomes.retain(|id, _| *id > stored);
        let mut any_new = false;
        for Order { id, what } in orders.into_iter().take(MAX_ORDERS) {
            let is_at_work = self.begun.as_ref().is_some_and(|begun| begun.id == id);
            if is_at_work || self.waiting.contains_key(&id) || self.outcomes.contains_key(&id) {
                continue;
            }
            if id <= self.last {
                let why = format!("order {id} or a later one was carried out before");
                self.conclude(id, Carried::Refused { why });
                any_new = true;
            } else if self.waiting.len() < MAX_ORDERS {
                self.waiting.insert(id, what);
                any_new = true;
            }
        }
        any_new
    }

    /// The next one to carry out, once the ledger is stored; [`Ledger::finished`] follows it.
    pub fn next_order(&mut self) -> Option<Order> {
        if self.begun.is_some() {
            return None;
        }
        let (id, what) = self.waiting.pop_first()?;
        self.last = self.last.max(id);
        self.begun = Some(Order { id, what });
        self.begun.clone()
    }

    /// The one that was begun is over.
    pub fn finished(&mut self, result: Carried) {
        if let Some(Order { id, .. }) = self.begun.take() {
            self.conclude(id, result);
        }
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.iter().map(|(id, result)| Outcome { id: *id, result: result.clone() }).collect()
    }

    fn conclude(&mut self, id: u64, result: Carried) {
        self.outcomes.insert(id, result);
        while self.outcomes.len() > MAX_OUTCOMES {
            self.outcomes.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(id: u64) -> Order {
        Order { id, what: What::Scale { taskmanagers: u32::try_from(id).expect("small") } }
    }

    #[test]
    fn an_order_is_carried_out_once_however_often_it_is_sent() {
        let mut ledger = Ledger::default();
        assert!(ledger.handle_orders(vec![scale(2), scale(1), scale(2)], 0));
        assert_eq!(ledger.next_order(), Some(scale(1)));
        assert_eq!(ledger.next_order(), None, "one is at work");
        assert!(!ledger.handle_orders(vec![scale(1), scale(2)], 0));
        ledger.finished(Carried::Done);
        assert_eq!(ledger.next_order(), Some(scale(2)));
        ledger.finished(Carried::Done);
        assert!(!ledger.handle_orders(vec![scale(1), scale(2)], 0));
        assert_eq!(ledger.next_order(), None);
        let ids = |ledger: &Ledger| ledger.outcomes().iter().map(|outcome| outcome.id).collect::<Vec<_>>();
        assert_eq!(ids(&ledger), [1, 2]);
        assert!(!ledger.handle_orders(Vec::new(), 1));
        assert_eq!(ids(&ledger), [2], "the first is stored");
        assert!(ledger.handle_orders(vec![scale(1)], 2), "there is something to tell");
        assert_eq!(ledger.next_order(), None);
        assert!(matches!(&ledger.outcomes()[..], [Outcome { id: 1, result: Carried::Refused { .. } }]));
    }

    #[test]
    fn the_next_worker_begins_again_what_was_not_finished_and_nothing_else() {
        let mut ledger = Ledger::default();
        ledger.handle_orders(vec![scale(1), scale(2), scale(3)], 0);
        ledger.next_order();
        ledger.finished(Carried::Done);
        ledger.next_order();
        let stored = serde_json::to_vec(&ledger).expect("written");
        let mut next = serde_json::from_slice::<Ledger>(&stored).expect("read").resumed();
        next.handle_orders(vec![scale(1), scale(2), scale(3)], 0);
        assert_eq!(next.next_order(), Some(scale(2)));
        next.finished(Carried::Done);
        assert_eq!(next.next_order(), Some(scale(3)));
        next.finished(Carried::Done);
        assert_eq!(next.outcomes().len(), 3);
    }

    #[test]
    fn a_flood_takes_no_more_room_than_there_is() {
        let mut ledger = Ledger::default();
        for round in 0..100 {
            ledger.handle_orders((round * 50 + 1..round * 50 + 50).map(scale).collect(), 0);
            assert!(ledger.waiting.len() <= MAX_ORDERS);
            ledger.next_order();
            ledger.finished(Carried::Done);
        }
        for _ in 0..200 {
            ledger.handle_orders(vec![scale(ledger.last + 1)], 0);
            ledger.next_order();
            ledger.finished(Carried::Done);
        }
        assert_eq!(ledger.outcomes().len(), MAX_OUTCOMES);
    }
}
