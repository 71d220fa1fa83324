//! What the command line and the environment say about init.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use base::log;
use conf::environment::Environment;
use init::plan::{
    self, Child, Continuation, ForwardTo, Inherited, Plan, Quit, Subreaper, Terminal, Verbosity,
};
use init::signals::{JobControl, Rewrite, Signal, SignalTable};
use init::status::Remap;

pub use environment::{GRACE, VARIABLES, VariableError};
pub use grace::Grace;
use words::{
    parse_continuation, parse_forward_to, parse_job_control, parse_quit, parse_subreaper, parse_verbosity,
};

mod environment;
mod grace;
mod words;

#[derive(Clone, Debug, Default, Args)]
pub struct ExecOptions {
    /// Time from the begin of a stop to SIGKILL, such as `9s` or `500ms`
    #[arg(long)]
    grace: Option<Grace>,
    /// Who gets forwarded signals: `child`, `group`, `group-even-quit`
    #[arg(long, value_parser = parse_forward_to)]
    forward_to: Option<ForwardTo>,
    /// Send another signal in place of a received one, such as `TERM=QUIT`; `FROM=0` drops it
    #[arg(long, value_name = "FROM=TO")]
    rewrite: Vec<Rewrite>,
    /// A further signal that stops the program, besides TERM and INT
    #[arg(long, value_name = "SIGNAL")]
    stop_on: Vec<Signal>,
    /// Report another exit code in place of one or more, such as `143=0`
    #[arg(long, value_name = "FROM=TO")]
    remap: Vec<Remap>,
    /// Whether init adopts orphaned processes (as a subreaper) when it is not PID 1: `on`, `off`
    #[arg(long, value_parser = parse_subreaper)]
    subreaper: Option<Subreaper>,
    /// The signal that init receives when the process that started it dies
    #[arg(long, value_name = "SIGNAL")]
    parent_death_signal: Option<Signal>,
    /// Whether SIGTSTP, SIGTTIN and SIGTTOU stop the program and init until SIGCONT: `on`, `off`
    #[arg(long, value_parser = parse_job_control)]
    job_control: Option<JobControl>,
    /// Whether init sends SIGCONT after a stop signal, so that a suspended program can act on it: `on`, `off`
    #[arg(long = "continue", value_parser = parse_continuation, value_name = "CONTINUE")]
    continuation: Option<Continuation>,
    /// When SIGQUIT is forwarded to the program: `at-once`, or `once-caught`, not before it has a handler for
    /// it, as JVMs need
    #[arg(long, value_parser = parse_quit)]
    quit: Option<Quit>,
    /// How much init logs: `quiet`, `normal`, `debug`
    #[arg(long, value_parser = parse_verbosity)]
    verbosity: Option<Verbosity>,
    /// A file to which init also writes its last log line, such as /dev/termination-log
    #[arg(long, value_name = "PATH")]
    reason_file: Option<OsString>,
    /// A descriptor that the program keeps, besides 0 to 2
    #[arg(long, value_name = "N")]
    keep_fd: Vec<i32>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl ExecOptions {
    /// Of a command without options.
    pub fn of_command(command: Vec<OsString>) -> Self {
        Self { command, ..Self::default() }
    }

    /// Puts what was given over `options`, which come from the environment, and returns the command.
    pub fn apply(self, options: &mut Options) -> Vec<OsString> {
        options.grace = self.grace.unwrap_or(options.grace);
        options.forward_to = self.forward_to.unwrap_or(options.forward_to);
        options.rewrites.extend(&self.rewrite);
        options.stop_on.extend(&self.stop_on);
        // The first that fits counts.
        options.remaps.splice(0..0, self.remap);
        options.subreaper = self.subreaper.unwrap_or(options.subreaper);
        options.parent_death_signal = self.parent_death_signal.or(options.parent_death_signal);
        options.verbosity = self.verbosity.unwrap_or(options.verbosity);
        options.job_control = self.job_control.unwrap_or(options.job_control);
        options.continuation = self.continuation.unwrap_or(options.continuation);
        options.quit = self.quit.or(options.quit);
        options.reason_file = self.reason_file.or_else(|| options.reason_file.take());
        options.keep_fds.extend(&self.keep_fd);
        self.command
    }
}

/// What the command line and the environment can say about init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub grace: Grace,
    pub forward_to: ForwardTo,
    pub rewrites: Vec<Rewrite>,
    /// Signals that stop the container, besides SIGTERM and SIGINT.
    pub stop_on: Vec<Signal>,
    pub remaps: Vec<Remap>,
    pub subreaper: Subreaper,
    pub parent_death_signal: Option<Signal>,
    pub job_control: JobControl,
    pub continuation: Continuation,
    /// `None` leaves it to the role.
    pub quit: Option<Quit>,
    pub verbosity: Verbosity,
    /// Where the last line goes besides stderr.
    pub reason_file: Option<OsString>,
    /// Descriptors the program gets besides 0 to 2.
    pub keep_fds: Vec<RawFd>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            grace: Grace(Duration::from_millis(plan::GRACE_DEFAULT_MS)),
            forward_to: ForwardTo::default(),
            rewrites: Vec::new(),
            stop_on: Vec::new(),
            remaps: Vec::new(),
            subreaper: Subreaper::default(),
            parent_death_signal: None,
            job_control: JobControl::default(),
            continuation: Continuation::default(),
            quit: None,
            verbosity: Verbosity::default(),
            reason_file: None,
            keep_fds: Vec::new(),
        }
    }
}

impl Options {
    /// Those for a main child that is a JVM: asked for a thread dump before it can give one it would die.
    pub fn for_jvm(environment: &Environment) -> Result<Self, VariableError> {
        let options = Self::from_environment(environment)?;
        Ok(Self { quit: options.quit.or(Some(Quit::OnceCaught)), ..options })
    }

    /// A plan for `children` that leaves nothing behind to clean up.
    pub fn plan(self, children: Vec<Child>, inherited: Inherited) -> Plan {
        Plan {
            children,
            grace_ms: u64::try_from(self.grace.0.as_millis()).unwrap_or(u64::MAX),
            options: self.of_plan(),
            inherited,
            status_fd: None,
            cleanup: Vec::new(),
        }
    }

    pub fn of_plan(&self) -> plan::Options {
        let mut signals = SignalTable::default();
        signals.rewrites.extend(self.rewrites.iter().map(|rewrite| (rewrite.from, rewrite.to)));
        self.stop_on.iter().for_each(|signal| signals.stop_on.insert(*signal));
        signals.job_control = self.job_control;
        plan::Options {
            forward_to: self.forward_to,
            signals,
            remaps: self.remaps.clone(),
            subreaper: self.subreaper,
            terminal: Terminal::default(),
            parent_death_signal: self.parent_death_signal,
            quit: self.quit.unwrap_or_default(),
            continuation: self.continuation,
            interrupted_codes: Vec::new(),
            verbosity: self.verbosity,
            log_format: log::Format::chosen(),
            // Init sits in another directory.
            reason_file: self.reason_file.as_ref().map(absolute),
            user: None,
        }
    }
}

fn absolute(path: &OsString) -> OsString {
    std::path::absolute(path).map_or_else(|_| path.clone(), PathBuf::into_os_string)
}
