//! The end of everything else, and how long it may take.

use std::time::{Duration, Instant};

use super::adapter::{Program, Wish, Words};
use super::look::{children, expect_nothing_left, is_stopped, pipe, until};
use super::running::Running;
use super::signals::ready;
use super::stage::{Fault, Launch, Outcome, Stage, check, expect};
use super::{Case, case};

pub const CASES: &[Case] = &[
    case("B45a", "what the program leaves behind gets SIGTERM and its time, then it ends", leaves_slow),
    case("B45b", "also in a session of its own", leaves_session),
    case("B45c", "and when it is stopped", leaves_stopped),
    case("B45d", "what ignores SIGTERM is killed after the grace", leaves_stubborn),
    case("B46", "so is the program itself: 137", stubborn_program),
    Case {
        id: "B47",
        behaviour: "processes that fork one after the other do not escape",
        run: leaves_chain,
        // It signals its session once and does not look again.
        luck: &[Program::DumbInit],
    },
    case("B48", "no grace kills at once", no_grace),
    case("B51", "it ends though nobody reads a full stderr", full_stderr),
];

fn leave(stage: &Stage, wish: Wish, kind: &str) -> Result<Running, Fault> {
    let mut running = stage.start(Launch::new(&["leave", "5", kind]).wish(wish))?;
    let line = running.line()?;
    check(line.starts_with("left "), format!("got {line:?}"))?;
    Ok(running)
}

/// In order, and before its own end.
fn in_order(stage: &Stage, kind: &str) -> Outcome {
    let end = leave(stage, Wish::default(), kind)?.end()?;
    expect((end.code, end.stdout.as_str()), (5, "left in order\n"))?;
    expect_nothing_left()
}

fn leaves_slow(stage: &Stage) -> Outcome {
    in_order(stage, "slow")
}

fn leaves_session(stage: &Stage) -> Outcome {
    in_order(stage, "session")
}

fn leaves_stopped(stage: &Stage) -> Outcome {
    let running = leave(stage, Wish::default(), "stopped")?;
    let main = running.main()?;
    until("the stop", || children(main).iter().any(|pid| is_stopped(*pid)).then_some(()))?;
    running.expect_code(5)?;
    expect_nothing_left()
}

fn leaves_stubborn(stage: &Stage) -> Outcome {
    leave(stage, Wish { grace: Some("300ms"), ..Wish::default() }, "stubborn")?.expect_code(5)?;
    expect_nothing_left()
}

fn stubborn_program(stage: &Stage) -> Outcome {
    let wish = Wish { grace: Some("300ms"), ..Wish::default() };
    let running = ready(stage, Launch::new(&["count-terms", "3", "0"]).wish(wish))?;
    let begin = Instant::now();
    running.signal("TERM")?;
    running.signal("TERM")?;
    running.expect_code(137)?;
    check(begin.elapsed() >= Duration::from_millis(300), format!("{:?} is too early", begin.elapsed()))
}

fn leaves_chain(stage: &Stage) -> Outcome {
    leave(stage, Wish::default(), "chain")?.expect_code(5)?;
    expect_nothing_left()
}

fn no_grace(stage: &Stage) -> Outcome {
    let wish = Wish { grace: Some("0"), ..Wish::default() };
    let running = ready(stage, Launch::new(&["count-terms", "3", "0"]).wish(wish))?;
    running.signal("TERM")?;
    running.expect_code(137)
}

fn full_stderr(stage: &Stage) -> Outcome {
    let (reader, writer) = pipe();
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).expect("a flag");
    while nix::unistd::write(&writer, &[b'x'; 4096]).is_ok() {}
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).expect("a flag");
    let wish = Wish { words: Words::All, ..Wish::default() };
    let launch = Launch { stderr: Some(writer), ..Launch::new(&["exit", "6"]).wish(wish) };
    let mut running = stage.start(launch)?;
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(6)?;
    drop(reader);
    Ok(())
}
