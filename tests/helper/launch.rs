//! Verbs that prepare something and become the command after `--`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use init::signals::SignalSet;
use init::spawn::{Group, Spawn};
use init::{self, sys};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Uid, chroot, dup2_stderr, dup2_stdin, dup2_stdout, getegid, geteuid, getpid};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

pub const VERBS: &[&str] = &[
    "activate",
    "as-user",
    "claim-activation",
    "deny-calls",
    "first",
    "inside",
    "on-terminal",
    "parent",
    "pending",
    "root",
    "with-descriptor",
    "with-limits",
    "without-stdin",
];

/// What `first` adds to exit codes when it could not do its part; no program under test uses it.
pub const CANNOT_BE_FIRST: u8 = 99;

pub fn run(verb: &str, arguments: &[OsString]) -> u8 {
    let at = arguments.iter().position(|argument| argument == "--").expect("a command after --");
    let (own, command) = (crate::text(&arguments[..at]), &arguments[at + 1..]);
    match (verb, &own[..]) {
        ("first", []) => return first(command),
        ("inside", []) => inside(),
        ("parent", []) => {
            Command::new(&command[0]).args(&command[1..]).status().expect("a process");
            return 0;
        }
        ("pending", [signal]) => pending(signal.parse().expect("a signal")),
        ("activate", []) => return activate(command),
        ("claim-activation", []) => {
            return become_program(command, &[("LISTEN_PID", &getpid().to_string())]);
        }
        ("without-stdin", []) => drop(nix::unistd::close(0)),
        ("with-descriptor", []) => open_descriptor(17),
        ("with-limits", []) => {
            setrlimit(Resource::RLIMIT_NOFILE, 333, 444).expect("a lower limit");
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o137));
        }
        ("as-user", [uid, rest @ ..]) => become_user(uid.parse().expect("a uid"), rest),
        ("deny-calls", [errno]) => deny_calls(errno),
        ("on-terminal", [path]) => take_terminal(path),
        ("root", [directory]) => {
            chroot(*directory).expect("the right to chroot");
            std::env::set_current_dir("/").expect("a root");
        }
        (_, own) => panic!("{verb}: cannot use {own:?}"),
    }
    become_program(command, &[])
}

/// Returns only when that fails, with what shells say.
fn become_program(command: &[OsString], env: &[(&str, &str)]) -> u8 {
    let error = Command::new(&command[0]).args(&command[1..]).envs(env.iter().copied()).exec();
    eprintln!("cannot execute {}: {error}", command[0].display());
    126
}

/// Makes the command PID 1 of a namespace of its own, as a container manager does, and ends as it does.
fn first(command: &[OsString]) -> u8 {
    let namespaces = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    // As root all users are there inside; anybody else is root alone.
    if unshare(namespaces).is_err() {
        let (uid, gid) = (geteuid(), getegid());
        if let Err(error) = unshare(namespaces | CloneFlags::CLONE_NEWUSER) {
            eprintln!("no namespace: {error}");
            return CANNOT_BE_FIRST;
        }
        fs::write("/proc/self/setgroups", "deny").expect("a setting");
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).expect("a map");
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).expect("a map");
    }
    // What it inherits is for the first process inside; with SIGCHLD ignored there would be nothing to wait for here.
    let inherited = init::block_signals();
    sys::reset_dispositions();
    let own = std::env::current_exe().expect("a path").into_os_string();
    let argv: Vec<_> =
        [own.clone(), "inside".into(), "--".into()].into_iter().chain(command.to_vec()).collect();
    let env: Vec<_> = std::env::vars_os().collect();
    let pid = sys::spawn(&Spawn {
        program: &own,
        argv: &argv,
        env: &env,
        directory: None,
        cwd: None,
        group: Group::Session,
        death_signal: None,
        stdin: None,
        stdout: None,
        stderr: None,
        keep_fds: &[],
        signals: &inherited,
        changed: SignalSet::ALL,
    });
    match waitpid(pid.expect("a process"), None) {
        Ok(WaitStatus::Exited(_, code)) => code as u8,
        Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as u8,
        status => panic!("no end: {status:?}"),
    }
}

/// The first process in the namespace, which dies with the one outside.
#[expect(clippy::disallowed_methods, reason = "its caller goes on as another program")]
fn inside() {
    prctl::set_pdeathsig(Signal::SIGKILL).expect("a signal");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
    if let Err(error) = mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none) {
        eprintln!("no /proc: {error}");
        std::process::exit(CANNOT_BE_FIRST.into());
    }
}

/// A signal is pending at the command's very first instruction.
fn pending(signal: Signal) {
    SigSet::from(signal).thread_block().expect("a blocked signal");
    raise(signal).expect("a signal");
}

/// As socket activation does: descriptor 3 is a socket, and `LISTEN_PID` says for whom.
fn activate(command: &[OsString]) -> u8 {
    open_descriptor(3);
    let own = getpid().to_string();
    become_program(command, &[("LISTEN_PID", &own), ("LISTEN_FDS", "1")])
}

/// Leaves a descriptor open under `number` that programs inherit.
fn open_descriptor(number: i32) {
    let file = fs::File::open("/dev/null").expect("a device");
    let copied = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(number)).expect("a descriptor");
    if number == 3 {
        // It is the first free one already.
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).expect("a flag");
        std::mem::forget(file);
        return;
    }
    assert_eq!(copied, number);
    fcntl(&file, FcntlArg::F_DUPFD(number + 1)).expect("a descriptor");
}

fn become_user(uid: u32, rest: &[&str]) {
    nix::unistd::setgroups(&[]).expect("the right to change groups");
    nix::unistd::setgid(Gid::from_raw(uid)).expect("the right to change the group");
    nix::unistd::setuid(Uid::from_raw(uid)).expect("the right to change the user");
    for word in rest {
        match *word {
            "no-new-privileges" => prctl::set_no_new_privs().expect("a setting"),
            "no-processes" => setrlimit(Resource::RLIMIT_NPROC, 1, 1).expect("a lower limit"),
            word => panic!("as-user: cannot use {word}"),
        }
    }
}

/// What the container managers' old filters do not know.
const NEW: [i64; 4] =
    [nix::libc::SYS_pidfd_open, nix::libc::SYS_close_range, nix::libc::SYS_statx, nix::libc::SYS_clone3];

/// Besides [`NEW`] what Linux got after 3.10 and a C library, Rust's standard library or init might use.
const SINCE_3_10: [i64; 14] = [
    nix::libc::SYS_copy_file_range,
    nix::libc::SYS_epoll_pwait2,
    nix::libc::SYS_execveat,
    nix::libc::SYS_faccessat2,
    nix::libc::SYS_getrandom,
    nix::libc::SYS_membarrier,
    nix::libc::SYS_memfd_create,
    nix::libc::SYS_openat2,
    nix::libc::SYS_pidfd_getfd,
    nix::libc::SYS_pidfd_send_signal,
    nix::libc::SYS_preadv2,
    nix::libc::SYS_pwritev2,
    nix::libc::SYS_renameat2,
    nix::libc::SYS_rseq,
];

/// What an old kernel (ENOSYS) or a container manager's old filter (EPERM) answers to newer system calls.
fn deny_calls(how: &str) {
    let (errno, more) = match how {
        "ENOSYS" => (nix::libc::ENOSYS, &[][..]),
        "EPERM" => (nix::libc::EPERM, &[][..]),
        "3.10" => (nix::libc::ENOSYS, &SINCE_3_10[..]),
        how => panic!("deny-calls: cannot use {how}"),
    };
    let rules: BTreeMap<i64, Vec<_>> = NEW.iter().chain(more).map(|call| (*call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().expect("a known processor");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), arch)
        .expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    prctl::set_no_new_privs().expect("a setting");
    seccompiler::apply_filter(&program).expect("a filter");
}

/// The terminal becomes that of this session, which it leads, and its three outputs.
fn take_terminal(path: &str) {
    // Refused to who leads a session already.
    let _ = nix::unistd::setsid();
    let terminal = nix::fcntl::open(path, OFlag::O_RDWR, nix::sys::stat::Mode::empty()).expect("a terminal");
    dup2_stdin(terminal.as_fd()).expect("stdin");
    dup2_stdout(terminal.as_fd()).expect("stdout");
    dup2_stderr(terminal.as_fd()).expect("stderr");
}
