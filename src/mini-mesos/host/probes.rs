//! The looks at tasks that are under way.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::agent::{ProbeId, Sighting, Target};
use crate::prober;
use crate::reaper::Reaper;

pub struct Probes {
    running: BTreeMap<ProbeId, AbortHandle>,
    done: mpsc::UnboundedSender<(ProbeId, Sighting)>,
    reaper: Reaper,
}

impl Probes {
    /// What is seen arrives at the receiver.
    pub fn new(reaper: Reaper) -> (Self, mpsc::UnboundedReceiver<(ProbeId, Sighting)>) {
        let (done, receiver) = mpsc::unbounded_channel();
        (Self { running: BTreeMap::new(), done, reaper }, receiver)
    }

    pub fn begin(&mut self, id: ProbeId, target: Box<Target>) {
        let (probe, done, reaper) = (id.clone(), self.done.clone(), self.reaper.clone());
        let looking = tokio::spawn(async move {
            let sighting = prober::look(&target, &reaper).await;
            let _ = done.send((probe, sighting));
        });
        self.running.insert(id, looking.abort_handle());
    }

    pub fn forget(&mut self, id: &ProbeId) {
        self.running.remove(id);
    }

    pub fn end(&mut self, id: &ProbeId) {
        if let Some(looking) = self.running.remove(id) {
            looking.abort();
        }
    }
}
