//! A model of Flink's JobManager: which TaskManagers have registered with it, and what it says of them, which may come
//! late, not at all, or be wrong for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::witness::Registered;
use base::time::Moment;

/// Flink's own values.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(50);

/// Of an AppMaster that ended long ago, or of another cluster that was given the wrong address.
const STRANGER: &str = "taskmanager-of-somebody-else";

#[derive(Default)]
pub struct JobManager {
    /// When it heard each last.
    registered: BTreeMap<String, Moment>,
    mood: Mood,
    /// Until when TaskManagers look for the one that leads.
    looked_for: Moment,
}

/// What is wrong with its answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mood {
    #[default]
    Well,
    /// It does nothing, as after SIGSTOP: nobody is heard either.
    Stopped,
    /// It answers, but not us.
    OutOfReach,
    /// Some are missing in its list although it hears them; none stands for all.
    Forgetful(Option<String>),
    /// It gives the same old list again and again.
    Stale(Registered),
}

impl JobManager {
    /// Hears those that reach it, and drops who was silent for too long.
    pub fn listen(&mut self, reaching: &BTreeSet<String>, now: Moment) {
        if self.mood == Mood::Stopped {
            return;
        }
        if now >= self.looked_for {
            for id in reaching {
                let heard = self.registered.entry(id.clone()).or_insert(now);
                if now.since(*heard) >= HEARTBEAT_INTERVAL {
                    *heard = now;
                }
            }
        }
        self.registered.retain(|_, heard| now.since(*heard) < HEARTBEAT_TIMEOUT);
    }

    /// Another one leads from now on, and TaskManagers have to find it.
    pub fn fail_over(&mut self, within: Duration, now: Moment) {
        self.registered.clear();
        self.looked_for = now + within;
    }

    pub fn set_mood(&mut self, mood: Mood) {
        self.mood = mood;
    }

    /// Whether it has registered in truth.
    pub fn hears(&self, id: &str) -> bool {
        self.registered.contains_key(id)
    }

    /// Whether it gives no answers.
    pub fn is_away(&self) -> bool {
        matches!(self.mood, Mood::Stopped | Mood::OutOfReach)
    }

    /// What it says. None if it does not.
    pub fn answer(&self) -> Option<Registered> {
        match &self.mood {
            Mood::Stopped | Mood::OutOfReach => None,
            Mood::Well => Some(self.truth()),
            Mood::Forgetful(None) => Some(Registered::new()),
            Mood::Forgetful(Some(forgotten)) => {
                let mut registered = self.truth();
                registered.remove(forgotten);
                Some(registered)
            }
            Mood::Stale(registered) => Some(registered.clone()),
        }
    }

    pub fn truth(&self) -> Registered {
        let stamp = |at: Moment| i64::try_from(at.since(Moment::START).as_millis()).expect("a number");
        let own = self.registered.iter().map(|(id, heard)| (id.clone(), stamp(*heard)));
        own.chain([(STRANGER.to_owned(), 1)]).collect()
    }
}
