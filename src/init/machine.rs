//! The stage machine of init: which child is started, signalled or given up, and when the container ends.
//!
//! ```text
//! Starting ─→ Running ─→ Stopping ─→ Sweeping ─→ Done
//!     └───────────────────↗  └─→ Killing ←┘ └───↗
//! ```
//!
//! Stopping: the plan's children get SIGTERM in their order. Sweeping: everything else that lives below init
//! gets it. Killing: the one deadline of both is over.

use std::collections::VecDeque;
use std::time::Duration;

use nix::unistd::Pid;

use super::action::{Action, Outcome, Rest};
use super::child::{Child, State, Told};
use super::note::{Cause, Note};
use super::plan::{Kind, Options, Plan};
use super::signals::{Handling, Signal, SignalSet};
use super::status::{Ended, remap};
use base::exit::Exit;
use base::time::{Deadline, Moment};
use forward::HeldQuit;

mod forward;
mod stop;

/// A helper that lived this long was well; its crashes are counted anew.
pub const STEADY_RUN: Duration = Duration::from_secs(60);

/// How often the rest is looked for while it is ended, to catch what was forked meanwhile.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Starting {
        next: usize,
    },
    Running,
    /// `order` was told last and has until `share`.
    Stopping {
        deadline: Deadline,
        order: u8,
        share: Deadline,
    },
    Sweeping {
        deadline: Deadline,
        again: Deadline,
    },
    Killing {
        bound: Deadline,
        again: Deadline,
    },
    Done {
        at: Moment,
    },
}

#[derive(Debug)]
pub struct Machine {
    children: Vec<Child>,
    main: usize,
    options: Options,
    grace: Duration,
    began: Moment,
    stage: Stage,
    /// Signals that came before the main child did.
    kept: SignalSet,
    /// Set when the stop begins.
    cause: Option<Cause>,
    /// What the main child gets as its order to stop.
    main_stop: Signal,
    main_end: Option<Ended>,
    quit: Option<HeldQuit>,
    actions: VecDeque<Action>,
}

impl Machine {
    /// `plan` must have passed [`Plan::check`].
    pub fn new(plan: &Plan, now: Moment) -> Self {
        Self {
            children: plan.children.iter().map(Child::new).collect(),
            main: plan.children.iter().position(|child| matches!(child.kind, Kind::Main)).unwrap_or(0),
            options: plan.options.clone(),
            grace: plan.grace(),
            began: now,
            stage: Stage::Starting { next: 0 },
            kept: SignalSet::EMPTY,
            cause: None,
            main_stop: plan.options.signals.term(),
            main_end: None,
            quit: None,
            actions: VecDeque::new(),
        }
    }

    /// The next order; the driver carries out all of them before it brings the next event, so that none is
    /// about a process that is gone. `Start` is given one at a time: signals may come between two.
    pub fn next_action(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        let Stage::Starting { next } = &mut self.stage else { return None };
        let start = *next;
        if start == self.children.len() {
            self.stage = Stage::Running;
            return Some(Action::Settle);
        }
        *next += 1;
        Some(Action::Start(start))
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match &self.stage {
            Stage::Starting { .. } | Stage::Done { .. } => None,
            Stage::Running => {
                let quit = self.quit.as_ref().map(HeldQuit::again);
                self.children.iter().filter_map(Child::restart_at).chain(quit).min()
            }
            Stage::Stopping { deadline, share, .. } => Some(deadline.at().min(share.at())),
            Stage::Sweeping { deadline, again } => Some(deadline.at().min(again.at())),
            Stage::Killing { bound, again } => Some(bound.at().min(again.at())),
        }
    }

    /// Whether one of the plan's children lives.
    pub fn has_living(&self) -> bool {
        self.children.iter().any(Child::is_alive)
    }

    /// How the main child has ended, if it has.
    pub fn main_end(&self) -> Option<Ended> {
        self.main_end
    }

    /// Set once everything is over.
    pub fn outcome(&self) -> Option<Outcome> {
        let (Stage::Done { at }, Some(cause)) = (&self.stage, &self.cause) else { return None };
        Some(Outcome {
            code: remap(self.code(cause), matches!(cause, Cause::Signal { .. }), &self.options.remaps),
            cause: cause.clone(),
            main: self.main_end,
            main_killed: self.children[self.main].told == Told::Kill,
            after: at.since(self.began),
            oom_kills: 0,
        })
    }

    pub fn handle_signal(&mut self, signal: Signal, sender: i32, now: Moment) {
        match self.options.signals.handling(signal) {
            Handling::Reap | Handling::Drop => {}
            Handling::Forward(signal) => self.forward(signal, now),
            Handling::Suspend => self.suspend(),
            Handling::Stop(main_stop) => match self.stage {
                Stage::Starting { .. } | Stage::Running => {
                    self.main_stop = main_stop;
                    self.stop(Cause::Signal { signal, sender }, now);
                }
                // Repeated orders to stop never shorten the grace: `docker stop` after Ctrl-C, and Mesos,
                // which signals the whole tree, send several. The main child gets them once it was told.
                Stage::Stopping { .. } | Stage::Sweeping { .. } | Stage::Killing { .. } => {
                    if self.children[self.main].told != Told::Nothing {
                        self.forward(main_stop, now);
                    }
                }
                Stage::Done { .. } => {}
            },
        }
    }

    pub fn handle_started(&mut self, index: usize, pid: Pid, now: Moment) {
        self.children[index].state = State::Alive { pid, since: now };
        self.say(Note::Started { name: self.children[index].name.clone(), pid });
        if index == self.main {
            let kept = std::mem::take(&mut self.kept);
            kept.iter().for_each(|signal| self.forward(signal, now));
        }
    }

    /// The driver has already said why.
    pub fn handle_start_failed(&mut self, index: usize, exit: Exit, random: f64, now: Moment) {
        self.children[index].state = State::Ended;
        match self.stage {
            Stage::Starting { .. } if self.children[index].is_vital() => {
                let name = self.children[index].name.clone();
                self.stop(Cause::StartFailed { name, code: exit.code() }, now);
            }
            Stage::Starting { .. } | Stage::Running => self.crashed(index, Duration::ZERO, random, now),
            Stage::Stopping { .. } => self.tell_next(now),
            Stage::Sweeping { .. } | Stage::Killing { .. } | Stage::Done { .. } => {}
        }
    }

    /// A child or an adopted process was reaped; `random` is uniform in `0.0 .. 1.0`.
    pub fn handle_ended(&mut self, pid: Pid, ended: Ended, random: f64, now: Moment) {
        let Some((index, since)) = self.find(pid) else {
            self.say(Note::OrphanEnded { pid, ended });
            return;
        };
        let (name, ran) = (self.children[index].name.clone(), now.since(since));
        self.children[index].state = State::Ended;
        let told = self.children[index].told;
        self.say(Note::Ended { name: name.clone(), pid, ended, ran, told });
        if index == self.main {
            self.main_end = Some(ended);
        }
        match self.stage {
            Stage::Starting { .. } | Stage::Running if index == self.main => {
                self.stop(Cause::MainEnded { name }, now);
            }
            Stage::Starting { .. } | Stage::Running => match ended {
                Ended::Exited(code) if self.children[index].ends_with(code) => {
                    if self.children[index].is_urgent(code) {
                        self.grace = Duration::ZERO;
                    }
                    self.stop(Cause::HelperEnded { name, code }, now);
                }
                Ended::Exited(_) | Ended::Killed { .. } | Ended::Unknown => {
                    self.crashed(index, ran, random, now);
                }
            },
            Stage::Stopping { .. } => self.tell_next(now),
            Stage::Sweeping { .. } | Stage::Killing { .. } | Stage::Done { .. } => {}
        }
    }

    /// Everything that had ended was reaped.
    pub fn handle_reaped(&mut self, rest: Rest, now: Moment) {
        let own_left = self.has_living();
        match (&self.stage, rest) {
            (Stage::Starting { .. } | Stage::Done { .. }, _) => {}
            (_, Rest::None) if own_left => self.lost(now),
            (Stage::Stopping { .. } | Stage::Sweeping { .. } | Stage::Killing { .. }, Rest::None) => {
                self.stage = Stage::Done { at: now };
                self.say_remapped();
            }
            (Stage::Stopping { deadline, .. }, Rest::Some) if !own_left => {
                let deadline = *deadline;
                self.stage = Stage::Sweeping { deadline, again: Deadline::after(now, SWEEP_EVERY) };
                self.say(Note::Sweeping);
                self.actions.push_back(Action::SignalRest(Signal::TERM));
            }
            (Stage::Running, Rest::None | Rest::Some)
            | (Stage::Stopping { .. } | Stage::Sweeping { .. } | Stage::Killing { .. }, Rest::Some) => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        let next = Deadline::after(now, SWEEP_EVERY);
        match self.stage.clone() {
            Stage::Starting { .. } | Stage::Done { .. } => {}
            Stage::Running => {
                self.restart(now);
                self.look_again(now);
            }
            Stage::Stopping { deadline, .. } | Stage::Sweeping { deadline, .. }
                if deadline.has_passed(now) =>
            {
                self.deadline_passed(deadline, now);
            }
            Stage::Stopping { share, .. } if share.has_passed(now) => self.tell_next(now),
            Stage::Sweeping { deadline, again } if again.has_passed(now) => {
                self.stage = Stage::Sweeping { deadline, again: next };
                self.actions.push_back(Action::SignalRest(Signal::TERM));
            }
            Stage::Killing { bound, .. } if bound.has_passed(now) => {
                self.say(Note::Unkillable { alive: self.alive() });
                self.stage = Stage::Done { at: now };
                self.say_remapped();
            }
            Stage::Killing { bound, again } if again.has_passed(now) => {
                self.stage = Stage::Killing { bound, again: next };
                self.actions.push_back(Action::SignalRest(Signal::KILL));
            }
            Stage::Stopping { .. } | Stage::Sweeping { .. } | Stage::Killing { .. } => {}
        }
    }

    fn crashed(&mut self, index: usize, ran: Duration, random: f64, now: Moment) {
        let child = &mut self.children[index];
        let name = child.name.clone();
        match child.crashed(ran, random, now) {
            Ok(wait) => self.say(Note::Restarting { name, wait }),
            Err(crashes) => {
                self.say(Note::KeptCrashing { name: name.clone(), crashes });
                self.stop(Cause::HelperKeptCrashing { name }, now);
            }
        }
    }

    fn restart(&mut self, now: Moment) {
        for (index, child) in self.children.iter_mut().enumerate() {
            if child.restart_at().is_some_and(|at| at <= now) {
                child.state = State::Waiting;
                self.actions.push_back(Action::Start(index));
            }
        }
    }

    /// The kernel says that no child is left while the table has some: their statuses went elsewhere.
    fn lost(&mut self, now: Moment) {
        let pids: Vec<_> = self.children.iter().filter_map(Child::pid).collect();
        for pid in pids {
            self.handle_ended(pid, Ended::Unknown, 0.0, now);
        }
        self.handle_reaped(Rest::None, now);
    }

    fn code(&self, cause: &Cause) -> u8 {
        match cause {
            Cause::Signal { signal, .. } => match self.main_end {
                Some(_) if self.was_interrupted() => 128 + self.main_stop.number() as u8,
                Some(ended) => ended.code(),
                None if self.children[self.main].is_alive() => 128 + Signal::KILL.number() as u8,
                None => 128 + signal.number() as u8,
            },
            Cause::MainEnded { .. } => self.main_end.unwrap_or(Ended::Unknown).code(),
            Cause::HelperEnded { code, .. } | Cause::StartFailed { code, .. } => *code,
            Cause::HelperKeptCrashing { .. } => Exit::Software.code(),
        }
    }

    /// Whether the main child ended by its own code because the order to stop met it at a bad moment.
    fn was_interrupted(&self) -> bool {
        let was_told = self.children[self.main].told == Told::Stop;
        let code = self.main_end.map(Ended::code);
        was_told && code.is_some_and(|code| self.options.interrupted_codes.contains(&code))
    }

    fn say_remapped(&mut self) {
        let (Some(outcome), Some(cause)) = (self.outcome(), &self.cause) else { return };
        let from = match self.main_end {
            Some(ended) if self.was_interrupted() => ended.code(),
            Some(_) | None => self.code(cause),
        };
        if from != outcome.code {
            self.say(Note::Remapped { from, to: outcome.code });
        }
    }

    fn find(&self, pid: Pid) -> Option<(usize, Moment)> {
        self.children.iter().enumerate().find_map(|(index, child)| match child.state {
            State::Alive { pid: alive, since } if alive == pid => Some((index, since)),
            State::Waiting | State::Alive { .. } | State::Backoff { .. } | State::Farewell | State::Ended => {
                None
            }
        })
    }

    fn alive(&self) -> Vec<String> {
        self.children.iter().filter(|child| child.is_alive()).map(|child| child.name.clone()).collect()
    }

    fn say(&mut self, note: Note) {
        self.actions.push_back(Action::Say(note));
    }
}

#[cfg(test)]
mod tests;
