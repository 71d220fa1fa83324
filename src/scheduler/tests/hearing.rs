//! What the worker was told of whom the JobManager hears, and what it may make of that.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::Cluster;
use super::groups::Targets;
use crate::report::{Registration, Report};
use crate::spec::Patience;
use crate::witness::Registered;
use base::time::Moment;
use domain::state::{Goal, State, TaskRecord};

/// Who was heard within this time is heard.
const HEARD: Duration = Duration::from_secs(15);

/// A JobManager that has not answered for so long is away.
const AWAY: Duration = Duration::from_secs(10);

/// Of one worker.
#[derive(Default)]
pub struct Hearing {
    answered: Option<Moment>,
    /// Since when answers come without a break.
    since: Moment,
    last: Registered,
    /// When an answer said last that it was heard again.
    heard: BTreeMap<String, Moment>,
    /// When it was in an answer last.
    listed: BTreeMap<String, Moment>,
    /// When one was ended last while nobody was heard.
    ended_blindly: Option<Moment>,
}

type Judgement = Result<(), String>;

impl Hearing {
    /// The worker is about to hear an answer.
    pub fn told(&mut self, registered: &Registered, now: Moment) {
        if self.answered.is_none_or(|answered| now.since(answered) >= AWAY) {
            self.since = now;
        }
        self.answered = Some(now);
        for (id, heartbeat) in registered {
            self.listed.insert(id.clone(), now);
            if self.last.get(id) != Some(heartbeat) {
                self.heard.insert(id.clone(), now);
            }
        }
        self.last.clone_from(registered);
    }

    /// The JobManager has said that it does not hear it.
    pub fn is_silent(&self, id: &str) -> bool {
        self.answered.is_some() && !self.is_heard(id)
    }

    /// What the JobManager said of it last does not count any more.
    pub fn is_out_of_date(&self, id: &str, now: Moment) -> bool {
        self.heard.get(id).is_none_or(|heard| now.since(*heard) >= Patience::default().kept)
    }

    fn is_heard(&self, id: &str) -> bool {
        let heard = self.heard.get(id).zip(self.answered);
        heard.is_some_and(|(heard, answered)| answered.since(*heard) < HEARD)
    }

    /// A state is being stored in place of another: who gives way, or ends, because it is not heard?
    /// Those of a group that is gone or has ended have to go in any case.
    pub fn stored(&mut self, old: &State, new: &State, targets: &Targets, now: Moment) -> Judgement {
        let was = |id: &String| old.tasks.get(id);
        let gives_way = |record: &TaskRecord| record.goal == Goal::Replace && record.unheard;
        let is_heard = new.tasks.keys().filter(|id| self.is_heard(id)).count();
        let begins = |(id, record): &(&String, &TaskRecord)| {
            gives_way(record) && was(id).is_some_and(|old| !old.unheard)
        };
        let mut has_begun = false;
        for (id, _) in new.tasks.iter().filter(begins) {
            has_begun = true;
            self.may_give_way(id, now)?;
        }
        let giving_way = new.tasks.values().filter(|record| gives_way(record)).count();
        if has_begun && giving_way > is_heard.max(1) {
            return Err(format!("{giving_way} give way at once, and {is_heard} are heard"));
        }
        let ends = |(id, record): &(&String, &TaskRecord)| {
            let is_wanted = targets.get(&record.group).is_some_and(|target| *target > 0);
            let ends = record.goal == Goal::End && was(id).is_some_and(|old| old.goal != Goal::End);
            ends && record.unheard && is_wanted
        };
        for (id, _) in new.tasks.iter().filter(ends) {
            self.is_present(id, now)?;
            if self.is_heard(id) {
                return Err(format!("{id} is heard and ended because it is not"));
            }
            let before = if is_heard == 0 { self.ended_blindly.replace(now) } else { None };
            if before.is_some_and(|before| now.since(before) < Patience::default().heartbeat_timeout) {
                return Err(format!("{id} is ended, one in a row, and nobody is heard"));
            }
        }
        Ok(())
    }

    fn is_present(&self, id: &str, now: Moment) -> Judgement {
        match self.answered {
            Some(answered) if now.since(answered) < AWAY => Ok(()),
            Some(_) | None => Err(format!("{id} has to go while the JobManager is away")),
        }
    }

    fn may_give_way(&self, id: &str, now: Moment) -> Judgement {
        self.is_present(id, now)?;
        if self.is_heard(id) {
            return Err(format!("{id} is heard and gives way"));
        }
        let patience = Patience::default();
        let was_listed = self.listed.get(id).is_some_and(|listed| *listed >= self.since);
        let least = if was_listed { patience.heartbeat_timeout } else { patience.register };
        let silent = now.since(self.heard.get(id).map_or(self.since, |heard| (*heard).max(self.since)));
        if silent < least {
            return Err(format!("{id} is replaced after {} s", silent.as_secs()));
        }
        Ok(())
    }

    /// What the worker says that runs.
    pub fn counted(&self, report: &Report, stored: &State, cluster: &Cluster) -> Judgement {
        for task in report.tasks.iter().filter(|task| task.runs()) {
            let id = &task.task_id;
            if task.registration == Registration::Registered && !self.heard.contains_key(id) {
                return Err(format!("{id} runs, and was never heard"));
            }
            let owner = cluster.framework_of(id);
            if owner.is_some() && owner != stored.framework_id.as_deref() {
                return Err(format!("{id} counts, and is of another framework"));
            }
        }
        let run =
            |name: &str| report.tasks.iter().filter(|task| task.runs() && task.group.text() == name).count();
        let groups = report.groups.iter().map(|(name, group)| (&name[..], group.running));
        let alone = ("taskmanager", report.running);
        let mut counted = groups.chain(report.groups.is_empty().then_some(alone));
        match counted.find(|(name, running)| run(name) != *running) {
            None => Ok(()),
            Some((name, running)) => Err(format!("{running} of {name} are said to run")),
        }
    }
}
