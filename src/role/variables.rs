//! Variables of this program that nobody reads, which are mostly misspelled ones, and those whose value counts for nothing.

use base::log;
use conf::environment::Environment;
use conf::nearest;
use conf::warning::Warning;
use scheduler::spec;

use super::appmaster::given;
use super::clusters::credentials;
use super::dispatcher::serving;
use super::{sockets, taskmanager};
use crate::cli::exec;

const PREFIX: &str = "FLINK_ON_MESOS_";

/// Besides those of init.
const NAMES: [&str; 13] = [
    log::LEVEL_VARIABLE,
    log::FORMAT_VARIABLE,
    sockets::SOCKET_VARIABLE,
    serving::SOCKET_VARIABLE,
    credentials::TOKEN,
    credentials::CA,
    credentials::CERTIFICATE,
    spec::COMMAND_VARIABLE,
    taskmanager::SUCCESSION_VARIABLE,
    given::TASK_VARIABLE,
    given::ATTEMPT_VARIABLE,
    given::DISPATCHERS_VARIABLE,
    given::DISPATCHERS_CERTIFICATE_VARIABLE,
];

/// One line for each.
pub fn warnings(environment: &Environment) -> Vec<Warning> {
    let names = || NAMES.into_iter().chain(exec::VARIABLES);
    let set = environment.iter().filter_map(|(name, _)| name.to_str());
    let unknown = set.filter(|name| name.starts_with(PREFIX) && !names().any(|known| known == *name));
    let misspelled = unknown.filter_map(|name| {
        let near = nearest::slip(name, names())?;
        Some(Warning::about(name, format!("the variable {name} is not known; did you mean {near}?")))
    });
    let useless = [
        (log::LEVEL_VARIABLE, log::is_level as fn(&str) -> bool, "error, warn, info, debug or trace"),
        (log::FORMAT_VARIABLE, log::is_format, "text or json"),
    ];
    let useless = useless.into_iter().filter_map(|(name, is_good, expected)| {
        let value = environment.text(name).filter(|value| !is_good(value))?;
        Some(Warning::about(name, format!("the variable {name} is `{value}`, expected {expected}")))
    });
    misspelled.chain(useless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_values_without_effect_are_told() {
        let told = |pairs: &[(&str, &str)]| {
            warnings(&pairs.iter().copied().collect())
                .into_iter()
                .map(|warning| warning.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(&[("FLINK_ON_MESOS_GRACES", "1s")]),
            ["the variable FLINK_ON_MESOS_GRACES is not known; did you mean FLINK_ON_MESOS_GRACE?"]
        );
        assert_eq!(
            told(&[(log::LEVEL_VARIABLE, "loud"), (log::FORMAT_VARIABLE, "xml")]),
            [
                "the variable FLINK_ON_MESOS_LOG is `loud`, expected error, warn, info, debug or trace",
                "the variable FLINK_ON_MESOS_LOG_FORMAT is `xml`, expected text or json"
            ]
        );
        let good = NAMES.into_iter().chain(exec::VARIABLES).filter(|name| !name.contains("_LOG"));
        let good: Vec<_> = good.map(|name| (name, "x")).collect();
        assert_eq!(told(&good), [""; 0]);
        let others = [
            (log::LEVEL_VARIABLE, "debug"),
            (log::FORMAT_VARIABLE, "json"),
            ("FLINK_ON_MESOS_BUILD_OF", "7"),
        ];
        assert_eq!(told(&others), [""; 0]);
    }
}
