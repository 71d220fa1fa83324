//! The loop against a kernel that fails where it can.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use super::*;
use crate::plan::{Continuation, Inherited, Options, Quit, Restart, Verbosity};
use crate::signals::{JobControl, SignalSet};
use crate::spawn::SpawnError;
use crate::status::Ended;
use crate::sys::Received;
use base::time::Moment;

/// Everything of [`Sys`] that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Wait,
    TakeSignal,
    Reap,
    Kill,
    KillNamespace,
    Descendants,
    Spawn,
    LeaveDirectory,
    Suspend,
    Caught,
    OomKills,
}

/// All of them; a new one goes at the end, so that none can be forgotten.
fn calls() -> Vec<Call> {
    let mut calls = vec![Call::Wait];
    while let Some(call) = after(calls[calls.len() - 1]) {
        calls.push(call);
    }
    calls
}

fn after(call: Call) -> Option<Call> {
    Some(match call {
        Call::Wait => Call::TakeSignal,
        Call::TakeSignal => Call::Reap,
        Call::Reap => Call::Kill,
        Call::Kill => Call::KillNamespace,
        Call::KillNamespace => Call::Descendants,
        Call::Descendants => Call::Spawn,
        Call::Spawn => Call::LeaveDirectory,
        Call::LeaveDirectory => Call::Suspend,
        Call::Suspend => Call::Caught,
        Call::Caught => Call::OomKills,
        Call::OomKills => return None,
    })
}

/// What becomes of a run in which the call fails a few times, and in which it always fails.
struct Expected {
    passing: u8,
    lasting: Option<u8>,
}

/// Without an exit code a run would have no end: nothing can be known of signals or children any more, and the
/// container manager's SIGKILL is left.
fn expected(call: Call) -> Expected {
    match call {
        Call::Wait
        | Call::LeaveDirectory
        | Call::Suspend
        | Call::Caught
        | Call::OomKills
        | Call::Descendants => Expected { passing: 143, lasting: Some(143) },
        Call::TakeSignal | Call::Reap => Expected { passing: 143, lasting: None },
        // SIGTERM and SIGCONT to both are four; the fifth attempt is SIGKILL.
        Call::Kill => Expected { passing: 137, lasting: Some(137) },
        Call::KillNamespace => Expected { passing: 143, lasting: Some(143) },
        // At the start a refused fork is an error of the system.
        Call::Spawn => Expected { passing: 71, lasting: Some(71) },
    }
}

#[test]
fn any_call_may_fail_with_any_error() {
    let errnos =
        [Errno::EINTR, Errno::EAGAIN, Errno::EPERM, Errno::ENOSYS, Errno::ENOMEM, Errno::EINVAL, Errno::EIO];
    for call in calls() {
        let Expected { passing, lasting } = expected(call);
        for (errno, standing) in
            errnos.into_iter().flat_map(|errno| STANDINGS.map(|standing| (errno, standing)))
        {
            let runs = [(5, Some(passing)), (u32::MAX, lasting)];
            // Interrupted for ever is nothing that a kernel does.
            let skip = |times| {
                errno == Errno::EINTR && times == u32::MAX && matches!(call, Call::TakeSignal | Call::Reap)
            };
            for (times, code) in runs.into_iter().filter(|(times, _)| !skip(*times)) {
                let Some(code) = code else { continue };
                let mut fake = Fake::new(Nature::Obeys);
                let quit = (Duration::from_secs(1), "QUIT".parse().unwrap());
                let stop = (Duration::from_secs(2), Signal::TSTP);
                fake.coming.push_front(stop);
                fake.coming.push_front(quit);
                fake.living.insert(7, Nature::Obeys);
                fake.faults.insert(call, Fault { after: 0, times, errno });
                let mut plan = plan();
                plan.options.quit = Quit::OnceCaught;
                plan.options.signals.job_control = JobControl::On;
                let outcome = run(&plan, standing, Foreground::Leave, &mut fake);
                assert!(fake.asked.contains(&call) || not_asked(call, standing), "{call:?} was never made");
                assert_eq!(outcome.code, code, "{call:?} {errno} {times} {standing:?}");
            }
        }
    }
}

/// What is only done in some standings.
fn not_asked(call: Call, standing: InitKind) -> bool {
    match call {
        Call::KillNamespace => standing != InitKind::First,
        Call::Descendants => standing == InitKind::First,
        _ => false,
    }
}

/// A call fails `times` with `errno`, after it was well `after` times.
#[derive(Clone, Copy, Debug)]
struct Fault {
    after: u32,
    times: u32,
    errno: Errno,
}

impl Fault {
    fn always(errno: Errno) -> Self {
        Self { after: 0, times: u32::MAX, errno }
    }
}

/// What a process does when it gets SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    Obeys,
    Ignores,
}

/// A kernel with virtual time. Pids count from 100.
struct Fake {
    now: Moment,
    /// Signals to init, with the time they come.
    coming: VecDeque<(Duration, Signal)>,
    nature: Nature,
    living: BTreeMap<i32, Nature>,
    /// Processes that somebody else has adopted, with their groups.
    elsewhere: BTreeMap<i32, (i32, Nature)>,
    ended: VecDeque<(i32, Ended)>,
    next_pid: i32,
    faults: BTreeMap<Call, Fault>,
    sent: Vec<(Target, Signal)>,
    turns: u32,
    oom_kills: u64,
    asked: BTreeSet<Call>,
}

impl Fake {
    fn new(nature: Nature) -> Self {
        Self {
            now: Moment::START,
            coming: VecDeque::from([(Duration::from_secs(5), Signal::TERM)]),
            nature,
            living: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            ended: VecDeque::new(),
            next_pid: 100,
            faults: BTreeMap::new(),
            sent: Vec::new(),
            turns: 0,
            oom_kills: 4,
            asked: BTreeSet::new(),
        }
    }

    fn fail(&mut self, call: Call) -> Result<(), Errno> {
        self.asked.insert(call);
        let Some(fault) = self.faults.get_mut(&call) else { return Ok(()) };
        if fault.after > 0 {
            fault.after -= 1;
        } else if fault.times > 0 {
            fault.times -= 1;
            return Err(fault.errno);
        }
        Ok(())
    }

    fn hit(&mut self, pid: i32, signal: Signal) -> Result<(), Errno> {
        let nature = *self.living.get(&pid).ok_or(Errno::ESRCH)?;
        let dies = signal == Signal::KILL || (signal == Signal::TERM && nature == Nature::Obeys);
        if dies {
            self.living.remove(&pid);
            self.ended.push_back((pid, Ended::Killed { signal, core_dumped: false }));
        }
        Ok(())
    }
}

impl Sys for Fake {
    fn now(&self) -> Moment {
        self.now
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        self.turns += 1;
        assert!(self.turns < 1_000, "turns without end");
        self.fail(Call::Wait)?;
        if !self.ended.is_empty() {
            return Ok(());
        }
        let coming = self.coming.front().map(|(at, _)| (Moment::START + *at).since(self.now));
        let span = timeout.into_iter().chain(coming).min().expect("sleeps for ever");
        self.now = self.now + span;
        Ok(())
    }

    fn pause(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn take_signal(&mut self) -> Result<Option<Received>, Errno> {
        self.fail(Call::TakeSignal)?;
        let due = |at: &Duration| Moment::START + *at <= self.now;
        let signal = self.coming.pop_front_if(|(at, _)| due(at));
        Ok(signal.map(|(_, signal)| Received { signal, sender: 1 }))
    }

    fn reap(&mut self) -> Result<Reaped, Errno> {
        self.fail(Call::Reap)?;
        Ok(match self.ended.pop_front() {
            Some((pid, ended)) => {
                self.living.remove(&pid);
                Reaped::Child { pid: Pid::from_raw(pid), ended }
            }
            None if self.living.is_empty() => Reaped::NoneLeft,
            None => Reaped::NoneEnded,
        })
    }

    fn kill(&mut self, target: Target, signal: Signal) -> Result<(), Errno> {
        self.sent.push((target, signal));
        self.fail(Call::Kill)?;
        let number = match target {
            Target::Process(pid) => return self.hit(pid.as_raw(), signal),
            Target::Group(group) => group.as_raw(),
        };
        let before = self.elsewhere.len();
        self.elsewhere.retain(|_, (group, nature)| {
            *group != number
                || (signal != Signal::KILL && (signal != Signal::TERM || *nature == Nature::Ignores))
        });
        if self.elsewhere.len() < before { Ok(()) } else { self.hit(number, signal) }
    }

    fn kill_namespace(&mut self, signal: Signal) -> Result<(), Errno> {
        self.fail(Call::KillNamespace)?;
        let all: Vec<_> = self.living.keys().copied().collect();
        all.into_iter().try_for_each(|pid| self.hit(pid, signal))
    }

    fn descendants(&mut self) -> io::Result<Vec<Process>> {
        self.fail(Call::Descendants)?;
        let process = |pid: &i32| Process { pid: Pid::from_raw(*pid), started: 1 };
        Ok(self.living.keys().map(process).collect())
    }

    fn spawn(&mut self, _: &Spawn<'_>) -> Result<Pid, SpawnError> {
        self.fail(Call::Spawn).map_err(SpawnError::Fork)?;
        self.next_pid += 1;
        self.living.insert(self.next_pid, self.nature);
        Ok(Pid::from_raw(self.next_pid))
    }

    fn leave_directory(&mut self) -> Result<OwnedFd, Errno> {
        self.fail(Call::LeaveDirectory)?;
        Ok(std::fs::File::open("/").expect("a directory").into())
    }

    fn is_populated(&mut self, group: Pid) -> bool {
        let living = self.living.contains_key(&group.as_raw());
        living || self.elsewhere.values().any(|(of, _)| *of == group.as_raw())
    }

    fn shrink(&mut self) {}

    fn suspend(&mut self) -> Result<(), Errno> {
        self.fail(Call::Suspend)
    }

    fn caught(&mut self, _: Pid) -> io::Result<SignalSet> {
        self.fail(Call::Caught)?;
        Ok([Signal::QUIT].into_iter().collect())
    }

    fn oom_kills(&mut self) -> io::Result<u64> {
        self.fail(Call::OomKills)?;
        self.oom_kills += 3;
        Ok(self.oom_kills)
    }
}

fn plan() -> Plan {
    let child = |name: &str, kind, stop_order| Child {
        name: name.into(),
        kind,
        program: name.into(),
        argv: Vec::new(),
        env: Vec::new(),
        cwd: None,
        keep_fds: Vec::new(),
        stdout: None,
        stderr: None,
        stop_order,
        stop_share_ms: 1_000,
    };
    let helper = Kind::Helper {
        restart: Restart::default(),
        ending_codes: vec![0],
        urgent_codes: Vec::new(),
        farewell: None,
    };
    Plan {
        children: vec![child("main", Kind::Main, 1), child("helper", helper, 0)],
        grace_ms: 9_000,
        options: Options { verbosity: Verbosity::Quiet, ..Options::default() },
        inherited: Inherited::default(),
        status_fd: None,
        cleanup: Vec::new(),
    }
}

fn run_with(fake: &mut Fake, standing: InitKind) -> Outcome {
    run(&plan(), standing, Foreground::Leave, fake)
}

const STANDINGS: [InitKind; 3] = [InitKind::First, InitKind::Subreaper, InitKind::Plain];

#[test]
fn a_refused_kill_ends_in_bounded_time() {
    for standing in STANDINGS {
        for errno in [Errno::EPERM, Errno::ESRCH, Errno::EINTR, Errno::ENOSYS] {
            let mut fake = Fake::new(Nature::Obeys);
            for call in [Call::Kill, Call::KillNamespace] {
                fake.faults.insert(call, Fault::always(errno));
            }
            let outcome = run_with(&mut fake, standing);
            assert_eq!(outcome.code, 137, "{errno} {standing:?}");
            assert_eq!(outcome.after, Duration::from_secs(5 + 9 + 2));
        }
    }
}

#[test]
fn what_ignores_term_is_killed_even_without_a_process_table() {
    for standing in STANDINGS {
        for times in [0, u32::MAX] {
            let mut fake = Fake::new(Nature::Ignores);
            fake.faults.insert(Call::Descendants, Fault { after: 0, times, errno: Errno::ENOENT });
            let outcome = run_with(&mut fake, standing);
            assert_eq!((outcome.code, outcome.main_killed), (137, true), "{standing:?} {times}");
            assert!(fake.living.is_empty());
            assert_eq!(outcome.after, Duration::from_secs(5 + 9));
        }
    }
}

#[test]
fn adopted_processes_are_swept() {
    for standing in STANDINGS {
        let mut fake = Fake::new(Nature::Obeys);
        fake.living.insert(7, Nature::Obeys);
        fake.living.insert(8, Nature::Ignores);
        let outcome = run_with(&mut fake, standing);
        assert_eq!(outcome.code, 143);
        assert!(fake.living.is_empty(), "{standing:?}");
        assert_eq!(outcome.after, Duration::from_secs(5 + 9));
    }
}

#[test]
fn no_fork_at_the_start_is_an_error_of_the_system() {
    let mut fake = Fake::new(Nature::Obeys);
    fake.faults.insert(Call::Spawn, Fault::always(Errno::EAGAIN));
    assert_eq!(run_with(&mut fake, InitKind::First).code, 71);
    assert_eq!(fake.next_pid, 100);
}

#[test]
fn no_fork_for_a_helper_is_tried_again() {
    let mut fake = Fake::new(Nature::Obeys);
    fake.coming = VecDeque::from([(Duration::from_secs(100), Signal::TERM)]);
    // The helper has crashed before the loop looks for the first time.
    fake.ended.push_back((102, Ended::Exited(3)));
    fake.faults.insert(Call::Spawn, Fault { after: 2, times: 3, errno: Errno::EAGAIN });
    let outcome = run_with(&mut fake, InitKind::First);
    assert_eq!((outcome.code, fake.next_pid), (143, 103));
}

#[test]
fn nothing_is_signalled_after_it_was_reaped() {
    for standing in STANDINGS {
        let mut fake = Fake::new(Nature::Obeys);
        run_with(&mut fake, standing);
        let term = |pid| (Target::Process(Pid::from_raw(pid)), Signal::TERM);
        let order: Vec<_> = fake.sent.iter().filter(|(_, signal)| *signal == Signal::TERM).collect();
        assert_eq!(order, [&term(102), &term(101)], "{standing:?}");
        assert_eq!(fake.sent.len(), 4);
    }
}

#[test]
fn orphans_that_went_elsewhere_are_ended_by_their_group() {
    for (nature, after) in [(Nature::Obeys, 5), (Nature::Ignores, 5 + 9)] {
        let mut fake = Fake::new(Nature::Obeys);
        fake.elsewhere.insert(7, (101, nature));
        // In no group of ours.
        fake.elsewhere.insert(8, (55, Nature::Obeys));
        let outcome = run_with(&mut fake, InitKind::Plain);
        assert_eq!((outcome.code, outcome.after.as_secs()), (143, after), "{nature:?}");
        assert_eq!(fake.elsewhere.keys().copied().collect::<Vec<_>>(), [8]);
        let terms = [(Target::Group(Pid::from_raw(101)), Signal::TERM)];
        let found: Vec<_> = fake.sent.iter().filter(|sent| terms.contains(sent)).collect();
        assert_eq!(found.len(), 1, "told once: {:?}", fake.sent);
        assert!(!fake.sent.iter().any(|(target, _)| *target == Target::Group(Pid::from_raw(55))));
    }
}

#[test]
fn a_group_without_members_is_forgotten() {
    let mut fake = Fake::new(Nature::Obeys);
    fake.coming = VecDeque::from([(Duration::from_secs(100), Signal::TERM)]);
    fake.ended.push_back((102, Ended::Exited(3)));
    fake.living.insert(7, Nature::Ignores);
    fake.faults.insert(Call::Descendants, Fault::always(Errno::ENOENT));
    run_with(&mut fake, InitKind::Plain);
    let of_crashed = Target::Group(Pid::from_raw(102));
    assert!(!fake.sent.iter().any(|(target, _)| *target == of_crashed), "{:?}", fake.sent);
}

#[test]
fn sigcont_is_left_out_when_so_asked() {
    for standing in STANDINGS {
        let mut fake = Fake::new(Nature::Obeys);
        fake.living.insert(7, Nature::Obeys);
        let mut plan = plan();
        plan.options.continuation = Continuation::Off;
        let outcome = run(&plan, standing, Foreground::Leave, &mut fake);
        assert_eq!(outcome.code, 143);
        assert!(fake.sent.iter().all(|(_, signal)| *signal != Signal::CONT), "{:?}", fake.sent);
    }
}
