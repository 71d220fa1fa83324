//! Init as real PID 1 and as an ordinary process.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use init::signals::Signal as Any;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use process::{
    PLACES, Place, Running, binary, children, command, descendants, finish, helper, is_alive, shell, state,
    until,
};

mod early;
mod frozen;
mod mesos;
mod outside;
mod plan;
pub mod process;
mod socket;
mod stress;
mod stuck;

#[test]
fn exit_codes_pass_unchanged() {
    for code in 0..=255 {
        let place = if code % 16 == 0 { Place::First } else { Place::Below };
        let finished = finish(place, shell(place, &["--verbosity", "quiet"], &format!("exit {code}")));
        assert_eq!(finished.code(), code, "{place:?}");
    }
}

#[test]
fn death_by_a_signal_is_128_plus_its_number() {
    for place in PLACES {
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGABRT, Signal::SIGKILL, Signal::SIGSEGV] {
            let script = format!("ulimit -c 0; kill -{} $$", signal as i32);
            let finished = finish(place, shell(place, &[], &script));
            assert_eq!(finished.code(), 128 + signal as i32, "{place:?}");
            assert!(finished.stderr.contains(&format!("main=\"killed by {signal}")), "{}", finished.stderr);
        }
    }
}

#[test]
fn every_signal_reaches_the_child_once() {
    let dropped = [Any::KILL, Any::STOP, Any::CHLD, Any::TSTP, Any::TTIN, Any::TTOU];
    let mut signals: Vec<_> =
        Any::all().filter(|signal| !signal.belongs_to_libc() && !dropped.contains(signal)).collect();
    // With the one that begins the stop last, all others come before SIGCONT does.
    signals.sort_by_key(|signal| [Any::CONT, Any::INT, Any::TERM].contains(signal));
    for place in PLACES {
        let mut command = command(place, binary());
        command.arg("exec").arg("--").arg(helper()).args(["print-signals", &signals.len().to_string()]);
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        for signal in signals.iter().filter(|signal| ![Any::CONT, Any::INT, Any::TERM].contains(signal)) {
            send(running.pid(), *signal);
            running.expect_line(&signal.to_string());
        }
        send(running.pid(), Any::CONT);
        running.expect_line("SIGCONT");
        running.signal(Signal::SIGINT);
        running.expect_line("SIGINT");
        running.expect_line("SIGCONT");
        assert_eq!(running.finish().code(), 0, "{place:?}");
    }
}

/// nix knows no real-time signals, the shell's own `kill` does.
fn send(pid: Pid, signal: Any) {
    let script = format!("kill -{} {pid}", signal.number());
    assert!(Command::new("bash").args(["-c", &script]).status().expect("bash").success(), "{signal}");
}

#[test]
fn rewritten_and_dropped_signals() {
    for place in PLACES {
        let mut command = command(place, binary());
        command.args(["exec", "--rewrite", "HUP=USR1", "--rewrite", "USR2=drop", "--"]);
        command.arg(helper()).args(["print-signals", "2"]);
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        running.signal(Signal::SIGUSR2);
        running.signal(Signal::SIGHUP);
        running.expect_line("SIGUSR1");
        running.signal(Signal::SIGWINCH);
        running.expect_line("SIGWINCH");
        assert_eq!(running.finish().code(), 0, "{place:?}");
    }
}

#[test]
fn orphans_are_reaped() {
    let script = "i=0; while [ $i -lt 300 ]; do ( : & ); i=$((i+1)); done; echo done; exec sleep 1000";
    for place in PLACES {
        let mut running = Running::start(place, shell(place, &[], script));
        running.expect_line("done");
        until("all orphans to be reaped", || (children(running.pid()).len() == 1).then_some(()));
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 143, "{place:?}");
    }
}

#[test]
fn what_ignores_term_is_killed_after_the_grace() {
    for place in PLACES {
        let script = "trap '' TERM; echo ready; while :; do sleep 1; done";
        let mut running = Running::start(place, shell(place, &["--grace", "400ms"], script));
        running.expect_line("ready");
        let begin = Instant::now();
        running.signal(Signal::SIGTERM);
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
        assert_eq!(finished.code(), 137, "{place:?}");
        let last = finished.stderr.lines().last().expect("a last line");
        assert!(last.contains("ended code=137 by=SIGTERM after=0."), "{last}");
        assert!(last.ends_with("main=\"killed by SIGKILL from init\""), "{last}");
    }
}

#[test]
fn what_the_main_child_leaves_is_ended() {
    // One in a session of its own, one that ignores SIGTERM, one that is stopped.
    let script = "setsid sleep 1000 & (trap '' TERM; sleep 1000; :) & sh -c 'kill -STOP $$' & read _; exit 5";
    for place in PLACES {
        let running = Running::start(place, shell(place, &["--grace", "300ms"], script));
        let below = until("all five and the stop of one", || {
            let below = descendants(running.pid());
            let stopped = below.iter().any(|pid| state(*pid) == Some('T'));
            (below.len() == 5 && stopped).then_some(below)
        });
        let finished = running.finish();
        assert_eq!(finished.code(), 5, "{place:?}: {}", finished.stderr);
        assert!(!below.into_iter().any(is_alive), "{place:?}");
        assert!(finished.stderr.contains("killing what is left after=0.3s"), "{}", finished.stderr);
    }
}

#[test]
fn without_adoption_the_group_is_ended_too() {
    // The one ends slowly, and the other only by force.
    let slow = "trap 'sleep 0.2; echo ended; exit' TERM; echo $$; while :; do sleep 0.01; done";
    let stubborn = "trap '' TERM; echo $$; while :; do sleep 0.01; done";
    for (forward_to, (script, grace)) in
        ["child", "group"].into_iter().flat_map(|to| [(slow, "9s"), (stubborn, "500ms")].map(|it| (to, it)))
    {
        let options = ["--subreaper", "off", "--forward-to", forward_to, "--grace", grace];
        let main = format!("(sh -c \"{}\" & ); read _; exit 5", script.replace('$', "\\$"));
        let mut running = Running::start(Place::Below, shell(Place::Below, &options, &main));
        let orphan = Pid::from_raw(running.line().parse().expect("a pid"));
        until("the orphan to be somebody else's", || (children(running.pid()).len() == 1).then_some(()));
        running.type_in(b"\n");
        if script == slow {
            running.expect_line("ended");
        }
        let finished = running.finish();
        assert_eq!(finished.code(), 5, "{forward_to} {finished:?}");
        until("the orphan to end", || (!is_alive(orphan)).then_some(()));
        let killed = finished.stderr.contains("killing what is left");
        assert_eq!(killed, script == stubborn, "{forward_to}: {}", finished.stderr);
    }
}

#[test]
fn without_adoption_only_the_childs_group_is_ended() {
    let script = "(setsid sleep 1000 & echo $!); exec sleep 1000";
    let mut running = Running::start(Place::Below, shell(Place::Below, &["--subreaper", "off"], script));
    let orphan = Pid::from_raw(running.line().parse().expect("a pid"));
    until("the orphan to be somebody else's", || (children(running.pid()).len() == 1).then_some(()));
    running.signal(Signal::SIGTERM);
    until("the end of init", || (!is_alive(running.pid())).then_some(()));
    assert!(is_alive(orphan));
    kill(orphan, Signal::SIGKILL).expect("it is there");
    assert_eq!(running.finish().code(), 143);
}

#[test]
fn a_stopped_child_ends_and_so_does_a_stopped_stopping_and_continued_tree() {
    for place in PLACES {
        let mut running = Running::start(place, shell(place, &[], "echo ready; kill -STOP $$; sleep 1000"));
        running.expect_line("ready");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 143, "{place:?}");

        // What Mesos' command executor does: everything gets SIGSTOP, then SIGTERM, then SIGCONT.
        let mut running = Running::start(place, shell(place, &[], "echo ready; exec sleep 1000"));
        running.expect_line("ready");
        let init = running.pid();
        let main = children(init)[0];
        for signal in [Signal::SIGSTOP, Signal::SIGTERM, Signal::SIGCONT] {
            for pid in [init, main] {
                kill(pid, signal).expect("it is there");
            }
        }
        assert_eq!(running.finish().code(), 143, "{place:?}");
    }
}

#[test]
fn masks_and_ignored_signals_reach_the_child_as_they_came() {
    let cases: [(&[&str], &str, &str); 4] = [
        (&["--default-signal"], "0000000000000000", "0000"),
        (&["--default-signal", "--block-signal=USR2,TERM,RTMIN"], "0000000200004800", "0000"),
        (&["--ignore-signal=PIPE,HUP"], "0000000000000000", "1001"),
        (&["--ignore-signal=CHLD,INT", "--block-signal=CHLD"], "0000000000010000", "0010002"),
    ];
    for (set_up, blocked, ignored) in cases {
        let look = |before: &[&str]| {
            let mut command = Command::new("env");
            command.args(set_up).args(before).args(["cat", "/proc/self/status"]);
            let finished = finish(Place::Below, command);
            assert_eq!(finished.code(), 0, "{}", finished.stderr);
            let signals = ["SigBlk", "SigIgn", "SigCgt"];
            let lines = finished.stdout.lines().filter(|line| signals.contains(&&line[..6.min(line.len())]));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        // The C library's posix_spawn ignores signals 32 and 33 in whatever it starts.
        let plain = look(&[]);
        assert_eq!(look(&[binary(), "exec", "--"]), plain, "{set_up:?}");
        assert_eq!(plain[0], format!("SigBlk:\t{blocked}"));
        assert!(plain[1].ends_with(ignored), "{plain:?}");
    }
}

#[test]
fn init_has_no_handlers_and_no_directory() {
    for place in PLACES {
        let mut running = Running::start(place, shell(place, &[], "pwd; exec sleep 1000"));
        let here = std::env::current_dir().expect("a directory");
        running.expect_line(&here.display().to_string());
        let pid = running.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        assert!(status.contains("SigCgt:\t0000000000000000"), "{status}");
        assert!(status.contains("Threads:\t1\n"), "{status}");
        let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("a link");
        assert_eq!(directory, std::path::Path::new("/"), "before the program starts");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 143);
    }
}

#[test]
fn descriptors_are_closed_unless_asked_for() {
    let list = "for fd in /proc/self/fd/*; do echo ${fd##*/}; done";
    for (options, expected) in [("", "0 1 2"), ("--keep-fd 7", "0 1 2 7")] {
        let script =
            format!("exec 5</dev/null 7</dev/null; exec {} exec {options} -- sh -c '{list}'", binary());
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let finished = finish(Place::Below, command);
        // The shell itself has the directory open while it lists.
        let mut numbers: Vec<_> = finished.stdout.split_whitespace().collect();
        numbers.retain(|number| *number != "3");
        assert_eq!(numbers.join(" "), expected, "{}", finished.stderr);
    }
}

#[test]
fn arguments_and_environment_pass_byte_for_byte() {
    let odd = [&b"a b"[..], b"\"'\\$", b"line\nline", b"\xff\xfe", b""];
    let mut command = Command::new(binary());
    command.args(["exec", "--", "sh", "-c", "cat /proc/$$/cmdline; cat /proc/$$/environ", "name"]);
    command.args(odd.iter().map(|bytes| OsStr::from_bytes(bytes)));
    command.env_clear().env("ODD", OsStr::from_bytes(b"\xff=\n")).env("PATH", "/usr/bin:/bin");
    let output = command.stdin(Stdio::null()).output().expect("a process");
    let mut expected = b"sh\0-c\0cat /proc/$$/cmdline; cat /proc/$$/environ\0name\0".to_vec();
    odd.iter().for_each(|bytes| expected.extend([bytes, &b"\0"[..]].concat()));
    expected.extend(b"ODD=\xff=\n\0PATH=/usr/bin:/bin\0");
    assert_eq!(output.stdout, expected);
}

#[test]
fn programs_that_cannot_run() {
    for (program, code, why) in [
        ("/nonexistent/program", 127, "ENOENT"),
        ("no-such-program", 127, "ENOENT"),
        ("/etc/passwd", 126, "EACCES"),
        ("/", 126, "EACCES"),
    ] {
        for place in PLACES {
            let mut command = command(place, binary());
            command.args(["exec", "--", program]);
            let finished = finish(place, command);
            assert_eq!(finished.code(), code, "{program} {place:?}");
            assert!(
                finished.stderr.contains(&format!("cannot execute {program:?}: {why}")),
                "{}",
                finished.stderr
            );
        }
    }
}

#[test]
fn scripts_run_as_under_execvp_or_it_is_told_why_not() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for (name, text, mode) in [
        ("plain", "echo \"$0 $# $1\"\n", 0o755),
        ("empty", "", 0o755),
        ("lost", "#!/nosuch/bash -e\necho hi\n", 0o755),
        ("windows", "#!/bin/sh\r\necho hi\r\n", 0o755),
        ("unmarked", "#!/bin/sh\n", 0o644),
        ("zip", "PK\x03\x04\0\0\0", 0o755),
        ("elf", "\x7fELF\x02\x01\x01\0\0\0", 0o755),
    ] {
        std::fs::write(path(name), text).expect("a file");
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path(name), permissions).expect("a mode");
    }
    let run = |program: &OsStr, search: &str| {
        let mut command = Command::new(binary());
        command.args(["exec", "--"]).arg(program).arg("a b").env("PATH", search);
        command.current_dir(directory.path());
        finish(Place::Below, command)
    };
    let by_path = |name: &str| run(path(name).as_os_str(), "/usr/bin:/bin");
    let plain = by_path("plain");
    assert_eq!((plain.code(), &*plain.stdout), (0, &*format!("{} 1 a b\n", path("plain").display())));
    assert_eq!(by_path("empty").code(), 0);
    // An empty element is the working directory.
    for search in ["/usr/bin::/bin", ":/bin", "/bin:", ""] {
        let found = run(OsStr::new("plain"), search);
        assert_eq!((found.code(), &*found.stdout), (0, "./plain 1 a b\n"), "{search:?} {}", found.stderr);
    }
    for (name, code, why) in [
        ("lost", 127, "it needs /nosuch/bash, which does not exist"),
        ("windows", 127, r#"the interpreter "/bin/sh\r": the carriage return"#),
        ("unmarked", 126, "its mode does not allow it to be executed"),
        ("zip", 126, "it is neither a program nor a script"),
        ("elf", 126, "it is built for another processor or operating system"),
    ] {
        let finished = by_path(name);
        assert_eq!(finished.code(), code, "{name}: {}", finished.stderr);
        assert!(finished.stderr.contains(why), "{name}: {}", finished.stderr);
    }
}

#[test]
fn an_image_without_a_shell_says_so() {
    let root = tempfile::TempDir::new().expect("a directory");
    std::fs::copy(binary(), root.path().join("init")).expect("a copy");
    // Linked dynamically, and its loader is not there.
    std::fs::copy("/bin/cat", root.path().join("cat")).expect("a copy");
    std::fs::write(root.path().join("script"), "echo hi\n").expect("a file");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(root.path().join("script"), permissions).expect("a mode");
    for (program, why) in [("/script", "there is no /bin/sh to run it"), ("/cat", "it needs /lib")] {
        let mut command = Command::new("chroot");
        command.arg(root.path()).args(["/init", "exec", "--", program]);
        let finished = finish(Place::Below, command);
        assert_eq!(finished.code(), 127, "{}", finished.stderr);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
    }
}

#[test]
fn a_descriptor_to_keep_that_is_not_there_is_refused() {
    let mut command = Command::new(binary());
    command.args(["exec", "--keep-fd", "3", "--", "true"]);
    let finished = finish(Place::Below, command);
    assert_eq!(finished.code(), 71);
    assert!(
        finished.stderr.contains("descriptor 3, which true has to inherit, is not open"),
        "{}",
        finished.stderr
    );
}

#[test]
fn init_executes_itself_and_keeps_what_it_inherited() {
    for place in PLACES {
        let mut command = command(place, "env");
        command.args(["--block-signal=USR1", "--ignore-signal=PIPE"]).arg(helper()).arg("enter");
        command.args(["grep", "--line-buffered", "Sig[BI]", "/proc/self/status", "-"]);
        let mut running = Running::start(place, command);
        running.expect_line("/proc/self/status:SigBlk:\t0000000000000200");
        assert!(running.line().ends_with("1000"));
        let arguments = std::fs::read(format!("/proc/{}/cmdline", running.pid())).expect("a command line");
        assert!(String::from_utf8_lossy(&arguments).contains("\0init\0--plan-fd\0"), "{arguments:?}");
        // grep goes on with its stdin, which ends now.
        assert_eq!(running.finish().code(), 0, "{place:?}");
    }
}

#[test]
fn a_pending_term_starts_nothing() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let file = directory.path().join("started");
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let script = format!("kill -{signal} $$; exec {} exec -- touch {}", binary(), file.display());
        let mut command = Command::new("env");
        command.args([&format!("--block-signal={signal}"), "sh", "-c", &script]);
        assert_eq!(finish(Place::Below, command).code(), code);
        assert!(!file.exists());
    }
}

/// An image that holds the binary and one program, and nothing else.
#[test]
fn an_empty_root_without_proc_is_enough() {
    let root = tempfile::TempDir::new().expect("a directory");
    for (from, to) in [(std::path::Path::new(binary()), "init"), (&helper(), "program")] {
        std::fs::copy(from, root.path().join(to)).expect("a copy");
    }
    for place in PLACES {
        let mut command = match place {
            Place::First => Command::new("unshare"),
            Place::Below => Command::new("chroot"),
        };
        if place == Place::First {
            command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--root"]);
        }
        command.arg(root.path()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["/init", "exec", "--", "/program", "print-signals", "3"]);
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        running.signal(Signal::SIGHUP);
        running.expect_line("SIGHUP");
        running.signal(Signal::SIGTERM);
        running.expect_line("SIGTERM");
        running.expect_line("SIGCONT");
        assert_eq!(running.finish().code(), 0, "{place:?}");
    }
}

#[test]
fn with_a_terminal_the_child_is_in_front_and_gets_ctrl_c_once() {
    let inner = "trap 'echo int' INT; cut -d' ' -f5,8 /proc/$$/stat; read _; read _; exit 3";
    let outer = format!("{} exec --verbosity quiet -- sh -c \"{}\"", binary(), inner.replace('$', "\\$"));
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--echo", "never", "--command", &outer, "/dev/null"])
        .env("SHELL", "/bin/sh");
    let mut running = Running::start(Place::Below, command);
    let line = running.line();
    let (group, front) = line.split_once(' ').expect("two numbers");
    assert_eq!(group, front);
    running.type_in(b"\x03");
    running.expect_line("int");
    running.type_in(b"\n\n");
    let finished = running.finish();
    assert_eq!((finished.code(), finished.stdout.contains("int")), (3, false), "{finished:?}");
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    for place in PLACES {
        let mut running =
            Running::start(place, shell(place, &["--verbosity", "quiet"], "echo ready; exec sleep 1000"));
        running.expect_line("ready");
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        assert_eq!((finished.code(), finished.stderr.as_str()), (143, ""), "{place:?}");
    }
}

#[test]
fn a_killed_init_takes_the_child_along() {
    let mut running = Running::start(Place::Below, shell(Place::Below, &[], "echo ready; exec sleep 1000"));
    running.expect_line("ready");
    let main = children(running.pid())[0];
    running.signal(Signal::SIGKILL);
    until("the child to die", || (!is_alive(main)).then_some(()));
}

#[test]
fn the_death_of_the_parent_can_stop_init() {
    let script = format!(
        "{} exec --parent-death-signal TERM -- sh -c 'echo $PPID $$; exec sleep 1000' & read _",
        binary()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::piped());
    let mut shell = command.spawn().expect("a shell");
    let mut output = std::io::BufReader::new(shell.stdout.take().expect("a pipe"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).expect("a line");
    let pids: Vec<_> =
        line.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("a pid"))).collect();
    assert!(pids.iter().copied().all(is_alive), "{line}");
    shell.kill().expect("a shell");
    shell.wait().expect("a status");
    for pid in pids {
        until("init and its child to end", || (!is_alive(pid)).then_some(()));
    }
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up() {
    let (reader, writer) = nix::unistd::pipe().expect("a pipe");
    let mut filler = std::fs::File::from(writer.try_clone().expect("a descriptor"));
    nix::fcntl::fcntl(&filler, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).expect("a flag");
    while filler.write(&[b'x'; 4096]).is_ok() {}
    nix::fcntl::fcntl(&filler, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).expect("a flag");
    let mut child = shell(Place::Below, &["--verbosity", "debug"], "exit 6")
        .stdin(Stdio::null())
        .stderr(Stdio::from(writer))
        .spawn()
        .expect("a process");
    let status = until("the end", || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(6));
    drop(reader);
}

#[test]
fn closed_outputs_are_no_reason_to_fail() {
    let script = format!("exec {} exec -- sh -c 'exit 4' <&- >&- 2>&-", binary());
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    assert_eq!(finish(Place::Below, command).code(), 4);
}
