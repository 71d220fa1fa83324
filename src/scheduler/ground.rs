//! What there is to place tasks on: the offers of a round, what they have left, and what is thought of their agents.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use base::time::Moment;
use foldhash::fast::RandomState;

use super::resources::Holding;
use domain::constraint::Traits;
use domain::need::Need;
use domain::state::TaskRecord;

/// The offers of one agent to one role; only such may be accepted together.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub agent_id: &'a str,
    pub role: &'a str,
    pub traits: Traits<'a>,
    pub holding: Holding,
}

/// What is thought of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Regard {
    Good,
    /// Others are taken first, those with fewer strikes among them.
    Avoided {
        strikes: u32,
    },
    /// Taken last, and for one TaskManager at a time until one registers.
    OnTrial {
        strikes: u32,
        is_taken: bool,
    },
    /// Not taken at all.
    Quarantined {
        until: Moment,
    },
    /// Not taken at all: its maintenance begins so soon, or has begun.
    Leaving {
        at: Moment,
    },
}

impl Regard {
    /// Whether the agent gets none.
    pub(super) fn is_out(self) -> bool {
        match self {
            Self::Good | Self::Avoided { .. } | Self::OnTrial { is_taken: false, .. } => false,
            Self::OnTrial { is_taken: true, .. } | Self::Quarantined { .. } | Self::Leaving { .. } => true,
        }
    }
}

/// What there is to place tasks on: all groups' tasks of a round take from the same.
pub struct Ground<'o> {
    pub(super) candidates: Vec<Candidate<'o>>,
    pub(super) standings: Vec<Regard>,
    /// By candidate; one agent may be several.
    pub(super) agents: Vec<usize>,
    /// By agent: the tasks there, and its candidates.
    pub(super) running: Vec<usize>,
    pub(super) members: Vec<Range<usize>>,
    /// Agents in the order in which they got tasks.
    pub(super) taken: Vec<usize>,
}

impl<'o> Ground<'o> {
    /// The candidates of one agent follow each other. `standings` are of agents that tasks failed on or that leave.
    pub fn new(
        candidates: Vec<Candidate<'o>>,
        tasks: &BTreeMap<String, TaskRecord>,
        standings: &BTreeMap<String, Regard>,
    ) -> Self {
        let mut ground = Self {
            standings: vec![Regard::Good; candidates.len()],
            agents: Vec::with_capacity(candidates.len()),
            candidates,
            running: Vec::new(),
            members: Vec::new(),
            taken: Vec::new(),
        };
        ground.know_agents(tasks, standings);
        ground
    }

    pub fn candidates(&self) -> &[Candidate<'o>] {
        &self.candidates
    }

    /// With what they have left.
    pub fn into_candidates(self) -> Vec<Candidate<'o>> {
        self.candidates
    }

    fn know_agents(&mut self, tasks: &BTreeMap<String, TaskRecord>, standings: &BTreeMap<String, Regard>) {
        // Ids of agents are the master's own: nobody makes them collide.
        let mut known = HashMap::with_capacity_and_hasher(self.candidates.len(), RandomState::default());
        for chunk in self.candidates.chunk_by(|one, other| one.agent_id == other.agent_id) {
            let start = self.agents.len();
            known.insert(chunk[0].agent_id, self.members.len());
            self.agents.extend(chunk.iter().map(|_| self.members.len()));
            self.members.push(start..start + chunk.len());
        }
        self.running = vec![0; self.members.len()];
        for record in tasks.values() {
            if let Some(agent) = known.get(record.agent_id.as_str()) {
                self.running[*agent] += 1;
            }
        }
        for (agent_id, standing) in standings {
            if let Some(agent) = known.get(agent_id.as_str()) {
                self.standings[self.members[*agent].clone()].fill(*standing);
            }
        }
    }

    pub(super) fn members_of(&self, index: usize) -> Range<usize> {
        self.members[self.agents[index]].clone()
    }

    /// Whether the candidate holds one more; the task is there then.
    pub(super) fn take(&mut self, index: usize, need: &Need) -> bool {
        if !self.candidates[index].holding.take(need) {
            return false;
        }
        self.running[self.agents[index]] += 1;
        self.taken.push(self.agents[index]);
        if let Regard::OnTrial { strikes, .. } = self.standings[index] {
            let members = self.members_of(index);
            self.standings[members].fill(Regard::OnTrial { strikes, is_taken: true });
        }
        true
    }
}
