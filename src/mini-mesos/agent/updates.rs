//! The status updates of one task: in order, one at a time, again and again until acknowledged.

use std::collections::VecDeque;

use base::time::{Backoff, BackoffPolicy, Moment};
use mesos::wire::status::{TaskState, TaskStatus};

#[derive(Debug)]
pub struct Updates {
    waiting: VecDeque<TaskStatus>,
    head: Head,
    latest: TaskState,
    /// The last one that was sent.
    last: Option<TaskStatus>,
    /// The framework was removed.
    is_unwanted: bool,
}

/// What is with the oldest of them.
#[derive(Debug)]
enum Head {
    Unsent,
    Sent { again_at: Moment, backoff: Backoff },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// The terminal one.
    Last,
    /// Not the last, not the head, or an old one.
    Other,
}

impl Updates {
    pub fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            head: Head::Unsent,
            latest: TaskState::Staging,
            last: None,
            is_unwanted: false,
        }
    }

    pub fn push(&mut self, status: TaskStatus, state: TaskState) {
        self.latest = state;
        if !self.is_unwanted {
            self.waiting.push_back(status);
        }
    }

    pub fn discard(&mut self) {
        self.is_unwanted = true;
        self.waiting.clear();
    }

    pub fn are_unwanted(&self) -> bool {
        self.is_unwanted
    }

    /// Has the head go out at once, as to a master that may not have seen it.
    pub fn send_again(&mut self) {
        self.head = Head::Unsent;
    }

    pub fn latest(&self) -> TaskState {
        self.latest
    }

    pub fn last(&self) -> Option<&TaskStatus> {
        self.last.as_ref()
    }

    pub fn acknowledge(&mut self, uuid: &[u8]) -> Acknowledged {
        let is_head = self.waiting.front().is_some_and(|status| status.uuid.as_deref() == Some(uuid));
        if !is_head {
            return Acknowledged::Other;
        }
        self.waiting.pop_front();
        self.head = Head::Unsent;
        let is_last = self.waiting.is_empty() && crate::master::is_terminal(self.latest);
        if is_last { Acknowledged::Last } else { Acknowledged::Other }
    }

    /// The oldest with the latest state, if it is time to send it.
    pub fn due(&mut self, policy: BackoffPolicy, now: Moment) -> Option<(TaskStatus, TaskState)> {
        let status = self.waiting.front()?.clone();
        let mut backoff = match &self.head {
            Head::Unsent => Backoff::new(policy),
            Head::Sent { again_at, .. } if *again_at > now => return None,
            Head::Sent { backoff, .. } => *backoff,
        };
        let again_at = now + backoff.failed(0.0);
        self.head = Head::Sent { again_at, backoff };
        self.last = Some(status.clone());
        Some((status, self.latest))
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        match (&self.head, self.waiting.is_empty()) {
            (Head::Sent { again_at, .. }, false) => Some(*again_at),
            (Head::Sent { .. } | Head::Unsent, _) => None,
        }
    }
}
