//! Telling that something takes long, at growing intervals.

use std::time::Duration;

use base::time::Moment;
use mesos::wire::status::TaskState;

use super::report::Reason;
use super::{Note, Phase, Scheduler, Sight};
use domain::state::Goal;

/// Nobody wonders before.
const FIRST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(300);

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
        FIRST.saturating_mul(1 << self.told.min(16)).min(MOST)
    }
}

impl Scheduler {
    /// Called with every change.
    pub(super) fn keep_progress(&mut self, now: Moment) {
        match (self.lacking(), self.progress.lacking_since) {
            (0, _) => self.progress.lacking_since = None,
            (_, Some(_)) => {}
            (_, None) => {
                self.progress.lacking_since = Some(now);
                self.progress.begin(now);
            }
        }
        if self.progress.look_at.is_some_and(|at| at <= now) {
            self.look_at_progress(now);
        }
    }

    fn look_at_progress(&mut self, now: Moment) {
        let (oldest, starting) = self.starting();
        let lacking = self.progress.lacking_since;
        let is_long = |since: Moment| now.since(since) >= FIRST;
        let note = match (lacking, oldest) {
            (Some(since), _) if is_long(since) => self.still_lacking(now),
            (_, Some((since, task))) if is_long(since) => self.still_starting(&task, starting - 1, now),
            (Some(_) | None, Some(_) | None) => None,
        };
        match note {
            Some(note) => {
                self.note(note);
                self.progress.told += 1;
            }
            None => self.progress.told = 0,
        }
        let is_over = self.phase != Phase::Working || (lacking.is_none() && starting == 0);
        self.progress.look_at = (!is_over).then(|| now + self.progress.wait());
    }

    /// Whoever watches the JobManager tells of it too.
    fn still_lacking(&self, now: Moment) -> Option<Note> {
        match self.reason(now) {
            Reason::Ending | Reason::JobManagerStarting => None,
            reason @ (Reason::NotSubscribed { .. }
            | Reason::FilesUnread
            | Reason::NotStored { .. }
            | Reason::Backoff { .. }
            | Reason::Probing { .. }
            | Reason::NoOffers
            | Reason::Gang { .. }
            | Reason::DoesNotFit { .. }) => {
                Some(Note::StillWaiting { taskmanagers: self.lacking(), why: reason.to_string() })
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

    /// Of the TaskManagers that are launched and do not run yet the one that is so for longest, and how many there are.
    fn starting(&self) -> (Option<(Moment, String)>, usize) {
        let starting = self.seen.iter().filter(|(id, seen)| {
            let runs = match seen.what {
                Sight::Nothing | Sight::Alive(TaskState::Staging | TaskState::Starting) => false,
                Sight::Alive(_) | Sight::Missing(_) => true,
            };
            !runs && self.goal(id) == Some(Goal::Run)
        });
        let starting: Vec<_> = starting.map(|(id, seen)| (seen.since, id)).collect();
        let oldest = starting.iter().min().map(|(since, id)| (*since, (*id).clone()));
        (oldest, starting.len())
    }
}
