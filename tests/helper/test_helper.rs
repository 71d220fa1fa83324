//! Programs that the tests start: `test-helper VERB ARG…`.

use std::io::Write as _;
use std::process::ExitCode;

use flink_on_mesos::init;
use flink_on_mesos::init::plan::{Child, GRACE_DEFAULT_MS, Kind, Options, Plan};
use flink_on_mesos::init::signals::Signal;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["print-signals", count] => print_signals(count.parse().expect("a count")),
        ["enter", ref command @ ..] => enter(command),
        ["init", "--plan-fd", number] => return init::run(number.parse().expect("a number")).into(),
        _ => panic!("unknown verb: {arguments:?}"),
    }
    ExitCode::SUCCESS
}

/// Prints `ready`, then the name of each signal it gets, until it has `count`.
fn print_signals(count: usize) {
    SigSet::all().thread_block().expect("blocked signals");
    let signals = SignalFd::new(&SigSet::all()).expect("a signal descriptor");
    say("ready");
    for _ in 0..count {
        let signal = signals.read_signal().expect("a signal").expect("a blocking descriptor");
        let signal = Signal::new(signal.ssi_signo as i32).expect("a known number");
        say(&signal.to_string());
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("a reader");
}

/// Re-executes itself as init of a command.
fn enter(command: &[&str]) {
    let inherited = init::block_signals();
    let main = Child {
        name: "main".into(),
        kind: Kind::Main,
        program: command[0].into(),
        argv: command.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: None,
        keep_fds: Vec::new(),
        stdout: None,
        stderr: None,
        stop_order: 0,
        stop_share_ms: 0,
    };
    let plan = Plan {
        children: vec![main],
        grace_ms: GRACE_DEFAULT_MS,
        options: Options::default(),
        inherited,
        status_fd: None,
        cleanup: Vec::new(),
    };
    let Err(error) = init::enter(&plan);
    panic!("{}", flink_on_mesos::log::chain(&error));
}
