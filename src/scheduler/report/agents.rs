//! What is told of agents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Scheduler;
use crate::ground::Regard;
use base::time::Moment;

/// Of so many agents, those that something is held against first.
const MAX_AGENTS: usize = 200;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentState {
    pub agent_id: String,
    /// None when nothing runs there.
    pub hostname: Option<String>,
    pub taskmanagers: usize,
    pub standing: AgentStanding,
}

/// Whether TaskManagers are launched on an agent; times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentStanding {
    Good,
    /// Others are taken first.
    Avoided {
        strikes: u32,
        /// What failed there last, in the words of Mesos.
        why: String,
    },
    /// Others are taken first, and one TaskManager at a time is tried there until one registers.
    OnTrial {
        strikes: u32,
        /// One is being tried.
        is_taken: bool,
        /// What failed there last, in the words of Mesos.
        why: String,
    },
    /// It gets no TaskManager until then.
    Quarantined {
        until: u64,
        /// What failed there last, in the words of Mesos.
        why: String,
    },
    /// It gets no TaskManager: its maintenance begins then.
    Leaving {
        at: u64,
    },
}

impl Scheduler {
    pub(super) fn agent_states(&self, now: Moment) -> Vec<AgentState> {
        let mut standings = self.standings(now);
        let mut used: BTreeMap<&String, (&String, usize)> = BTreeMap::new();
        for record in self.state.tasks.values() {
            used.entry(&record.agent_id).or_insert((&record.hostname, 0)).1 += 1;
            standings.entry(record.agent_id.clone()).or_insert(Regard::Good);
        }
        let mut agents: Vec<_> = standings.into_iter().collect();
        agents.sort_by(|(left_id, left), (right_id, right)| (right, left_id).cmp(&(left, right_id)));
        agents.truncate(MAX_AGENTS);
        let states = agents.into_iter().map(|(agent_id, standing)| {
            let (hostname, taskmanagers) = used.get(&agent_id).copied().unzip();
            AgentState {
                hostname: hostname.cloned(),
                taskmanagers: taskmanagers.unwrap_or_default(),
                standing: self.agent_standing(&agent_id, standing),
                agent_id,
            }
        });
        states.collect()
    }

    fn agent_standing(&self, agent_id: &str, standing: Regard) -> AgentStanding {
        let why = || self.agents.last_failure(agent_id).unwrap_or_default().to_owned();
        match standing {
            Regard::Good => AgentStanding::Good,
            Regard::Avoided { strikes } => AgentStanding::Avoided { strikes, why: why() },
            Regard::OnTrial { strikes, is_taken } => AgentStanding::OnTrial { strikes, is_taken, why: why() },
            Regard::Quarantined { until } => {
                AgentStanding::Quarantined { until: self.since_1970(until), why: why() }
            }
            Regard::Leaving { at } => AgentStanding::Leaving { at: self.since_1970(at) },
        }
    }
}
