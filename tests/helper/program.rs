//! Verbs that are a main program, or a process that a main program leaves behind.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use init::signals::Signal as Any;
use init::sys;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpgrp, getpid, getsid, tcgetpgrp};

/// How long a process that stops slowly takes.
const SLOW: Duration = Duration::from_millis(200);
/// How long a link of a chain of processes lives.
const LINK: Duration = Duration::from_millis(30);

pub fn run(verb: &str, arguments: &[&str]) -> u8 {
    match (verb, arguments) {
        ("exit", [code]) => return code.parse::<u8>().expect("a code"),
        ("die-by", [signal]) => raise(signal.parse().expect("a signal")).expect("a signal"),
        ("arguments", arguments) => arguments.iter().for_each(|argument| say(argument)),
        ("env", [name]) => say(&std::env::var(name).unwrap_or_default()),
        ("print-signals", [count]) => print_signals(count.parse().expect("a count"), ""),
        ("print-signals", [count, label]) => print_signals(count.parse().expect("a count"), label),
        ("print-until-term", [code]) => return print_until_term(code),
        ("listen", []) => listen(),
        ("count-terms", [count, code]) => return count_terms(count.parse().expect("a count"), code),
        ("print-terms", [count, code]) => return print_terms(count.parse().expect("a count"), code),
        ("sleep", []) => sleep(),
        ("stop-self", [code]) => return stop_self(code),
        ("orphans", [count]) => orphans(count.parse().expect("a count")),
        ("together", [count]) => together(count.parse().expect("a count")),
        ("scatter", [count]) => {
            (0..count.parse().expect("a count")).for_each(|_: u32| drop(own(&["until-eof"])));
        }
        ("until-eof", []) => until_eof(),
        ("orphans-when-told", [count]) => orphans_when_told(count.parse().expect("a count")),
        ("storm", [count, seconds]) => {
            storm(count.parse().expect("a count"), seconds.parse().expect("a number"));
        }
        ("leader", []) => leader(),
        ("leave", [code, kinds @ ..]) => return leave(code, kinds),
        ("leftover", [kind]) => leftover(kind),
        ("look", []) => look(),
        ("descriptors", []) => descriptors(),
        ("terminal", []) => return terminal(),
        ("write-until-error", []) => return write_until_error(),
        ("change-user", []) => return change_user(),
        _ => panic!("unknown verb: {verb} {arguments:?}"),
    }
    0
}

fn say(line: &str) {
    // One write a line: several processes share the output.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// This program with another verb.
fn own(arguments: &[&str]) -> Child {
    own_command(arguments).spawn().expect("a process")
}

fn own_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::args_os().next().expect("a name"));
    command.args(arguments);
    command
}

/// All signals from now on, in the order of their numbers.
fn signals() -> SignalFd {
    SigSet::all().thread_block().expect("blocked signals");
    SignalFd::new(&SigSet::all()).expect("a signal descriptor")
}

fn next(signals: &SignalFd) -> Any {
    let signal = signals.read_signal().expect("a signal").expect("a blocking descriptor");
    Any::new(signal.ssi_signo as i32).expect("a known number")
}

fn wait_for(signals: &SignalFd, wanted: Any) {
    while next(signals) != wanted {}
}

/// Prints `ready`, then the name of each signal it gets, until it has `count`.
fn print_signals(count: usize, label: &str) {
    let signals = signals();
    say(&format!("{label}ready"));
    for _ in 0..count {
        say(&format!("{label}{}", next(&signals)));
    }
}

fn count_terms(count: usize, code: &str) -> u8 {
    let signals = signals();
    say("ready");
    (0..count).for_each(|_| wait_for(&signals, Any::TERM));
    code.parse::<u8>().expect("a code")
}

fn print_terms(count: usize, code: &str) -> u8 {
    let signals = signals();
    say("ready");
    for _ in 0..count {
        wait_for(&signals, Any::TERM);
        say("SIGTERM");
    }
    code.parse::<u8>().expect("a code")
}

fn sleep() {
    say("ready");
    forever();
}

fn forever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

fn print_until_term(code: &str) -> u8 {
    let signals = signals();
    say("ready");
    loop {
        let signal = next(&signals);
        say(&signal.to_string());
        if signal == Any::TERM {
            return code.parse::<u8>().expect("a code");
        }
    }
}

/// What a program does that is started with its sockets.
fn listen() {
    let for_me = std::env::var("LISTEN_PID").ok() == Some(getpid().to_string());
    say(&format!("for me: {for_me}, descriptor: {}", fs::read_link("/proc/self/fd/3").is_ok()));
}

fn stop_self(code: &str) -> u8 {
    say("ready");
    raise(Signal::SIGSTOP).expect("a signal");
    say("continued");
    code.parse::<u8>().expect("a code")
}

/// So many have one parent, which ends before them.
const BATCH: u32 = 10;

fn make_orphans(count: u32) {
    for first in (0..count).step_by(BATCH as usize) {
        fork_orphans(BATCH.min(count - first));
    }
}

/// Orphans without a program of their own, so that a machine makes thousands a second.
#[expect(unsafe_code, reason = "fork has no safe form")]
fn fork_orphans(count: u32) {
    // SAFETY: the children only make system calls.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Parent { child } => drop(waitpid(child, None).expect("a status")),
        ForkResult::Child => {
            for _ in 0..count {
                // SAFETY: as above.
                unsafe {
                    if fork().is_ok_and(|forked| matches!(forked, ForkResult::Child)) {
                        nix::libc::_exit(9);
                    }
                }
            }
            // SAFETY: as above.
            unsafe { nix::libc::_exit(0) }
        }
    }
}

fn orphans(count: u32) {
    make_orphans(count);
    say("done");
    forever();
}

/// Orphans that all end in the same instant.
fn together(count: u32) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut scatter = own_command(&["scatter", &count.to_string()]);
    scatter.stdin(Stdio::from(reader));
    scatter.spawn().expect("a process").wait().expect("a status");
    drop(scatter);
    drop(writer);
    say("done");
    forever();
}

fn until_eof() {
    let _ = std::io::stdin().read(&mut [0]);
}

fn orphans_when_told(count: u32) {
    let signals = signals();
    say("ready");
    wait_for(&signals, Any::TERM);
    make_orphans(count);
    say("done");
    wait_for(&signals, "USR1".parse().expect("a signal"));
}

/// Orphans spread over a time, while the main program tells every signal it gets.
fn storm(count: u32, seconds: f64) {
    let pause = Duration::from_secs_f64(seconds / f64::from(count));
    let signals = signals();
    say("ready");
    std::thread::spawn(move || {
        let begin = std::time::Instant::now();
        for number in (0..count).step_by(BATCH as usize) {
            fork_orphans(BATCH.min(count - number));
            std::thread::sleep((begin + pause * number).saturating_duration_since(std::time::Instant::now()));
        }
        say("done");
    });
    loop {
        match next(&signals) {
            Any::TERM => return,
            Any::CHLD => {}
            signal => say(&signal.to_string()),
        }
    }
}

/// Leads a group of two and tells the other when it got a signal itself.
fn leader() {
    let signals = signals();
    let member = Pid::from_raw(own(&["print-signals", "1", "member "]).id() as i32);
    loop {
        let signal = next(&signals);
        if signal != Any::CHLD {
            say(&format!("leader {signal}"));
            break;
        }
    }
    kill(member, Signal::SIGUSR1).expect("a member");
    forever();
}

fn leave(code: &str, kinds: &[&str]) -> u8 {
    for kind in kinds {
        drop(own_command(&["leftover", kind]).stdin(Stdio::null()).spawn().expect("a process"));
    }
    until_eof();
    code.parse::<u8>().expect("a code")
}

fn leftover(kind: &str) {
    match kind {
        "slow" => stop_slowly(),
        "session" => {
            nix::unistd::setsid().expect("a session");
            stop_slowly();
        }
        "stopped" => {
            say("left stopped");
            raise(Signal::SIGSTOP).expect("a signal");
            forever();
        }
        "stubborn" => {
            SigSet::all().thread_block().expect("blocked signals");
            say("left stubborn");
            forever();
        }
        "chain" => {
            say("left chain");
            drop(own(&["leftover", "link"]));
        }
        "link" => {
            std::thread::sleep(LINK);
            drop(own(&["leftover", "link"]));
        }
        kind => panic!("unknown kind: {kind}"),
    }
}

fn stop_slowly() {
    let signals = signals();
    say("left slow");
    wait_for(&signals, Any::TERM);
    std::thread::sleep(SLOW);
    say("left in order");
}

/// What a process inherits, besides its signals.
fn look() {
    let directory = std::env::current_dir().unwrap_or_default();
    let files = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("a limit");
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    say(&format!("cwd={} nofile={files:?} umask={:o}", directory.display(), mask.bits()));
    for line in fs::read_to_string("/proc/self/status").unwrap_or_default().lines() {
        if line.starts_with("SigBlk") || line.starts_with("SigIgn") {
            // The C library of whoever started this may have set those it keeps for itself.
            let (name, set) = line.split_once(":\t").expect("a field");
            let set = u64::from_str_radix(set, 16).expect("a number") & !(3 << 31);
            say(&format!("{name} {set:x}"));
        }
    }
    say(&format!("leads={}", getpgrp() == getpid()));
}

fn descriptors() {
    let entries = fs::read_dir("/proc/self/fd").expect("a directory");
    let mut open: Vec<i32> = entries
        .flatten()
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|path| !path.starts_with("/proc")))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    open.sort_unstable();
    say(&format!("{open:?}"));
}

/// Whether it is in front of the terminal, and then how often Ctrl-C comes.
fn terminal() -> u8 {
    let signals = signals();
    let front = tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp());
    let same = nix::unistd::ttyname(std::io::stdin()).is_ok() && getsid(None).is_ok();
    say(&format!("front={}", front && same));
    loop {
        match next(&signals).to_string().as_str() {
            "SIGCHLD" | "SIGCONT" => {}
            "SIGUSR1" => return 3,
            signal => say(signal),
        }
    }
}

fn write_until_error() -> u8 {
    sys::ignore_sigpipe();
    say("ready");
    loop {
        if std::io::stdout().write_all(b"x\n").is_err() {
            return 9;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Needs to be executed with the set-user-id bit: leaves init's user altogether.
fn change_user() -> u8 {
    nix::unistd::setuid(nix::unistd::Uid::from_raw(0)).expect("the right to change the user");
    say("ready");
    until_eof();
    3
}
