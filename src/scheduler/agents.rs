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
    /// Those among them that are hardly anything but the agent's doing.
    plain: u32,
    last: Moment,
}

/// What the end of a task says about its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It may as well be the TaskManager's doing, or the JobManager's: others are preferred.
    Faint,
    /// Enough of it, and the agent is left alone.
    Plain,
}

impl Agents {
    /// A TaskManager failed there in a way that speaks against the agent.
    pub fn strike(&mut self, agent_id: &str, evidence: Evidence, now: Moment) {
        self.strikes.retain(|_, strikes| !strikes.are_forgiven(now));
        let fresh = Strikes { count: 0, plain: 0, last: now };
        let strikes = self.strikes.entry(agent_id.to_owned()).or_insert(fresh);
        strikes.count += 1;
        strikes.plain += u32::from(evidence == Evidence::Plain);
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
        let avoided = Standing::Avoided { strikes: self.count };
        let Some(beyond) = self.plain.checked_sub(QUARANTINE_FROM) else { return avoided };
        let span = QUARANTINE_FIRST.saturating_mul(1 << beyond.min(16)).min(QUARANTINE_MOST);
        let end = self.last + span;
        if end <= now {
            return avoided;
        }
        Standing::Quarantined { until: end }
    }
}

/// Of a task that ended unasked; what is wrong with all TaskManagers alike shows on every agent.
pub fn evidence(
    update: &StatusUpdate,
    state: TaskState,
    has_run: bool,
    is_healthy: bool,
) -> Option<Evidence> {
    match (state, update.reason) {
        (_, Some(Reason::ContainerLimitationMemory)) => Some(Evidence::Plain),
        // What could not be fetched ends here too.
        (TaskState::Failed, _) if !has_run => Some(Evidence::Plain),
        // The command executor calls a task running as soon as its process is there.
        (TaskState::Failed, _) if !is_healthy => Some(Evidence::Faint),
        (TaskState::Dropped | TaskState::Lost, Some(Reason::GcError | Reason::ExecutorTerminated))
            if !has_run =>
        {
            Some(Evidence::Plain)
        }
        _ => None,
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
        let avoided = |strikes| Some(Standing::Avoided { strikes });
        agents.strike("a", Evidence::Plain, at(0));
        assert_eq!(standing(&agents, 1), avoided(1));
        agents.strike("a", Evidence::Plain, at(10));
        agents.strike("a", Evidence::Plain, at(20));
        assert_eq!(standing(&agents, 21), Some(Standing::Quarantined { until: at(80) }));
        assert_eq!(standing(&agents, 80), avoided(3), "tried again, after all others");
        agents.strike("a", Evidence::Plain, at(100));
        assert_eq!(standing(&agents, 100), Some(Standing::Quarantined { until: at(220) }));
        assert_eq!(standing(&agents, 100 + 1800), None);
        agents.strike("b", Evidence::Plain, at(100));
        agents.forgive("b");
        assert!(!agents.standings(at(101)).contains_key("b"));
    }

    #[test]
    fn what_may_be_anybodys_doing_never_keeps_an_agent_out() {
        let mut agents = Agents::default();
        (0..9).for_each(|_| agents.strike("a", Evidence::Faint, Moment::START));
        assert_eq!(agents.standings(Moment::START).get("a"), Some(&Standing::Avoided { strikes: 9 }));
    }
}
