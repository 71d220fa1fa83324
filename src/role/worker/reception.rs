//! Where requests to the scheduler and orders to end the cluster arrive.

use tokio::sync::mpsc;

use domain::leadership::Leadership;
use domain::succession::Succession;
use scheduler::driver::facts::{Fact, Facts};
use scheduler::driver::requests::{self, Doorkeeper, EndOrder, Requests};

/// For whoever runs schedulers.
pub struct Reception {
    pub doorkeeper: Doorkeeper,
    pub end_orders: mpsc::Receiver<EndOrder>,
    pub facts: Facts,
}

impl Reception {
    pub fn open(facts: &Facts, succession: Succession) -> (Requests, Self) {
        let leadership = match succession {
            Succession::Elected => Some(Leadership::Away { why: None }),
            Succession::Kept | Succession::Nobody => None,
        };
        let (requests, doorkeeper, end_orders) = requests::open(facts, leadership);
        (requests, Self { doorkeeper, end_orders, facts: facts.clone() })
    }

    /// Where no other AppMaster need know: an order to end is one to the scheduler, which finds the fact.
    pub fn end_at_once(self) -> Fact<bool> {
        let Self { mut end_orders, facts, .. } = self;
        let ending = facts.ending.clone();
        tokio::spawn(async move {
            while let Some(reply) = end_orders.recv().await {
                facts.ending.send_replace(true);
                let _ = reply.send(Ok(()));
            }
        });
        ending
    }
}
