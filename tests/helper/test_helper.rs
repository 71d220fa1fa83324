//! Programs that the tests start: `test-helper VERB ARG…`.

use std::io::Write as _;
use std::process::ExitCode;

use flink_on_mesos::init::signals::Signal;
use flink_on_mesos::init::{self, plan::Plan};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::SignalFd;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["print-signals", count] => print_signals(count.parse().expect("a count")),
        ["enter", file] => enter(file),
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

/// Re-executes itself as init with the plan in `file`.
fn enter(file: &str) {
    let inherited = init::block_signals();
    let bytes = std::fs::read(file).expect("a plan");
    let mut plan: Plan = postcard::from_bytes(&bytes).expect("a plan");
    plan.inherited = inherited;
    let Err(error) = init::enter(&plan);
    panic!("{}", flink_on_mesos::log::chain(&error));
}
