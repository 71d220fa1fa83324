//! Who leads: the pure half of the election in ZooKeeper.
//!
//! Every AppMaster puts one ephemeral node in line, the first in line leads. A node lives as long as its owner's
//! session, and the owner of a session that nobody hears ends it some time later; so a leader that has heard nothing
//! must stop to act before that, by its own clock. It asks the ensemble, by a transaction that holds only if its node
//! is still there, and an answer permits it to act for [`LEASE`] of the session's timeout from when it *asked*.
//!
//! ```text
//! Joining ─→ Waiting ─→ Elected ─→ Leading ⇄ Suspended
//!    ↖─────── the session or the node is gone ─────┘
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Deadline, Moment};

/// Of the session's timeout, as a fraction. A ZooKeeper server tells its leader every half tick whom it has heard, and a
/// session is at least two ticks long: what a server that dies has not told yet is less than the rest.
const LEASE: (u32, u32) = (2, 3);

/// The leader asks this often in each timeout: three answers may be lost before the lease ends.
const ASKS_PER_TIMEOUT: u32 = 6;

const RECONNECTING: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(5), jitter: 0.5 };

#[derive(Debug)]
pub struct Election {
    /// What our node's name begins with; nobody else's does.
    me: String,
    link: Link,
    state: State,
    timeout: Duration,
    backoff: Backoff,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// There is a session, and a client that keeps it.
    Up,
    /// The next attempt to get one is due, or one is under way.
    Down { again: Option<Deadline> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The node is being made or looked for.
    Joining,
    Waiting {
        ahead: String,
    },
    /// First in line, and asking whether that is so.
    Elected {
        node: String,
        ask: Ask,
    },
    Leading {
        node: String,
        ask: Ask,
        lease: Deadline,
    },
    /// Leading without a lease.
    Suspended {
        node: String,
        ask: Ask,
    },
}

/// The leader's questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Due(Deadline),
    UnderWay,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Get a session: the old one, should it still exist, or a new one.
    Connect,
    /// Put a node in line whose name begins with ours, unless there is one.
    Join,
    /// Tell who is in line.
    Look,
    /// Tell when this node is gone.
    Watch(String),
    /// Commit a transaction that holds only if our node is there.
    Ask(String),
    /// Acting is allowed from now on, as this node.
    Lead(String),
    /// Acting is allowed until this moment.
    Extend(Deadline),
    /// Do nothing until the next [`Action::Extend`].
    Suspend,
    /// It is over for good: somebody else may act.
    StepDown,
}

/// Whether the session we have is the one we had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    New,
    Same,
}

impl Election {
    pub fn new(me: impl Into<String>, now: Moment) -> Self {
        Self {
            me: me.into(),
            link: Link::Down { again: Some(Deadline::after(now, Duration::ZERO)) },
            state: State::Joining,
            timeout: Duration::ZERO,
            backoff: Backoff::new(RECONNECTING),
            actions: VecDeque::new(),
        }
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let (connect, ask) = match self.link {
            Link::Down { again } => (again.map(Deadline::at), None),
            Link::Up => (None, self.ask_due()),
        };
        let lease = match &self.state {
            State::Leading { lease, .. } => Some(lease.at()),
            State::Joining | State::Waiting { .. } | State::Elected { .. } | State::Suspended { .. } => None,
        };
        connect.into_iter().chain(ask).chain(lease).min()
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if let Link::Down { again } = &mut self.link
            && again.is_some_and(|at| at.has_passed(now))
        {
            *again = None;
            self.actions.push_back(Action::Connect);
        }
        if let State::Leading { node, ask, lease } = &mut self.state
            && lease.has_passed(now)
        {
            self.state = State::Suspended { node: std::mem::take(node), ask: *ask };
            self.actions.push_back(Action::Suspend);
        }
        self.ask_if_due(now);
    }

    /// There is a session with this timeout.
    pub fn handle_connected(&mut self, session: Session, timeout: Duration, now: Moment) {
        self.timeout = timeout;
        self.link = Link::Up;
        self.backoff.succeeded();
        match (session, &mut self.state) {
            (Session::New, _) => {
                self.step_down();
                self.join();
            }
            (Session::Same, State::Joining) => self.join(),
            (Session::Same, State::Waiting { .. }) => self.actions.push_back(Action::Look),
            (
                Session::Same,
                State::Elected { ask, .. } | State::Leading { ask, .. } | State::Suspended { ask, .. },
            ) => *ask = Ask::Due(Deadline::after(now, Duration::ZERO)),
        }
        self.ask_if_due(now);
    }

    /// No session could be had.
    pub fn handle_unreachable(&mut self, now: Moment, random: f64) {
        // A session that the ensemble still keeps is lost when it is reclaimed too late.
        let wait = self.backoff.failed(random).min(self.timeout_or_most() / ASKS_PER_TIMEOUT);
        self.link = Link::Down { again: Some(Deadline::after(now, wait)) };
    }

    /// The client has given up; the ensemble may still keep the session.
    pub fn handle_cut(&mut self, now: Moment) {
        self.link = Link::Down { again: Some(Deadline::after(now, Duration::ZERO)) };
        self.handle_timeout(now);
    }

    /// Our node is in line, or it is unknown whether it is.
    pub fn handle_joined(&mut self) {
        if self.state == State::Joining {
            self.actions.push_back(Action::Look);
        }
    }

    /// These nodes are in line, in any order.
    pub fn handle_line(&mut self, names: &[String], now: Moment) {
        if !matches!(self.state, State::Joining | State::Waiting { .. }) {
            return;
        }
        let mut line: Vec<_> = names.iter().filter_map(|name| Some((place(name)?, name))).collect();
        line.sort();
        let Some(own) = line.iter().position(|(_, name)| name.starts_with(&self.me)) else {
            return self.join();
        };
        match own.checked_sub(1) {
            Some(before) => {
                let ahead = line[before].1.clone();
                self.actions.push_back(Action::Watch(ahead.clone()));
                self.state = State::Waiting { ahead };
            }
            None => {
                let ask = Ask::Due(Deadline::after(now, Duration::ZERO));
                self.state = State::Elected { node: line[own].1.clone(), ask };
                self.ask_if_due(now);
            }
        }
    }

    /// The node that was watched is gone, or something happened to it.
    pub fn handle_changed(&mut self, name: &str) {
        if matches!(&self.state, State::Waiting { ahead } if ahead == name) {
            self.actions.push_back(Action::Look);
        }
    }

    /// The question that was sent at `asked` was answered: our node is there.
    pub fn handle_confirmed(&mut self, asked: Moment, now: Moment) {
        let lease = Deadline::after(asked, self.timeout * LEASE.0 / LEASE.1);
        let ask = Ask::Due(Deadline::after(asked, self.timeout / ASKS_PER_TIMEOUT));
        match std::mem::replace(&mut self.state, State::Joining) {
            resting @ (State::Joining | State::Waiting { .. }) => self.state = resting,
            // An answer that took so long permits nothing.
            State::Elected { node, .. } if lease.has_passed(now) => self.state = State::Elected { node, ask },
            State::Leading { node, .. } | State::Suspended { node, .. } if lease.has_passed(now) => {
                self.state = State::Suspended { node, ask };
                self.actions.push_back(Action::Suspend);
            }
            State::Elected { node, .. } => {
                self.actions.push_back(Action::Extend(lease));
                self.actions.push_back(Action::Lead(node.clone()));
                self.state = State::Leading { node, ask, lease };
            }
            State::Leading { node, .. } | State::Suspended { node, .. } => {
                self.actions.push_back(Action::Extend(lease));
                self.state = State::Leading { node, ask, lease };
            }
        }
        self.ask_if_due(now);
    }

    /// The question was answered: our node is not there.
    pub fn handle_denied(&mut self) {
        match self.state {
            State::Joining | State::Waiting { .. } => {}
            State::Elected { .. } | State::Leading { .. } | State::Suspended { .. } => {
                self.step_down();
                self.join();
            }
        }
    }

    /// What was asked or looked for got no answer; the client tries to reach another server.
    pub fn handle_unanswered(&mut self, now: Moment) {
        let again = Deadline::after(now, (self.timeout / ASKS_PER_TIMEOUT).min(RECONNECTING.first));
        if let Link::Down { .. } = self.link {
            return;
        }
        match &mut self.state {
            State::Joining => self.join(),
            State::Waiting { .. } => self.actions.push_back(Action::Look),
            State::Elected { ask, .. } | State::Leading { ask, .. } | State::Suspended { ask, .. } => {
                *ask = Ask::Due(again);
            }
        }
    }

    /// The ensemble says that the session is over.
    pub fn handle_expired(&mut self, now: Moment) {
        self.step_down();
        self.state = State::Joining;
        self.handle_cut(now);
    }

    /// Before the first session its timeout is not known.
    fn timeout_or_most(&self) -> Duration {
        if self.timeout.is_zero() { RECONNECTING.most * ASKS_PER_TIMEOUT } else { self.timeout }
    }

    fn join(&mut self) {
        self.state = State::Joining;
        self.actions.push_back(Action::Join);
    }

    fn step_down(&mut self) {
        match self.state {
            State::Leading { .. } | State::Suspended { .. } => self.actions.push_back(Action::StepDown),
            State::Joining | State::Waiting { .. } | State::Elected { .. } => {}
        }
    }

    fn ask_if_due(&mut self, now: Moment) {
        if self.link != Link::Up || self.ask_due().is_none_or(|due| due > now) {
            return;
        }
        match &mut self.state {
            State::Joining | State::Waiting { .. } => {}
            State::Elected { node, ask }
            | State::Leading { node, ask, .. }
            | State::Suspended { node, ask } => {
                *ask = Ask::UnderWay;
                self.actions.push_back(Action::Ask(node.clone()));
            }
        }
    }

    fn ask_due(&self) -> Option<Moment> {
        match &self.state {
            State::Joining | State::Waiting { .. } => None,
            State::Elected { ask, .. } | State::Leading { ask, .. } | State::Suspended { ask, .. } => {
                match ask {
                    Ask::Due(at) => Some(at.at()),
                    Ask::UnderWay => None,
                }
            }
        }
    }
}

/// The sequence number that ZooKeeper appended to a name; whoever has the lowest leads.
pub fn place(name: &str) -> Option<i64> {
    let (_, digits) = name.rsplit_once('-')?;
    (digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
