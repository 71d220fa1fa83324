//! Tasks that failed: how long their replacements wait, and when it is enough. Each group waits and counts for itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Deadline, Moment};
use domain::group::GroupName;
use mesos::event::StatusUpdate;
use mesos::wire::status::Reason;

use super::group::Group;
use super::spec::TooMany;
use super::{Failure, Note, Scheduler};

/// Each cause has a backoff of its own: one that waits long keeps nobody waiting who failed of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The master or an agent would not have it, or somebody ended it.
    Refused,
    /// It failed before it ran.
    Start,
    Run,
    /// It took more memory than it was given.
    Memory,
}

impl Cause {
    pub fn of_failure(update: &StatusUpdate, has_run: bool) -> Self {
        match update.reason {
            Some(Reason::ContainerLimitationMemory) => Self::Memory,
            Some(_) | None if has_run => Self::Run,
            Some(_) | None => Self::Start,
        }
    }
}

/// So many tasks are not replaced before `until`; others may start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hold {
    pub since: Moment,
    pub until: Deadline,
    pub places: usize,
    pub cause: String,
}

impl Hold {
    /// Of the whole group, after too many failures.
    fn rest(now: Moment, span: Duration, cause: String) -> Self {
        Self { since: now, until: Deadline::after(now, span), places: usize::MAX, cause }
    }

    pub fn is_rest(&self) -> bool {
        self.places == usize::MAX
    }
}

/// The rounds of failures of one cause. All that were launched before a round began and fail in it are of that round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    backoff: Backoff,
    began: Moment,
    wait: Duration,
}

/// Rounds by cause.
#[derive(Clone, Debug)]
pub(super) struct Relaunches {
    policy: BackoffPolicy,
    rounds: BTreeMap<Cause, Rounds>,
}

impl Relaunches {
    pub fn new(policy: BackoffPolicy) -> Self {
        Self { policy, rounds: BTreeMap::new() }
    }

    /// How long the place of one that was launched at `launched` and fails now waits.
    fn wait(&mut self, cause: Cause, launched: Moment, random: f64, now: Moment) -> Duration {
        let fresh = Rounds { backoff: Backoff::new(self.policy), began: now, wait: Duration::ZERO };
        let is_first = !self.rounds.contains_key(&cause);
        let rounds = self.rounds.entry(cause).or_insert(fresh);
        if is_first || launched >= rounds.began {
            *rounds = Rounds { wait: rounds.backoff.failed(random), began: now, ..*rounds };
        }
        rounds.wait
    }

    pub fn rounds(&self, cause: Cause) -> u32 {
        self.rounds.get(&cause).map_or(0, |rounds| rounds.backoff.attempts())
    }

    /// One ran well.
    pub fn succeeded(&mut self) {
        self.rounds.clear();
    }
}

impl Group {
    /// Whether none is launched after too many failures.
    pub fn rests(&self, now: Moment) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_rest() && !hold.until.has_passed(now))
    }
}

/// When tasks failed, as far as that counts; forgotten with the worker, unlike their number.
pub(super) type Recent = VecDeque<Moment>;

impl Scheduler {
    /// The replacement of one of the group that was launched at `launched` waits.
    pub(super) fn hold_back(
        &mut self,
        name: &GroupName,
        cause: Cause,
        text: &str,
        launched: Moment,
        now: Moment,
    ) {
        self.let_go(now);
        let random = self.random.f64();
        let Some(group) = self.groups.get_mut(name) else { return };
        let wait = group.relaunches.wait(cause, launched, random, now);
        let until = Deadline::after(now, wait);
        match &mut group.hold {
            Some(hold) => {
                hold.places = hold.places.saturating_add(1);
                if launched >= hold.since && hold.until < until {
                    hold.until = until;
                    text.clone_into(&mut hold.cause);
                }
            }
            None => group.hold = Some(Hold { since: now, until, places: 1, cause: text.to_owned() }),
        }
    }

    pub(super) fn let_go(&mut self, now: Moment) {
        for group in self.groups.values_mut() {
            group.hold.take_if(|hold| hold.until.has_passed(now));
            group.try_at.take_if(|at| at.has_passed(now));
        }
    }

    pub(super) fn count_failure(&mut self, name: &GroupName, now: Moment) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let stored = self.state.group_mut(name);
        stored.failures = stored.failures.saturating_add(1);
        let (Some(most), Some(within)) = (group.spec.max_failures, group.spec.failures_within) else {
            return;
        };
        let recent = &mut group.recent_failures;
        recent.push_back(now);
        let is_old = |at: &Moment| now.since(*at) > within;
        while recent.len() > most as usize + 1 || recent.front().is_some_and(is_old) {
            recent.pop_front();
        }
    }

    /// What becomes of the group when too many of its tasks have failed.
    pub(super) fn weigh_failures(&mut self, name: &GroupName, now: Moment) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let within = group.spec.failures_within;
        let failures = match within {
            None => self.state.group(name).failures,
            Some(_) => u32::try_from(group.recent_failures.len()).unwrap_or(u32::MAX),
        };
        if group.spec.max_failures.is_none_or(|most| failures <= most) {
            return;
        }
        match group.spec.after_too_many {
            TooMany::EndFramework => self.fail(Failure::TooManyFailures { failures, within }),
            TooMany::Rest(rest) => {
                group.recent_failures.clear();
                group.relaunches.succeeded();
                let last = group.hold.take().map(|hold| hold.cause).unwrap_or_default();
                let cause = format!("{failures} tasks have failed, the last: {last}");
                group.hold = Some(Hold::rest(now, rest, cause.clone()));
                self.state.group_mut(name).failures = 0;
                self.note(Note::Resting { group: name.clone(), rest_s: rest.as_secs(), cause });
            }
        }
    }
}
