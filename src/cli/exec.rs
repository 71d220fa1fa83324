//! What the command line and the environment say about init.

use std::ffi::OsString;
use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use base::log;
use conf::environment::Environment;
use init::plan::{
    self, Child, Continuation, ForwardTo, Inherited, Plan, Quit, Subreaper, Terminal, Verbosity,
};
use init::signals::{JobControl, Rewrite, Signal, SignalTable};
use init::status::Remap;

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

/// How long the program may take to stop: `9s`, `500ms`, `1m 30s`, or seconds without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(pub Duration);

impl Grace {
    /// What init has of the time after which its agent kills it: the rest is for its own SIGKILL to work.
    pub fn within(kill: Duration) -> Self {
        Self(kill.saturating_sub((kill / 5).min(KILL_ROOM_MOST)))
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

/// As long as init waits for what it has killed.
const KILL_ROOM_MOST: Duration = Duration::from_secs(2);

/// Whoever waits longer than a day does not want a limit.
const GRACE_MOST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the grace {0:?}; expected a time up to one day, such as 9s or 500ms")]
pub struct GraceError(pub String);

impl FromStr for Grace {
    type Err = GraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse::<u32>().map(|seconds| Duration::from_secs(seconds.into())).ok();
        seconds
            .or_else(|| humantime::parse_duration(text).ok())
            .filter(|grace| *grace <= GRACE_MOST)
            .map(Self)
            .ok_or_else(|| GraceError(text.to_owned()))
    }
}

/// One of the words an option takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {text:?}; expected one of {words}")]
pub struct UnknownWord {
    pub what: &'static str,
    pub text: String,
    pub words: String,
}

pub fn parse_forward_to(text: &str) -> Result<ForwardTo, UnknownWord> {
    let words = [
        ("child", ForwardTo::Child),
        ("group", ForwardTo::Group),
        ("group-even-quit", ForwardTo::GroupEvenQuit),
    ];
    word("receiver of signals", text, &words)
}

pub fn parse_subreaper(text: &str) -> Result<Subreaper, UnknownWord> {
    word("subreaper setting", text, &[("on", Subreaper::On), ("off", Subreaper::Off)])
}

pub fn parse_job_control(text: &str) -> Result<JobControl, UnknownWord> {
    word("job control setting", text, &[("on", JobControl::On), ("off", JobControl::Off)])
}

pub fn parse_continuation(text: &str) -> Result<Continuation, UnknownWord> {
    word("setting for SIGCONT", text, &[("on", Continuation::On), ("off", Continuation::Off)])
}

pub fn parse_quit(text: &str) -> Result<Quit, UnknownWord> {
    word("time for SIGQUIT", text, &[("at-once", Quit::AtOnce), ("once-caught", Quit::OnceCaught)])
}

pub fn parse_verbosity(text: &str) -> Result<Verbosity, UnknownWord> {
    let words = [("quiet", Verbosity::Quiet), ("normal", Verbosity::Normal), ("debug", Verbosity::Debug)];
    word("verbosity", text, &words)
}

fn word<T: Copy>(what: &'static str, text: &str, words: &[(&str, T)]) -> Result<T, UnknownWord> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| UnknownWord {
        what,
        text: text.to_owned(),
        words: words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "),
    })
}

/// A variable that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}")]
pub struct VariableError {
    pub name: &'static str,
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Options {
    /// The defaults with what the environment says; lists are separated by commas.
    pub fn from_environment(environment: &Environment) -> Result<Self, VariableError> {
        let mut options = Self::default();
        let get = |name: &'static str| environment.text(name);
        if let Some(text) = get(GRACE) {
            options.grace = text.parse().map_err(in_variable(GRACE))?;
        }
        if let Some(text) = get(FORWARD_TO) {
            options.forward_to = parse_forward_to(text).map_err(in_variable(FORWARD_TO))?;
        }
        options.rewrites = list(environment, REWRITE)?;
        options.stop_on = list(environment, STOP_ON)?;
        options.remaps = list(environment, REMAP)?;
        if let Some(text) = get(SUBREAPER) {
            options.subreaper = parse_subreaper(text).map_err(in_variable(SUBREAPER))?;
        }
        if let Some(text) = get(PARENT_DEATH_SIGNAL) {
            options.parent_death_signal = Some(text.parse().map_err(in_variable(PARENT_DEATH_SIGNAL))?);
        }
        if let Some(text) = get(JOB_CONTROL) {
            options.job_control = parse_job_control(text).map_err(in_variable(JOB_CONTROL))?;
        }
        if let Some(text) = get(CONTINUE) {
            options.continuation = parse_continuation(text).map_err(in_variable(CONTINUE))?;
        }
        if let Some(text) = get(QUIT) {
            options.quit = Some(parse_quit(text).map_err(in_variable(QUIT))?);
        }
        if let Some(text) = get(VERBOSITY) {
            options.verbosity = parse_verbosity(text).map_err(in_variable(VERBOSITY))?;
        }
        options.reason_file = get(REASON_FILE).map(OsString::from);
        Ok(options)
    }
}

/// How long init gives what it runs.
pub const GRACE: &str = "FLINK_ON_MESOS_GRACE";
const FORWARD_TO: &str = "FLINK_ON_MESOS_FORWARD_TO";
const REWRITE: &str = "FLINK_ON_MESOS_REWRITE";
const STOP_ON: &str = "FLINK_ON_MESOS_STOP_ON";
const REMAP: &str = "FLINK_ON_MESOS_REMAP";
const SUBREAPER: &str = "FLINK_ON_MESOS_SUBREAPER";
const PARENT_DEATH_SIGNAL: &str = "FLINK_ON_MESOS_PARENT_DEATH_SIGNAL";
const JOB_CONTROL: &str = "FLINK_ON_MESOS_JOB_CONTROL";
const CONTINUE: &str = "FLINK_ON_MESOS_CONTINUE";
const QUIT: &str = "FLINK_ON_MESOS_QUIT";
const VERBOSITY: &str = "FLINK_ON_MESOS_VERBOSITY";
const REASON_FILE: &str = "FLINK_ON_MESOS_REASON_FILE";

fn list<T>(environment: &Environment, name: &'static str) -> Result<Vec<T>, VariableError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = environment.text(name).unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| entry.parse().map_err(in_variable(name))).collect()
}

fn in_variable<E>(name: &'static str) -> impl Fn(E) -> VariableError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |cause| VariableError { name, cause: Box::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace() {
        let parse = |text: &str| text.parse::<Grace>().map(|grace| grace.0.as_millis());
        assert_eq!(parse("9s"), Ok(9_000));
        assert_eq!(parse("500ms"), Ok(500));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("20"), Ok(20_000));
        assert_eq!(parse("1m 30s"), Ok(90_000));
        for text in ["", "-1", "9x", "2days", "soon", "1.5"] {
            assert_eq!(parse(text), Err(GraceError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn init_kills_before_its_agent_does() {
        for (kill, expected) in [(30_000, 28_000), (10_000, 8_000), (3_000, 2_400), (1_000, 800), (0, 0)] {
            let grace = Grace::within(Duration::from_millis(kill));
            assert_eq!(grace.0.as_millis(), expected);
            assert_eq!(grace.to_string().parse(), Ok(grace));
        }
    }

    #[test]
    fn words() {
        assert_eq!(parse_forward_to("group"), Ok(ForwardTo::Group));
        assert_eq!(
            parse_verbosity("loud").unwrap_err().to_string(),
            "unknown verbosity \"loud\"; expected one of quiet, normal, debug"
        );
    }

    #[test]
    fn the_environment_sets_every_option() {
        let environment: Environment = [
            (GRACE, "3s"),
            (FORWARD_TO, "group"),
            (REWRITE, "TERM=QUIT, USR2=drop"),
            (STOP_ON, "PWR,RTMIN+3"),
            (REMAP, "143=0"),
            (SUBREAPER, "off"),
            (PARENT_DEATH_SIGNAL, "TERM"),
            (JOB_CONTROL, "on"),
            (CONTINUE, "off"),
            (QUIT, "once-caught"),
            (VERBOSITY, "debug"),
            (REASON_FILE, "/dev/termination-log"),
        ]
        .into_iter()
        .collect();
        let expected = Options {
            grace: Grace(Duration::from_secs(3)),
            forward_to: ForwardTo::Group,
            rewrites: vec!["TERM=QUIT".parse().unwrap(), "USR2=0".parse().unwrap()],
            stop_on: vec!["PWR".parse().unwrap(), "RTMIN+3".parse().unwrap()],
            remaps: vec!["143=0".parse().unwrap()],
            subreaper: Subreaper::Off,
            parent_death_signal: Some(Signal::TERM),
            job_control: JobControl::On,
            continuation: Continuation::Off,
            quit: Some(Quit::OnceCaught),
            verbosity: Verbosity::Debug,
            reason_file: Some("/dev/termination-log".into()),
            keep_fds: Vec::new(),
        };
        assert_eq!(Options::from_environment(&environment).unwrap(), expected);
        let empty = Environment::default();
        assert_eq!(Options::from_environment(&empty).unwrap(), Options::default());
    }

    #[test]
    fn a_malformed_variable_is_named() {
        let words = [FORWARD_TO, SUBREAPER, JOB_CONTROL, CONTINUE, QUIT, VERBOSITY];
        for name in words.into_iter().chain([GRACE, REWRITE, STOP_ON, REMAP, PARENT_DEATH_SIGNAL]) {
            let environment: Environment = [(name, "?")].into_iter().collect();
            let error = Options::from_environment(&environment).unwrap_err();
            let text = log::chain(&error);
            assert!(text.starts_with(&format!("environment variable {name}: ")), "{text}");
            assert!(text.contains("\"?\""), "{text}");
        }
    }
}
