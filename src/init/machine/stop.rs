//! The end: who is told when, and what happens when the time is over.

use std::time::Duration;

use super::{Machine, SWEEP_EVERY, Stage};
use crate::action::{Action, Target};
use crate::child::{Child, State, Told};
use crate::note::{Cause, Note};
use crate::plan::Continuation;
use crate::signals::Signal;
use base::time::{Deadline, Moment};

/// How long processes may take to die of SIGKILL: a large heap is unmapped in about a second, and one that
/// hangs in the kernel is left to the end of the PID namespace.
pub const KILL_BOUND: Duration = Duration::from_secs(2);

/// A timer later than this was not late but frozen (cgroup freezer, suspended machine); the children were
/// too, and get [`FRESH_GRACE`].
const FROZEN: Duration = Duration::from_secs(1);
const FRESH_GRACE: Duration = Duration::from_secs(1);

impl Machine {
    pub(super) fn stop(&mut self, cause: Cause, now: Moment) {
        self.say(Note::Stopping { cause: cause.clone(), grace: self.grace });
        self.cause = Some(cause);
        self.children.iter_mut().for_each(Child::settle);
        self.stage = Stage::Stopping {
            deadline: Deadline::after(now, self.grace),
            order: 0,
            share: Deadline::after(now, Duration::ZERO),
        };
        if self.grace.is_zero() {
            self.kill(now);
        } else {
            self.tell_next(now);
        }
    }

    /// Tells the next order to stop, if those told before have ended or their share is over.
    pub(super) fn tell_next(&mut self, now: Moment) {
        let Stage::Stopping { deadline, order, share } = self.stage else { return };
        let told =
            |child: &&Child| child.is_alive() && child.told != Told::Nothing && child.stop_order == order;
        let late: Vec<_> = self.children.iter().filter(told).map(|child| child.name.clone()).collect();
        if !late.is_empty() && !share.has_passed(now) {
            return;
        }
        let untold = |child: &&Child| {
            child.told == Told::Nothing && (child.is_alive() || child.state == State::Farewell)
        };
        let Some(order) = self.children.iter().filter(untold).map(|child| child.stop_order).min() else {
            self.stage = Stage::Stopping { deadline, order, share: deadline };
            return;
        };
        late.into_iter().for_each(|name| self.say(Note::ShareOver { name }));
        let mut share = Duration::ZERO;
        for index in 0..self.children.len() {
            let child = &mut self.children[index];
            if child.stop_order != order || child.told != Told::Nothing {
                continue;
            }
            let pid = match child.state {
                State::Alive { pid, .. } => pid,
                State::Farewell => {
                    child.told = Told::Stop;
                    share = share.max(child.stop_share);
                    self.actions.push_back(Action::StartForFarewell(index));
                    continue;
                }
                State::Waiting | State::Backoff { .. } | State::Ended => continue,
            };
            child.told = Told::Stop;
            share = share.max(child.stop_share);
            let (target, signal) = if index == self.main {
                (self.target(pid, self.main_stop), self.main_stop)
            } else {
                (Target::Process(pid), Signal::TERM)
            };
            self.actions.push_back(Action::Signal { target, signal });
            // A stopped process cannot act on SIGTERM.
            if self.options.continuation == Continuation::On {
                self.actions.push_back(Action::Signal { target, signal: Signal::CONT });
            }
        }
        self.stage = Stage::Stopping { deadline, order, share: Deadline::after(now, share) };
    }

    pub(super) fn deadline_passed(&mut self, deadline: Deadline, now: Moment) {
        if now.since(deadline.at()) < FROZEN {
            self.kill(now);
            return;
        }
        let fresh = Deadline::after(now, FRESH_GRACE);
        match &mut self.stage {
            Stage::Stopping { deadline, share, .. } => (*deadline, *share) = (fresh, fresh.min(*share)),
            Stage::Sweeping { deadline, .. } => *deadline = fresh,
            Stage::Starting { .. } | Stage::Running | Stage::Killing { .. } | Stage::Done { .. } => {}
        }
        self.tell_next(now);
    }

    pub(super) fn kill(&mut self, now: Moment) {
        self.say(Note::GraceOver { after: self.grace, alive: self.alive() });
        for index in 0..self.children.len() {
            let State::Alive { pid, .. } = self.children[index].state else { continue };
            self.children[index].told = Told::Kill;
            self.actions.push_back(Action::Signal { target: Target::Process(pid), signal: Signal::KILL });
            self.actions.push_back(Action::Signal { target: Target::Group(pid), signal: Signal::KILL });
        }
        self.actions.push_back(Action::SignalRest(Signal::KILL));
        self.stage = Stage::Killing {
            bound: Deadline::after(now, KILL_BOUND),
            again: Deadline::after(now, SWEEP_EVERY),
        };
    }
}
