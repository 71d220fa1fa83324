//! Everything below init that is not one of the plan's children: how it is found and signalled.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::{Driver, InitKind};
use crate::action::{Rest, Target};
use crate::plan::Continuation;
use crate::signals::Signal;
use crate::sys::Sys;
use crate::tree::Process;

/// One look at the process table may miss what is being forked; so many looks in a row catch all but a fork
/// bomb, which later rounds of the machine go on with.
const MAX_LOOKS: usize = 20;

impl<S: Sys> Driver<'_, S> {
    /// What is left when no child is: orphans that somebody else has adopted, in the groups of the plan's children.
    pub(super) fn rest_of_groups(&mut self) -> Rest {
        if self.standing != InitKind::Plain || self.machine.has_living() {
            return Rest::None;
        }
        let sys = &mut *self.sys;
        self.groups.retain(|group| sys.is_populated(*group));
        if self.groups.is_empty() { Rest::None } else { Rest::Some }
    }

    pub(super) fn signal_rest(&mut self, signal: Signal) {
        match self.standing {
            InitKind::First => self.signal_namespace(signal),
            InitKind::Subreaper => self.signal_descendants(signal),
            InitKind::Plain => {
                self.signal_descendants(signal);
                self.signal_groups(signal);
            }
        }
    }

    fn signal_namespace(&mut self, signal: Signal) {
        // SIGTERM once is enough; what was forked since then is killed in the end.
        let first = self.told.insert(Process { pid: Pid::from_raw(-1), started: 0 });
        if signal != Signal::KILL && !first {
            return;
        }
        for signal in self.with_continuation(signal) {
            match self.sys.kill_namespace(signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => self.failed(&format!("send {signal} to all"), errno),
            }
        }
    }

    fn signal_descendants(&mut self, signal: Signal) {
        let mut killed = BTreeSet::new();
        for _ in 0..MAX_LOOKS {
            let Ok(mut found) = self.sys.descendants() else { return self.signal_groups(signal) };
            let seen = if signal == Signal::KILL { &mut killed } else { &mut self.told };
            found.retain(|process| seen.insert(*process));
            if found.is_empty() {
                return;
            }
            for process in found {
                self.kill_with_continuation(Target::Process(process.pid), signal);
            }
        }
    }

    /// Without `/proc` nobody knows the descendants; most are still in the groups of the plan's children. The
    /// number of a group is not given away as long as it has members.
    fn signal_groups(&mut self, signal: Signal) {
        for group in self.groups.clone() {
            let first = self.told.insert(Process { pid: Pid::from_raw(-group.as_raw()), started: 0 });
            if signal == Signal::KILL || first {
                self.kill_with_continuation(Target::Group(group), signal);
            }
        }
    }

    fn kill_with_continuation(&mut self, target: Target, signal: Signal) {
        for signal in self.with_continuation(signal) {
            self.kill(target, signal);
        }
    }

    /// What is stopped cannot act on SIGTERM.
    fn with_continuation(&self, signal: Signal) -> impl Iterator<Item = Signal> + use<S> {
        let continues = signal != Signal::KILL && self.plan.options.continuation == Continuation::On;
        std::iter::once(signal).chain(continues.then_some(Signal::CONT))
    }
}
