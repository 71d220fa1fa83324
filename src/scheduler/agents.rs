//! What is thought of agents, by what happened to TaskManagers on them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::mesos::event::StatusUpdate;
use crate::mesos::wire::status::{Reason, TaskState};
use crate::time::Moment;

use super::place::Standing;

/// A strike is forgotten after this long without another.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30 * 60);

/// From so many strikes on an agent gets no TaskManager for a while; below, others are only preferred.
const QUARANTINE_FROM: u32 = 3;

/// The first quarantine; each further strike doubles it.
const QUARANTINE_FIRST: Duration = Duration::from_secs(60);

const QUARANTINE_MOST: Duration = FORGIVEN_AFTER;

/// Agents with strikes against them, by id.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    strikes: BTreeMap<String, Strikes>,
}

#[derive(Clone, Copy, Debug)]
struct Strikes {
    count: u32,
    last: Moment,
}

impl Agents {
    /// A TaskManager failed there in a way that speaks against the agent.
    pub fn strike(&mut self, agent_id: &str, now: Moment) {
        self.strikes.retain(|_, strikes| !strikes.are_forgiven(now));
        let strikes = self.strikes.entry(agent_id.to_owned()).or_insert(Strikes { count: 0, last: now });
        strikes.count += 1;
        strikes.last = now;
    }

    /// A TaskManager ran well there.
    pub fn forgive(&mut self, agent_id: &str) {
        self.strikes.remove(agent_id);
    }

    pub fn standings(&self, now: Moment) -> BTreeMap<String, Standing> {
        let known = self.strikes.iter().filter(|(_, strikes)| !strikes.are_forgiven(now));
        known.map(|(agent_id, strikes)| (agent_id.clone(), strikes.standing(now))).collect()
    }
}

impl Strikes {
    fn are_forgiven(self, now: Moment) -> bool {
        now.since(self.last) >= FORGIVEN_AFTER
    }

    fn standing(self, now: Moment) -> Standing {
        let Some(beyond) = self.count.checked_sub(QUARANTINE_FROM) else { return Standing::Avoided };
        let span = QUARANTINE_FIRST.saturating_mul(1 << beyond.min(16)).min(QUARANTINE_MOST);
        let end = self.last + span;
        if end <= now {
            return Standing::Avoided;
        }
        Standing::Quarantined { left_s: end.since(now).as_secs().max(1) }
    }
}

/// Whether the end of a task that never ran, or ran out of memory, may be its agent's doing.
pub fn speaks_against(update: &StatusUpdate, state: TaskState, has_run: bool) -> bool {
    match (state, update.reason) {
        (_, Some(Reason::ContainerLimitationMemory)) => true,
        (TaskState::Failed, _) => !has_run,
        (TaskState::Dropped | TaskState::Lost, Some(Reason::GcError | Reason::ExecutorTerminated)) => {
            !has_run
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn avoided_then_quarantined_then_forgiven() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let mut agents = Agents::default();
        let standing = |agents: &Agents, seconds| agents.standings(at(seconds)).get("a").copied();
        agents.strike("a", at(0));
        assert_eq!(standing(&agents, 1), Some(Standing::Avoided));
        agents.strike("a", at(10));
        agents.strike("a", at(20));
        assert_eq!(standing(&agents, 21), Some(Standing::Quarantined { left_s: 59 }));
        assert_eq!(standing(&agents, 80), Some(Standing::Avoided), "tried again, after all others");
        agents.strike("a", at(100));
        assert_eq!(standing(&agents, 100), Some(Standing::Quarantined { left_s: 120 }));
        assert_eq!(standing(&agents, 100 + 1800), None);
        agents.strike("b", at(100));
        agents.forgive("b");
        assert!(!agents.standings(at(101)).contains_key("b"));
    }
}
