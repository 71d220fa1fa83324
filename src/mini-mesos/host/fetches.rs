//! What is being fetched for tasks that have not started yet.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::agent::{ContainerId, Start};
use crate::fetcher;
use crate::reaper::Reaper;

/// All is there, or why not.
pub type Fetched = (Box<Start>, Result<(), String>);

pub struct Fetches {
    running: BTreeMap<ContainerId, AbortHandle>,
    done: mpsc::UnboundedSender<Fetched>,
    reaper: Reaper,
}

impl Fetches {
    /// What is done arrives at the receiver.
    pub fn new(reaper: Reaper) -> (Self, mpsc::UnboundedReceiver<Fetched>) {
        let (done, receiver) = mpsc::unbounded_channel();
        (Self { running: BTreeMap::new(), done, reaper }, receiver)
    }

    pub fn begin(&mut self, start: Box<Start>) {
        let (container, done, reaper) = (start.container.clone(), self.done.clone(), self.reaper.clone());
        let fetching = tokio::spawn(async move {
            let result = fetcher::fetch(&start, &reaper).await;
            let _ = done.send((start, result));
        });
        self.running.insert(container, fetching.abort_handle());
    }

    /// Whether it was still wanted.
    pub fn forget(&mut self, container: &ContainerId) -> bool {
        self.running.remove(container).is_some()
    }

    /// Whether there was something to end.
    pub fn end(&mut self, container: &ContainerId) -> bool {
        let fetching = self.running.remove(container);
        fetching.inspect(AbortHandle::abort).is_some()
    }
}
