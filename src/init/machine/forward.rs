//! What the main child gets of the signals that init receives.

use std::time::Duration;

use nix::unistd::Pid;

use super::{Machine, Stage};
use crate::action::{Action, Target};
use crate::child::State;
use crate::note::Note;
use crate::plan::{ForwardTo, Quit};
use crate::signals::{JobControl, Signal, SignalSet};
use base::time::{Deadline, Moment};

/// A JVM has its handlers a second after its start, on a busy machine a few.
pub const MAX_QUIT_DELAY: Duration = Duration::from_secs(10);

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A SIGQUIT for which the main child had no handler yet.
#[derive(Clone, Debug)]
pub struct HeldQuit {
    pid: Pid,
    again: Deadline,
    until: Deadline,
}

impl HeldQuit {
    pub fn again(&self) -> Moment {
        self.again.at()
    }
}

impl Machine {
    pub(super) fn forward(&mut self, signal: Signal, now: Moment) {
        match (self.children[self.main].state, self.options.quit) {
            (State::Waiting, _) => self.kept.insert(signal),
            (State::Alive { pid, .. }, Quit::OnceCaught) if signal == Signal::QUIT => {
                let until = Deadline::after(now, MAX_QUIT_DELAY);
                let held = HeldQuit { pid, again: Deadline::after(now, LOOK_EVERY), until };
                // Two of them ask for one thread dump.
                self.quit.get_or_insert(held);
                self.actions.push_back(Action::LookAtHandlers(pid));
            }
            (State::Alive { pid, .. }, Quit::AtOnce | Quit::OnceCaught) => {
                self.actions.push_back(Action::Signal { target: self.target(pid, signal), signal });
            }
            (State::Backoff { .. } | State::Farewell | State::Ended, _) => {}
        }
    }

    /// The answer to [`Action::LookAtHandlers`]; `None` when nobody knows.
    pub fn handle_handlers(&mut self, pid: Pid, caught: Option<SignalSet>, now: Moment) {
        let Some(held) = self.quit.take_if(|held| held.pid == pid) else { return };
        let Some((index, since)) = self.find(pid) else { return };
        // Without a word from the kernel, age stands for the handler.
        let is_ready =
            caught.map_or(now.since(since) >= MAX_QUIT_DELAY, |caught| caught.contains(Signal::QUIT));
        if is_ready {
            let target = self.target(pid, Signal::QUIT);
            self.actions.push_back(Action::Signal { target, signal: Signal::QUIT });
        } else if held.until.has_passed(now) || !matches!(self.stage, Stage::Running) {
            self.say(Note::QuitDropped { name: self.children[index].name.clone() });
        } else {
            self.quit = Some(HeldQuit { again: Deadline::after(now, LOOK_EVERY), ..held });
        }
    }

    pub(super) fn look_again(&mut self, now: Moment) {
        if let Some(held) = &self.quit
            && held.again.has_passed(now)
        {
            self.actions.push_back(Action::LookAtHandlers(held.pid));
        }
    }

    /// SIGCONT ends it for both, as it comes.
    pub(super) fn suspend(&mut self) {
        let State::Alive { pid, .. } = self.children[self.main].state else { return };
        self.actions.push_back(Action::Signal { target: Target::Group(pid), signal: Signal::STOP });
        self.actions.push_back(Action::Suspend);
    }

    pub(super) fn target(&self, pid: Pid, signal: Signal) -> Target {
        let whole_job = signal == Signal::CONT && self.options.signals.job_control == JobControl::On;
        match self.options.forward_to {
            _ if whole_job => Target::Group(pid),
            ForwardTo::Child => Target::Process(pid),
            ForwardTo::Group if signal == Signal::QUIT => Target::Process(pid),
            ForwardTo::Group | ForwardTo::GroupEvenQuit => Target::Group(pid),
        }
    }
}
