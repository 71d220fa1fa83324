//! Many of everything. The numbers grow with `STRESS=full`, and the times that are only true on a machine with
//! nothing else to do are checked then.

use std::collections::VecDeque;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{PLACES, Place, Running, binary, children, command, helper, is_alive, until};

fn is_full() -> bool {
    std::env::var("STRESS").is_ok_and(|value| value == "full")
}

fn few_or(full: usize, few: usize) -> usize {
    if is_full() { full } else { few }
}

/// However early SIGTERM comes, the end is in order. Before `main` runs the signal itself ends an ordinary process.
#[test]
fn term_at_any_moment_of_the_start() {
    let rounds = few_or(1_000, 150) as u32;
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let mut command = Command::new(binary());
        command.args(["exec", "--verbosity", "quiet", "--"]).arg(helper()).arg("sleep");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(5) * round / rounds {
            std::hint::spin_loop();
        }
        let pid = Pid::from_raw(child.id() as i32);
        let below = children(pid);
        kill(pid, Signal::SIGTERM).expect("it is there");
        let begin = Instant::now();
        let status = until("the end", || child.try_wait().expect("a child"));
        slowest = slowest.max(begin.elapsed());
        let ended_by = std::os::unix::process::ExitStatusExt::signal(&status);
        assert!(status.code() == Some(143) || ended_by == Some(15), "{round}: {status}");
        assert!(!below.into_iter().any(is_alive), "{round}");
    }
    println!("{rounds} starts, the slowest end took {slowest:?}");
}

/// Orphans come in a storm while a main child gets signals.
#[test]
fn orphans_and_signals_at_once() {
    let (count, seconds) = (few_or(10_000, 1_000), if is_full() { "5" } else { "0.5" });
    for place in PLACES {
        let mut command = command(place, binary());
        command.arg("exec").arg("--").arg(helper()).args(["storm", &count.to_string(), seconds]);
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        let (init, begin) = (running.pid(), Instant::now());
        let (mut times, mut most) = (Vec::new(), 0);
        loop {
            let sent = Instant::now();
            running.signal(Signal::SIGUSR1);
            if running.line() == "done" {
                break;
            }
            times.push(sent.elapsed());
            // More would keep the machine from making orphans.
            std::thread::sleep(Duration::from_millis(1));
            if times.len() % 64 == 0 {
                most = most.max(children(init).len());
            }
        }
        let took = begin.elapsed();
        times.sort_unstable();
        let [middle, late, last] = [50, 99, 100].map(|percent| times[(times.len() - 1) * percent / 100]);
        println!(
            "{place:?}: {count} orphans in {took:?}, {} signals: median {middle:?}, 99 % {late:?}, slowest {last:?}; \
             at most {most} children at once",
            times.len()
        );
        if is_full() {
            assert!(took <= Duration::from_millis(5_500), "{took:?}");
            assert!(late <= Duration::from_millis(50), "{late:?}");
        }
        until("all orphans to be reaped", || (children(init).len() == 1).then_some(()));
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 0, "{place:?}");
    }
}

/// Signals in any number leave nothing behind in init.
#[test]
fn a_million_signals() {
    let count = few_or(1_000_000, 20_000);
    let mut command = command(Place::Below, binary());
    command.arg("exec").arg("--").arg(helper()).args(["print-until-term", "7"]);
    let mut running = Running::start(Place::Below, command);
    running.expect_line("ready");
    let init = running.pid();
    // The first ones touch memory that was not touched before.
    let mut before = None;
    let begin = Instant::now();
    // As many on their way as there are different signals: equal ones are merged.
    let kinds =
        [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP, Signal::SIGWINCH, Signal::SIGURG, Signal::SIGIO];
    let mut on_the_way = VecDeque::new();
    for (number, signal) in kinds.into_iter().cycle().take(count).enumerate() {
        if on_the_way.len() == kinds.len() {
            running.line();
            on_the_way.pop_front();
        }
        kill(init, signal).expect("init is there");
        on_the_way.push_back(signal);
        if on_the_way.len() == kinds.len() {
            on_the_way.drain(..).for_each(|_| drop(running.line()));
        }
        if number == count / 10 {
            before = Some(footprint(init));
        }
    }
    on_the_way.drain(..).for_each(|_| drop(running.line()));
    let (before, after) = (before.expect("a tenth of them"), footprint(init));
    println!("{count} signals in {:?}: {before:?}, then {after:?}", begin.elapsed());
    // What the start took may be given back in between.
    assert!(after.0 <= before.0 && after.1 == before.1, "{before:?} became {after:?}");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code(), 7);
}

/// Anonymous memory in kB, and descriptors.
/// Anonymous memory in kB, and open descriptors.
fn footprint(pid: Pid) -> (u32, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a field");
    let memory = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    (memory, fs::read_dir(format!("/proc/{pid}/fd")).expect("a directory").count())
}
