//! How many TaskManagers there shall be: a number that stays where somebody put it, or what jobs ask for.
//!
//! [`Scaler`] is pure: pictures of Flink go in, what is wanted comes out. [`driver`] takes the pictures.

#![forbid(unsafe_code)]

pub mod driver;
pub mod needs;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::time::Moment;
use domain::demand::{Asked, Bounds, Wish};

/// A job that waits although there is a slot for each of its subtasks has groups of slots that Flink does not tell
/// of (before 1.20), or asks for slots of its own size: it gets one TaskManager more after so long. Slots are
/// handed out within milliseconds, and a subtask has begun to start within a second.
const UNDERSTOOD_WITHIN: Duration = Duration::from_secs(5);

/// What Flink shows at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub taskmanagers: u32,
    pub free_slots: u32,
    pub jobs: Vec<Job>,
    /// The TaskManagers without a used slot.
    pub idle: BTreeSet<String>,
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// How many slots it has a use for; none if Flink does not tell yet.
    pub needs: Option<u32>,
    pub shortage: Shortage,
    /// Results of finished tasks may lie on TaskManagers that have no used slot.
    pub keeps_results: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// It has what it needs, or nobody knows.
    None,
    /// It runs, and would run with more slots if there were some.
    CouldGrow,
    /// Some of its subtasks wait for slots.
    Waits,
}

/// Makes a wish of each picture.
#[derive(Debug)]
pub struct Scaler {
    bounds: Bounds,
    idle_since: BTreeMap<String, Moment>,
    /// Since when jobs wait though there should be enough for them.
    puzzled_since: Option<Moment>,
    /// TaskManagers beyond those that the jobs' numbers explain.
    extra: u32,
}

impl Scaler {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, idle_since: BTreeMap::new(), puzzled_since: None, extra: 0 }
    }

    pub fn handle_picture(&mut self, picture: &Picture, now: Moment) -> Wish {
        let bounds = &self.bounds;
        let slots = picture.jobs.iter().filter_map(|job| job.needs).fold(0, u32::saturating_add);
        let explained = slots.div_ceil(bounds.slots);
        let jobs_short = picture.jobs.iter().filter(|job| job.shortage != Shortage::None).count();
        let waits = picture.jobs.iter().any(|job| job.shortage == Shortage::Waits);
        let is_known = picture.jobs.iter().all(|job| job.needs.is_some());
        let (least, most) = (bounds.least, bounds.most);

        let enough = picture.taskmanagers >= explained.saturating_add(self.extra);
        self.add_if_unexplained(waits && is_known && enough && picture.free_slots == 0, now);
        if jobs_short == 0 {
            self.extra = 0;
        }
        let taskmanagers = explained.saturating_add(self.extra);
        let wanted = taskmanagers.clamp(least, most);
        Wish {
            least: if jobs_short > 0 { wanted } else { least },
            most: if is_known { wanted } else { u32::MAX },
            idle: self.idle_for_long(picture, wanted, now),
            asked: Asked {
                slots,
                taskmanagers,
                jobs_short,
                least,
                most,
                most_by: self.bounds.most_by.clone(),
            },
        }
    }

    /// Flink does not answer: whatever happens meanwhile, nobody has been seen idle.
    pub fn handle_blindness(&mut self) {
        self.idle_since.clear();
        self.puzzled_since = None;
    }

    fn add_if_unexplained(&mut self, is_puzzled: bool, now: Moment) {
        if !is_puzzled {
            self.puzzled_since = None;
            return;
        }
        let since = *self.puzzled_since.get_or_insert(now);
        if now.since(since) >= UNDERSTOOD_WITHIN {
            self.extra += 1;
            self.puzzled_since = None;
        }
    }

    /// As many as there are beyond `wanted`, those that are idle the longest first.
    fn idle_for_long(&mut self, picture: &Picture, wanted: u32, now: Moment) -> BTreeSet<String> {
        self.idle_since.retain(|id, _| picture.idle.contains(id));
        for id in &picture.idle {
            self.idle_since.entry(id.clone()).or_insert(now);
        }
        if picture.jobs.iter().any(|job| job.keeps_results || job.needs.is_none()) {
            return BTreeSet::new();
        }
        let is_due = |(_, since): &(&String, &Moment)| now.since(**since) >= self.bounds.idle;
        let mut due: Vec<_> = self.idle_since.iter().filter(is_due).collect();
        due.sort_by_key(|(id, since)| (**since, Reverse(*id)));
        let surplus = picture.taskmanagers.saturating_sub(wanted) as usize;
        due.into_iter().take(surplus).map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
