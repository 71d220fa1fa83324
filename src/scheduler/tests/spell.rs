//! Times in which no TaskManager starts anywhere, and how many fail in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::mutations::Mutation;
use super::simulation::{Item, Run};
use base::time::Moment;
use domain::group::GroupName;
use mesos::event::StatusUpdate;
use mesos::wire::status::TaskState;
use mini_mesos::agent::{ContainerId, End, ProcessEvent};

/// While nothing starts.
pub struct Spell {
    since: Moment,
    /// Agents cannot start them; otherwise they end by themselves soon after.
    is_agents_doing: bool,
    failed: BTreeMap<GroupName, BTreeSet<String>>,
    /// What else happened allows so many more.
    excused: u64,
}

/// Besides all that were launched before anybody could know: those that fail until it is noticed, and some more.
const FAILURES_AT_ONCE: u64 = 8;

/// The waits double from half a second to a minute, each shortened by up to a fifth.
const TRIES_UNTIL_LONGEST_WAIT: u64 = 9;
const LONGEST_WAIT_AT_LEAST_S: u64 = 48;

impl Run {
    pub(super) fn begin_spell(&mut self) {
        if self.spell.is_some() {
            return;
        }
        self.log(|| "from now on nothing starts".to_owned());
        self.spell = Some(Spell {
            since: self.now,
            is_agents_doing: self.random.bool(),
            failed: BTreeMap::new(),
            excused: 0,
        });
        let seconds = self.random.u64(60..400);
        self.after(Duration::from_secs(seconds), Item::SpellEnds);
    }

    pub(super) fn end_spell(&mut self) {
        if self.spell.take().is_some() {
            self.log(|| "from now on TaskManagers start again".to_owned());
        }
    }

    /// Whether the process that is to start fails.
    pub(super) fn fails_in_spell(&mut self, host: usize, container: &ContainerId) -> bool {
        let Some(spell) = &self.spell else { return false };
        let first = Duration::from_millis(self.random.u64(10..3_000));
        let process = |event| Item::Process { host, container: container.clone(), event };
        if spell.is_agents_doing {
            let event = ProcessEvent::FailedToStart { message: "no such image".to_owned() };
            self.after(first, process(event));
        } else {
            self.after(first, process(ProcessEvent::Started { pid: 1 }));
            let then = first + Duration::from_millis(self.random.u64(10..3_000));
            self.after(then, process(ProcessEvent::Ended(End::Exited(1))));
        }
        true
    }

    /// Something else happened, after which up to so many more may fail.
    pub(super) fn excuse(&mut self, failures: u64) {
        if let Some(spell) = &mut self.spell {
            spell.excused += failures;
        }
    }

    pub(super) fn count_in_spell(&mut self, update: &StatusUpdate) {
        let id = update.task_id.text();
        let group = self.oracle.group_of(id).cloned().unwrap_or_default();
        let target = self.target_of(&group);
        let Some(spell) = &mut self.spell else { return };
        if update.state != Some(TaskState::Failed) {
            return;
        }
        let failed = spell.failed.entry(group).or_default();
        failed.insert(id.to_owned());
        let failed = failed.len();
        let tries = self.now.since(spell.since).as_secs() / LONGEST_WAIT_AT_LEAST_S;
        let most = FAILURES_AT_ONCE + u64::from(target) + TRIES_UNTIL_LONGEST_WAIT + tries + spell.excused;
        if failed as u64 > most {
            let since = self.now.since(spell.since).as_secs();
            self.violate(format!("{failed} TaskManagers failed at their start in {since} s, {most} may"));
        }
    }

    /// What a scheduler would do that never learns.
    pub(super) fn forget_failures(&mut self) {
        if self.mutation == Mutation::LaunchAllAgain
            && let Some(worker) = &mut self.worker
        {
            worker.scheduler.launch_all_again();
        }
    }
}
