//! What the program is started with, and what it means when it cannot be.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;

use init::plan::Inherited;

use super::adapter::{Program, Wish};
use super::look::{directory, is_alive, link, until};
use super::signals::{ready, signal};
use super::stage::{Fault, Launch, Outcome, Place, Stage, check, expect, needs_root};
use super::{Case, case};

pub const CASES: &[Case] = &[
    Case {
        id: "B11",
        behaviour: "a program that has become another user, out of its reach, is still supervised",
        run: out_of_reach,
        // It looks whether the program is there by a signal, right after the fork.
        luck: &[Program::Catatonit],
    },
    case("B27a", "blocked and ignored signals reach the program as they were inherited", masks),
    case("B27b", "an ignored SIGCHLD that it inherits loses no exit code", ignored_child_ends),
    case("B28", "so do working directory, umask, limits and environment", surroundings),
    case("B29a", "it holds no descriptor that it inherited", own_descriptors),
    case("B29b", "the program gets no descriptor that nobody asked for", descriptors),
    case(
        "B29c",
        "nor one for variables of socket activation that nobody has opened descriptors for",
        no_sockets,
    ),
    case("B29d", "nor one of init's in the place of a closed stdin, stdout or stderr", closed_standard),
    case("B30", "LISTEN_PID of socket activation is passed on to the program", listen_pid),
    case("B31", "it sits in / itself, so that no mount is kept busy", sits_in_root),
    case("B32a", "a program that is not found is 127, one that cannot be executed 126", cannot_run),
    case("B32d", "a script without #! is run by /bin/sh", plain_script),
    case("B32e", "a missing interpreter is named, and one with a carriage return", lost_interpreter),
    case("B32b", "a usage error is 2 or 64, never 1, with which Flink means something", usage),
    case("B32c", "a refused fork has a code above 2 and a message", no_fork),
    case("B33a", "killed by SIGKILL it takes the program along", killed),
    case("B33b", "the death of its own parent stops it, when so asked", parent_death),
    case(
        "B34",
        "arguments with spaces, quotes, newlines and bytes that are no UTF-8 pass unchanged",
        arguments,
    ),
    case("B35a", "on a terminal the program is in front", in_front),
    case("B35b", "and Ctrl-C reaches it once", ctrl_c),
    case("B36", "a closed stdout is the program's affair: it gets EPIPE", closed_stdout),
    case("B62", "options after the program belong to the program, without -- too", no_permutation),
];

fn out_of_reach(stage: &Stage) -> Outcome {
    needs_root()?;
    let directory = directory()?;
    let stage = stage.in_public(directory.path())?;
    // Root's, with the set-user-id bit.
    fs::set_permissions(&stage.helper, fs::Permissions::from_mode(0o4755)).expect("a file of ours");
    let launch = Launch::new(&["change-user"]).before(&[&["as-user", "12345"]]);
    let mut running = ready(&stage, launch)?;
    running.signal("HUP")?;
    running.signal("USR1")?;
    running.type_in("go on\n");
    running.expect_code(3)
}

fn masks(stage: &Stage) -> Outcome {
    let inherited = Inherited {
        mask: ["USR2", "RTMIN+3"].map(signal).into_iter().collect(),
        ignored: ["HUP", "USR1"].map(signal).into_iter().collect(),
        parent: 0,
    };
    let launch = Launch { inherited, ..Launch::new(&["look"]) };
    let end = stage.start(launch)?.end()?;
    for line in [format!("SigBlk {:x}", inherited.mask.0), format!("SigIgn {:x}", inherited.ignored.0)] {
        let found = end.stdout.lines().any(|found| found == line);
        check(found, format!("expected {line}, got {}", end.stdout))?;
    }
    Ok(())
}

fn ignored_child_ends(stage: &Stage) -> Outcome {
    let inherited = Inherited { ignored: [signal("CHLD")].into_iter().collect(), ..Inherited::default() };
    let mut running = stage.start(Launch { inherited, ..Launch::new(&["exit", "5"]) })?;
    until("the end", || running.has_ended().then_some(()))?;
    running.expect_code(5)
}

fn surroundings(stage: &Stage) -> Outcome {
    let launch = Launch { env: &[("ODD", "a b=c")], ..Launch::new(&["look"]).before(&[&["with-limits"]]) };
    let end = stage.start(launch)?.end()?;
    let directory = std::env::current_dir().map_err(|error| Fault::Unable(error.to_string()))?;
    let expected = format!("cwd={} nofile=(333, 444) umask=137", directory.display());
    expect(end.stdout.lines().next().unwrap_or_default(), &expected)?;
    let launch = Launch { env: &[("ODD", "a b=c")], ..Launch::new(&["env", "ODD"]) };
    expect(stage.start(launch)?.end()?.stdout.as_str(), "a b=c\n")
}

fn own_descriptors(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]).before(&[&["with-descriptor"]]))?;
    let init = running.init()?;
    until("the descriptor to be closed", || link(format!("/proc/{init}/fd/18")).is_empty().then_some(()))
}

fn descriptors(stage: &Stage) -> Outcome {
    let end = stage.start(Launch::new(&["descriptors"]).before(&[&["with-descriptor"]]))?.end()?;
    expect(end.stdout.as_str(), "[0, 1, 2]\n")
}

/// From an image, or from whoever was started by socket activation before.
fn no_sockets(stage: &Stage) -> Outcome {
    for (count, names) in [("1", "http"), ("2", "a:b"), ("2147483647", ""), ("-1", ":"), ("x", "")] {
        let env = [("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)];
        let launch = Launch::new(&["descriptors"]).before(&[&["claim-activation"]]);
        let end = stage.start(Launch { env: &env, ..launch })?.end()?;
        expect((count, end.code, end.stdout.as_str()), (count, 0, "[0, 1, 2]\n"))?;
    }
    Ok(())
}

/// Where they are closed the next file to be opened would be taken for them.
fn closed_standard(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]).before(&[&["without-stdin"]]))?;
    let main = running.main()?;
    let stdin = link(format!("/proc/{main}/fd/0"));
    check(stdin.is_empty() || stdin == "/dev/null", stdin)
}

fn script(text: &str) -> Result<(tempfile::TempDir, OsString), Fault> {
    let directory = directory()?;
    let path = directory.path().join("script");
    fs::write(&path, text)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| Fault::Unable(error.to_string()))?;
    Ok((directory, path.into_os_string()))
}

fn plain_script(stage: &Stage) -> Outcome {
    if !std::path::Path::new("/bin/sh").exists() {
        return Err(Fault::Unable("there is no shell".into()));
    }
    let (_directory, path) = script("echo $1; exit 4\n")?;
    let end = stage.start_program(Launch::new(&[]), &[path, "a  b".into()])?.end()?;
    expect((end.code, end.stdout.as_str()), (4, "a b\n"))
}

fn lost_interpreter(stage: &Stage) -> Outcome {
    for (text, interpreter) in [("#!/nosuch/bash\n", "/nosuch/bash"), ("#!/nosuch/sh\r\n", "/nosuch/sh")] {
        let (_directory, path) = script(text)?;
        let end = stage.start_program(Launch::new(&[]), &[path])?.end()?;
        check(end.code != 0 && end.stderr.contains(interpreter), format!("{end:?}"))?;
    }
    Ok(())
}

fn listen_pid(stage: &Stage) -> Outcome {
    let mut running = stage.start(Launch::new(&["listen"]).before(&[&["activate"]]))?;
    running.expect_line("for me: true, descriptor: true")
}

fn sits_in_root(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]))?;
    let init = running.init()?;
    until("it to be in /", || (link(format!("/proc/{init}/cwd")) == "/").then_some(()))
}

fn cannot_run(stage: &Stage) -> Outcome {
    let cases = [("/nonexistent/program", 127), ("no-such-program", 127), ("/", 126)];
    for (program, code) in cases {
        stage.start_program(Launch::new(&[]), &[OsString::from(program)])?.expect_code(code)?;
    }
    Ok(())
}

fn usage(stage: &Stage) -> Outcome {
    let mut command = stage.command(Wish::default())?;
    command.push("--no-such-option".into());
    let end = stage.start_command(&command, Launch::new(&[]))?.end()?;
    check(matches!(end.code, 2 | 64), format!("{end:?}"))
}

fn no_fork(stage: &Stage) -> Outcome {
    needs_root()?;
    let directory = directory()?;
    let stage = stage.in_public(directory.path())?;
    let launch = Launch::new(&["exit", "0"]).before(&[&["as-user", "23456", "no-processes"]]);
    let end = stage.start(launch)?.end()?;
    check(end.code > 2 && !end.stderr.is_empty(), format!("{end:?}"))
}

fn killed(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]))?;
    let main = running.main()?;
    running.signal("KILL")?;
    until("the end of the program", || (!is_alive(main)).then_some(()))
}

/// The parent is another one of the same kind, which is killed.
fn parent_death(stage: &Stage) -> Outcome {
    if stage.place == Place::First {
        // The end of PID 1 is the end of all.
        return killed(stage);
    }
    let wish = Wish { parent_death_signal: Some("TERM"), ..Wish::default() };
    let mut command = stage.command(wish)?;
    command.extend([
        "--".into(),
        stage.helper.clone().into_os_string(),
        "print-terms".into(),
        "1".into(),
        "0".into(),
    ]);
    let mut running = stage.start_command(&command, Launch::new(&[]).before(&[&["parent"]]))?;
    running.expect_line("ready")?;
    running.signal("KILL")?;
    running.expect_line("SIGTERM")
}

fn arguments(stage: &Stage) -> Outcome {
    let odd: [&[u8]; 5] = [b"a b", b"\"'\\$", b"--", b"line\nline", b"\xff\xfe"];
    let main: Vec<OsString> = [stage.helper.clone().into_os_string(), "bytes".into()]
        .into_iter()
        .chain(odd.iter().map(|bytes| OsString::from_vec(bytes.to_vec())))
        .collect();
    let end = stage.start_program(Launch::new(&[]), &main)?.end()?;
    let expected: Vec<String> = main[2..].iter().map(|word| format!("{:?}", word.as_bytes())).collect();
    expect(end.stdout.lines().collect::<Vec<_>>().join("\n"), expected.join("\n"))
}

fn in_front(stage: &Stage) -> Outcome {
    let mut running = stage.start_on_terminal(&["terminal"])?;
    running.skip_to("front=").and_then(|line| expect(line.as_str(), "front=true"))
}

fn ctrl_c(stage: &Stage) -> Outcome {
    let mut running = stage.start_on_terminal(&["terminal"])?;
    running.skip_to("front=")?;
    running.type_in("\x03");
    running.skip_to("SIGINT")?;
    running.signal("USR2")?;
    // Were there a second one, it would come before.
    let next = running.skip_to("SIG")?;
    expect(next.as_str(), "SIGUSR2")
}

fn closed_stdout(stage: &Stage) -> Outcome {
    let mut running = ready(stage, Launch::new(&["write-until-error"]))?;
    running.close_stdout();
    running.expect_code(9)
}

fn no_permutation(stage: &Stage) -> Outcome {
    let mut command = stage.command(Wish::default())?;
    command.extend([
        stage.helper.clone().into_os_string(),
        "arguments".into(),
        "-v".into(),
        "--version".into(),
    ]);
    let end = stage.start_command(&command, Launch::new(&[]))?.end()?;
    expect(end.stdout.as_str(), "-v\n--version\n")
}
