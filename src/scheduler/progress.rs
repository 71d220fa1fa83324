//! Telling that something takes long, at growing intervals.

use std::time::Duration;

use base::time::Moment;
use mesos::wire::status::TaskState;

use super::group::Census;
use super::report::Reason;
use super::{Note, Phase, Scheduler, Sight};
use domain::group::GroupName;

/// Nobody wonders before.
const FIRST: Duration = Duration::from_secs(10);
const MAX_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Progress {
    lacking_since: Option<Moment>,
    look_at: Option<Moment>,
    /// How often it was told since all was well.
    told: u32,
    /// When an offer's shortcoming was told last.
    told_short: Option<Moment>,
}

impl Progress {
    /// Something may take long from now on.
    pub fn begin(&mut self, now: Moment) {
        self.look_at.get_or_insert(now + FIRST);
    }

    pub fn due(&self) -> Option<Moment> {
        self.look_at
    }

    /// Whether what offers lack is told: it changes with each of them.
    pub fn tells_shortcoming(&mut self, now: Moment) -> bool {
        let tells = self.told_short.is_none_or(|told| now.since(told) >= FIRST);
        if tells {
            self.told_short = Some(now);
        }
        tells
    }

    fn wait(&self) -> Duration {
        FIRST.saturating_mul(1 << self.told.min(16)).min(MAX_WAIT)
    }
}

impl Scheduler {
    /// Called with every change.
    pub(super) fn keep_progress(&mut self, now: Moment) {
        let mut due = Vec::new();
        let lacking = &self.census.get_or_init(|| Census::of(&self.state, &self.groups)).lacking;
        for (name, group) in &mut self.groups {
            let progress = &mut group.progress;
            match (lacking.contains_key(name), progress.lacking_since) {
                (false, _) => progress.lacking_since = None,
                (true, Some(_)) => {}
                (true, None) => {
                    progress.lacking_since = Some(now);
                    progress.begin(now);
                }
            }
            if progress.look_at.is_some_and(|at| at <= now) {
                due.push(name.clone());
            }
        }
        for name in due {
            self.look_at_progress(&name, now);
        }
    }

    fn look_at_progress(&mut self, name: &GroupName, now: Moment) {
        let (oldest, starting) = self.starting(name);
        let Some(group) = self.groups.get(name) else { return };
        let lacking = group.progress.lacking_since;
        let is_long = |since: Moment| now.since(since) >= FIRST;
        let note = match (lacking, oldest) {
            (Some(since), _) if is_long(since) => self.still_lacking(name, now),
            (_, Some((since, task))) if is_long(since) => self.still_starting(&task, starting - 1, now),
            (Some(_) | None, Some(_) | None) => None,
        };
        let is_told = note.is_some();
        if let Some(note) = note {
            self.note(note);
        }
        let is_over = self.phase != Phase::Working || (lacking.is_none() && starting == 0);
        if let Some(group) = self.groups.get_mut(name) {
            let progress = &mut group.progress;
            progress.told = if is_told { progress.told + 1 } else { 0 };
            progress.look_at = (!is_over).then(|| now + progress.wait());
        }
    }

    /// Whoever watches the JobManager tells of it too.
    fn still_lacking(&self, name: &GroupName, now: Moment) -> Option<Note> {
        match self.reason(name, now) {
            Reason::Ending | Reason::JobManagerStarting => None,
            reason @ (Reason::NotSubscribed { .. }
            | Reason::FilesUnread
            | Reason::NotStored { .. }
            | Reason::Backoff { .. }
            | Reason::Probing { .. }
            | Reason::NoOffers
            | Reason::Gang { .. }
            | Reason::DoesNotFit { .. }) => {
                let (group, tasks) = (name.clone(), self.lacking(name));
                Some(Note::StillWaiting { group, tasks, why: reason.to_string() })
            }
        }
    }

    fn still_starting(&self, id: &str, others: usize, now: Moment) -> Option<Note> {
        let report = self.task_report(id, now)?;
        Some(Note::StillStarting {
            task: report.task_id,
            hostname: report.hostname,
            state: report.state,
            since_s: report.since_s,
            others,
        })
    }

    /// Of the group's tasks that are launched and do not run yet the one that is so for longest, and how many there are.
    fn starting(&self, name: &GroupName) -> (Option<(Moment, String)>, usize) {
        let starting = self.kept_of(name).filter_map(|id| {
            let seen = self.seen.get(id)?;
            let runs = match seen.what {
                Sight::Nothing | Sight::Alive(TaskState::Staging | TaskState::Starting) => false,
                Sight::Alive(_) | Sight::Missing(_) => true,
            };
            (!runs).then_some((seen.since, id))
        });
        let starting: Vec<_> = starting.collect();
        let oldest = starting.iter().min().map(|(since, id)| (*since, (*id).clone()));
        (oldest, starting.len())
    }
}
