//! Not PID 1, and hostile places.

use std::fs;

use super::adapter::{Program, Wish};
use super::look::{directory, status, until};
use super::running::Running;
use super::signals::ready;
use super::stage::{Fault, Launch, Outcome, Place, Stage, expect, needs_root};
use super::{Case, case};

pub const CASES: &[Case] = &[
    case("B38", "one inside the other: exit codes and signals pass both", nested),
    case("B39", "an empty root without /proc, /tmp, /dev and users is enough", empty_root),
    case("B40", "so are any uid, no capabilities and no new privileges", any_user),
    case(
        "B41a",
        "pidfd_open, close_range, statx and clone3 that are refused with ENOSYS change nothing",
        old_kernel,
    ),
    case("B41b", "nor do refusals with EPERM", old_filter),
    case("B42", "nor does the lack of all system calls that are newer than Linux 3.10", oldest_kernel),
    case("B63", "idle it is never woken", idle),
];

/// Forwards, reaps, passes the code on.
fn works(mut running: Running) -> Outcome {
    running.signal("HUP")?;
    running.expect_line("SIGHUP")?;
    running.signal("TERM")?;
    running.expect_line("SIGTERM")?;
    running.expect_code(7)
}

const MAIN: &[&str] = &["print-until-term", "7"];

fn nested(stage: &Stage) -> Outcome {
    let mut command = stage.command(Wish::default())?;
    command.push("--".into());
    let inner = stage.command(Wish::default())?;
    command.extend(inner);
    let main: Vec<_> = MAIN.iter().map(Into::into).collect();
    command.extend(["--".into(), stage.helper.clone().into_os_string()].into_iter().chain(main));
    let mut running = stage.start_command(&command, Launch::new(&[]))?;
    running.expect_line("ready")?;
    works(running)
}

fn empty_root(stage: &Stage) -> Outcome {
    let program = match stage.program {
        Program::Ours | Program::Catatonit => stage.path.clone(),
        Program::Tini => stage.path.with_file_name("tini-static"),
        // Debian's needs the C library's files.
        Program::DumbInit => return Err(Fault::NoOption),
    };
    let directory = directory()?;
    for (from, to) in [(&program, "init"), (&stage.helper, "helper")] {
        fs::copy(from, directory.path().join(to)).map_err(|error| Fault::Unable(error.to_string()))?;
    }
    let inside = Stage { path: "/init".into(), helper: stage.helper.clone(), ..*stage };
    let mut command = inside.command(Wish::default())?;
    command.extend(["--".into(), "/helper".into()]);
    command.extend(MAIN.iter().map(Into::into));
    let root = directory.path().to_str().expect("a plain path");
    if stage.place == Place::Below {
        needs_root()?;
    }
    let mut running = stage.start_command(&command, Launch::new(&[]).before(&[&["root", root]]))?;
    running.expect_line("ready")?;
    works(running)
}

fn any_user(stage: &Stage) -> Outcome {
    needs_root()?;
    let directory = directory()?;
    let stage = stage.in_public(directory.path())?;
    works(ready(&stage, Launch::new(MAIN).before(&[&["as-user", "34567", "no-new-privileges"]]))?)
}

fn old_kernel(stage: &Stage) -> Outcome {
    works(ready(stage, Launch::new(MAIN).before(&[&["deny-calls", "ENOSYS"]]))?)
}

fn old_filter(stage: &Stage) -> Outcome {
    works(ready(stage, Launch::new(MAIN).before(&[&["deny-calls", "EPERM"]]))?)
}

fn oldest_kernel(stage: &Stage) -> Outcome {
    works(ready(stage, Launch::new(MAIN).before(&[&["deny-calls", "3.10"]]))?)
}

/// Longer than the second with which some of them look around.
const IDLE: std::time::Duration = std::time::Duration::from_millis(2_300);

fn idle(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]))?;
    let init = running.init()?;
    let switches = || status(init, "voluntary_ctxt_switches");
    until("it to sleep", || status(init, "State").is_ok_and(|state| state.starts_with('S')).then_some(()))?;
    let mut before = switches()?;
    // The last work of its start may come after the first time that it sleeps.
    until("it to rest", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = switches().ok()?;
        let rests = now == before;
        before = now;
        rests.then_some(())
    })?;
    std::thread::sleep(IDLE);
    expect(switches()?, before)
}
