//! What the environment says about init.

use std::ffi::OsString;
use std::str::FromStr;

use conf::environment::Environment;

use super::Options;
use super::words::{
    parse_continuation, parse_forward_to, parse_job_control, parse_quit, parse_subreaper, parse_verbosity,
};

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

/// All of them.
pub const VARIABLES: [&str; 12] = [
    GRACE,
    FORWARD_TO,
    REWRITE,
    STOP_ON,
    REMAP,
    SUBREAPER,
    PARENT_DEATH_SIGNAL,
    JOB_CONTROL,
    CONTINUE,
    QUIT,
    VERBOSITY,
    REASON_FILE,
];

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
    use std::time::Duration;

    use base::log;
    use init::plan::{Continuation, ForwardTo, Quit, Subreaper, Verbosity};
    use init::signals::{JobControl, Signal};

    use super::super::Grace;
    use super::*;

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
