//! Signals in: what is forwarded, to whom, and what it becomes.

use std::time::{Duration, Instant};

use init::signals::{Signal as Any, SignalSet};

use super::adapter::{Program, Receiver, Wish};
use super::look::{expect_nothing_left, is_stopped, send, status, until};
use super::running::Running;
use super::stage::{Fault, Launch, Outcome, Place, Stage, check, expect, failed};
use super::{Case, case};

pub const CASES: &[Case] = &[
    Case {
        id: "B1",
        behaviour: "SIGTERM 0 to 5 ms after the start ends it in order, nothing is left",
        run: term_at_any_moment,
        // A signal that comes between fork and exec is handled in the child by a function that does nothing.
        luck: &[Program::DumbInit],
    },
    case("B2", "no signal handler is installed in it", no_handlers),
    case("B3a", "each of the standard signals reaches the program exactly once", standard_signals),
    case("B3b", "so does each real-time signal", real_time_signals),
    case(
        "B4",
        "SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP and SIGSYS from another process are forwarded",
        fault_signals,
    ),
    Case {
        id: "B5a",
        behaviour: "SIGTERM that is pending before the start ends it with 143",
        run: pending_term,
        // It passes the signal on before the program is there, or after: once in six runs on a busy machine.
        luck: &[Program::DumbInit],
    },
    Case {
        id: "B5b",
        behaviour: "SIGHUP that is pending before the start reaches the program once",
        run: pending_hangup,
        luck: &[Program::DumbInit],
    },
    case("B7a", "the program alone gets a signal, when so asked", child_alone),
    case("B7b", "the whole process group gets it, when so asked", whole_group),
    case(
        "B7c",
        "SIGQUIT goes to the program alone even then: it asks a JVM for a thread dump and kills others",
        quit_alone,
    ),
    case("B8a", "signals are rewritten and dropped", rewriting),
    case("B9", "a further signal stops the program, as SIGPWR or SIGRTMIN+3", further_stop_signal),
    case("B10", "many SIGTERM in a row leave the program its time", many_terms),
    case("B12", "a stopped program gets SIGCONT after SIGTERM and so ends", stopped_program),
    Case {
        id: "B13a",
        behaviour: "SIGTSTP, SIGTTIN and SIGTTOU do not stop it",
        run: job_signals,
        // It stops itself after it has passed a signal on, and what comes before that is passed on too.
        luck: &[Program::DumbInit],
    },
    case("B13b", "SIGTSTP stops and SIGCONT continues the program, when so asked", job_control),
    case(
        "B22",
        "SIGSTOP, SIGTERM and SIGCONT to every process, as Mesos does it, is the same as SIGTERM",
        kill_tree,
    ),
];

/// Starts per run of the first case; the full number runs in the stress test.
const STARTS: u32 = 25;

fn term_at_any_moment(stage: &Stage) -> Outcome {
    for round in 0..STARTS {
        let mut running = stage.start(Launch::new(&["sleep"]))?;
        let moment = Instant::now() + Duration::from_millis(5) * round / STARTS;
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        running.signal("TERM")?;
        until("the end", || {
            // Before PID 1 has blocked its signals the kernel drops them.
            if let (Place::First, false, Some(init)) =
                (stage.place, running.has_ended(), running.init_if_there())
            {
                let _ = send(init, signal("TERM"));
            }
            running.has_ended().then_some(())
        })?;
        running.expect_code(143)?;
        expect_nothing_left()?;
    }
    Ok(())
}

fn no_handlers(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["print-signals", "1"]))?;
    let caught = status(running.init()?, "SigCgt")?;
    expect(u64::from_str_radix(&caught, 16).unwrap_or(1) & !(3 << 31), 0)
}

const FAULTS: [&str; 7] = ["SEGV", "BUS", "ILL", "FPE", "ABRT", "TRAP", "SYS"];

fn standard_signals(stage: &Stage) -> Outcome {
    // Of one that stops the stop signals nothing is expected but those; SIGCONT follows an order to stop.
    let left_out = ["KILL", "STOP", "CHLD", "TSTP", "TTIN", "TTOU", "CONT", "INT", "TERM"];
    let left_out: SignalSet = left_out.iter().chain(&FAULTS).map(|name| signal(name)).collect();
    let all = Any::all().filter(|signal| signal.number() < 32 && !left_out.contains(*signal));
    let all: Vec<_> = all.chain(["CONT", "INT"].map(signal)).collect();
    forwarded(stage, &all)
}

fn real_time_signals(stage: &Stage) -> Outcome {
    let all = Any::all().filter(|signal| signal.number() > 31 && !signal.belongs_to_libc());
    forwarded(stage, &all.collect::<Vec<_>>())
}

fn fault_signals(stage: &Stage) -> Outcome {
    forwarded(stage, &FAULTS.map(signal))
}

fn forwarded(stage: &Stage, signals: &[Any]) -> Outcome {
    let count = signals.len().to_string();
    let mut running = ready(stage, Launch::new(&["print-signals", &count]))?;
    for signal in signals {
        running.send(*signal)?;
        running.expect_line(&signal.to_string())?;
    }
    running.expect_code(0)
}

fn pending_term(stage: &Stage) -> Outcome {
    let mut running =
        stage.start(Launch::new(&["count-terms", "2", "0"]).before(&[&["pending", "SIGTERM"]]))?;
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(143)
}

fn pending_hangup(stage: &Stage) -> Outcome {
    let launch = Launch::new(&["print-signals", "2"]).before(&[&["pending", "SIGHUP"]]);
    let mut running = ready(stage, launch)?;
    running.expect_line("SIGHUP")?;
    running.signal("USR1")?;
    running.expect_line("SIGUSR1")?;
    running.expect_code(0)
}

fn child_alone(stage: &Stage) -> Outcome {
    in_group(stage, Receiver::Child, "HUP", "SIGUSR1")
}

fn whole_group(stage: &Stage) -> Outcome {
    in_group(stage, Receiver::Group, "HUP", "SIGHUP")
}

fn quit_alone(stage: &Stage) -> Outcome {
    in_group(stage, Receiver::Group, "QUIT", "SIGUSR1")
}

/// The leader tells the member with SIGUSR1 when it got a signal itself.
fn in_group(stage: &Stage, to: Receiver, sent: &str, member: &str) -> Outcome {
    let launch = Launch::new(&["leader"]).wish(Wish { to, ..Wish::default() });
    let mut running = stage.start(launch)?;
    running.expect_line("member ready")?;
    running.signal(sent)?;
    let mut lines = [running.line()?, running.line()?];
    lines.sort();
    expect(lines, [format!("leader SIG{sent}"), format!("member {member}")])
}

fn rewriting(stage: &Stage) -> Outcome {
    let wish = Wish { rewrites: &[("HUP", Some("USR1")), ("USR2", None)], ..Wish::default() };
    let mut running = ready(stage, Launch::new(&["print-signals", "2"]).wish(wish))?;
    for (sent, printed) in [("USR2", None), ("HUP", Some("SIGUSR1")), ("WINCH", Some("SIGWINCH"))] {
        running.signal(sent)?;
        if let Some(printed) = printed {
            running.expect_line(printed)?;
        }
    }
    running.expect_code(0)
}

fn further_stop_signal(stage: &Stage) -> Outcome {
    let wish = Wish { stop_on: Some("PWR"), ..Wish::default() };
    let running = ready(stage, Launch::new(&["count-terms", "1", "7"]).wish(wish))?;
    running.signal("PWR")?;
    running.expect_code(7)
}

fn many_terms(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["print-terms", "5", "7"]))?;
    for _ in 0..5 {
        running.signal("TERM")?;
        running.expect_line("SIGTERM")?;
    }
    running.expect_code(7)
}

fn stopped_program(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["stop-self", "1"]))?;
    let main = running.main()?;
    until("the stop", || is_stopped(main).then_some(()))?;
    running.signal("TERM")?;
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(143)
}

fn job_signals(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["print-signals", "4"]))?;
    for signal in ["TSTP", "TTIN", "TTOU"] {
        running.signal(signal)?;
    }
    running.signal("USR1")?;
    while running.line()? != "SIGUSR1" {}
    check(!is_stopped(running.init()?), "it is stopped")
}

fn job_control(stage: &Stage) -> Outcome {
    let wish = Wish { job_control: true, ..Wish::default() };
    let mut running = ready(stage, Launch::new(&["sleep"]).wish(wish))?;
    let (init, main) = (running.init()?, running.main()?);
    running.signal("TSTP")?;
    until("the stop of the program", || is_stopped(main).then_some(()))?;
    if stage.place == Place::Below {
        until("its own stop", || is_stopped(init).then_some(()))?;
    }
    running.signal("CONT")?;
    until("both to go on", || (!is_stopped(main) && !is_stopped(init)).then_some(()))?;
    running.signal("TERM")?;
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(143)
}

fn kill_tree(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["sleep"]))?;
    let (init, main) = (running.init()?, running.main()?);
    for signal in ["STOP", "TERM", "CONT"].map(signal) {
        for pid in [init, main] {
            // The first one that goes on may have passed it on already, and both have ended.
            let _ = send(pid, signal);
        }
    }
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(143)
}

pub fn signal(name: &str) -> Any {
    name.parse().expect("a signal")
}

/// Started, and the main program has said that it is ready.
pub fn ready(stage: &Stage, launch: Launch<'_>) -> Result<Running, Fault> {
    let mut running = stage.start(launch)?;
    match running.line()?.as_str() {
        "ready" => Ok(running),
        line => failed(format!("expected ready, got {line:?}")),
    }
}
