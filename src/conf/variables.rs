//! The layer of environment variables: which variable sets which keys.

use std::ffi::OsStr;

use domain::demand::MAX_TASKMANAGERS;

use super::environment::Environment;
use super::keys::{self, flink};
use super::problem::{Found, Problem};
use super::table::{Origin, Table};

/// Upper limit of counts that have none of their own (slots, GPUs): beyond it a value is a slip of the keyboard.
pub const MAX_COUNT: u32 = 100_000;

/// What a variable's value must be, and how it is written in the configuration.
#[derive(Clone, Copy)]
enum Kind {
    /// 0 ..= [`MAX_TASKMANAGERS`]
    TaskManagers,
    /// 1 ..= [`MAX_COUNT`]
    PositiveCount,
    /// Whole MiB, written as memory text of Flink.
    Mebibytes,
    /// 1 ..= 65535
    Port,
    /// Text without white space.
    Word,
}

/// One that this program reads, besides those of init (`FLINK_ON_MESOS_…`) and of Flink's own scripts.
pub struct Variable {
    name: &'static str,
    kind: Kind,
    keys: &'static [&'static str],
}

const HADOOP_USER_OF_MASTER: &str = "containerized.master.env.HADOOP_USER_NAME";
const HADOOP_USER_OF_TASK_MANAGERS: &str = "containerized.taskmanager.env.HADOOP_USER_NAME";

/// Later ones win. `JOB_MANAGER_RPC_ADDRESS` and `HOST` set no key by themselves: they only replace an
/// address that nobody could reach (see `rewrite`). `HOST` is not checked, as other programs use it too.
const VARIABLES: [Variable; 12] = [
    variable("JOB_MANAGER_RPC_ADDRESS", Kind::Word, &[]),
    variable("TASK_MANAGER_NUMBER_OF_TASK_SLOTS", Kind::PositiveCount, &[flink::SLOTS.name]),
    variable("_SLOTS", Kind::PositiveCount, &[flink::SLOTS.name]),
    variable("_CLIENT_TM_COUNT", Kind::TaskManagers, &[keys::INITIAL_TASKS.name]),
    variable("_CLIENT_TM_MEMORY", Kind::Mebibytes, &[flink::PROCESS_MEMORY.name]),
    variable(
        "_CLIENT_USERNAME",
        Kind::Word,
        &[keys::TASK_USER.name, HADOOP_USER_OF_MASTER, HADOOP_USER_OF_TASK_MANAGERS],
    ),
    variable("MESOS_FRAMEWORK_SECRET_FILE", Kind::Word, &[keys::FRAMEWORK_SECRET_FILE.name]),
    // With high availability Flink takes the second key and ignores the first.
    variable("PORT_RPC", Kind::Port, &[flink::RPC_PORT.name, flink::HA_JOB_MANAGER_PORT.name]),
    variable("PORT_REST", Kind::Port, &[flink::REST_PORT.name]),
    variable("PORT_BLOB", Kind::Port, &[flink::BLOB_PORT.name]),
    variable("PORT_ARTIFACT", Kind::Port, &[keys::ARTIFACT_PORT.name]),
    variable("PORT_STATUS", Kind::Port, &[keys::STATUS_PORT.name]),
];

/// Sets in `table` what `environment` says. An empty variable counts as not set; all wrong values are told.
pub fn apply(environment: &Environment, table: &mut Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    for Variable { name, kind, keys } in &VARIABLES {
        let Some(value) = environment.get(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        match value.to_str().and_then(|value| kind.read(value)) {
            Some(text) => {
                for key in *keys {
                    table.set(*key, &text, Origin::Environment { variable: (*name).to_owned() });
                }
            }
            None => problems.push(problem(name, value, kind.expected())),
        }
    }
    problems
}

/// In the order in which they are applied.
pub fn all() -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter()
}

impl Variable {
    pub fn name(&self) -> &str {
        self.name
    }

    pub fn expected(&self) -> String {
        self.kind.expected()
    }

    /// The keys that it sets.
    pub fn keys(&self) -> &'static [&'static str] {
        self.keys
    }

    /// In words.
    pub fn meaning(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        match keys.is_empty() {
            true => format!("`{}`, if other machines could not reach that address", flink::ADDRESS.name),
            false => keys.join(", "),
        }
    }
}

/// The value of the variable `name`; empty when it is not set.
pub fn text<'a>(environment: &'a Environment, name: &str) -> Result<&'a str, Problem> {
    // The value may hold secrets and is not told.
    let expected = || "UTF-8 text".to_owned();
    environment
        .get(name)
        .unwrap_or_default()
        .to_str()
        .ok_or_else(|| problem(name, OsStr::new("…"), expected()))
}

fn problem(name: &str, value: &OsStr, expected: String) -> Problem {
    let origin = Origin::Environment { variable: name.to_owned() };
    let value = value.to_string_lossy().into_owned();
    Problem { subject: name.to_owned(), found: Found::Value { value, origin }, expected }
}

const fn variable(name: &'static str, kind: Kind, keys: &'static [&'static str]) -> Variable {
    Variable { name, kind, keys }
}

impl Kind {
    /// The value for the configuration, if `text` is right.
    fn read(self, text: &str) -> Option<String> {
        let text = text.trim();
        let count = |least: u32, most: u32| {
            text.parse()
                .ok()
                .filter(|count| (least..=most).contains(count))
                .map(|count: u32| count.to_string())
        };
        match self {
            Self::TaskManagers => count(0, MAX_TASKMANAGERS),
            Self::PositiveCount => count(1, MAX_COUNT),
            Self::Mebibytes => count(1, u32::MAX).map(|count| count + "m"),
            Self::Port => count(1, u32::from(u16::MAX)),
            Self::Word => (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| text.to_owned()),
        }
    }

    fn expected(self) -> String {
        match self {
            Self::TaskManagers => format!("a whole number from 0 to {MAX_TASKMANAGERS}"),
            Self::PositiveCount => format!("a whole number from 1 to {MAX_COUNT}"),
            Self::Mebibytes => "memory as a whole number of MiB, without a unit".to_owned(),
            Self::Port => "a port from 1 to 65535".to_owned(),
            Self::Word => "UTF-8 text without white space".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_keys() {
        let environment = Environment::from_iter([
            ("_CLIENT_TM_COUNT", "3"),
            ("_CLIENT_TM_MEMORY", "1024"),
            ("TASK_MANAGER_NUMBER_OF_TASK_SLOTS", "2"),
            ("_SLOTS", "4"),
            ("_CLIENT_USERNAME", "ann"),
            ("PORT_REST", "31000"),
            ("PORT_BLOB", ""),
        ]);
        let mut table = Table::default();
        table.set("rest.port", "8081", Origin::File { path: "f".into(), line: 1 });
        assert_eq!(apply(&environment, &mut table), []);
        let told: Vec<_> = table
            .iter()
            .map(|(key, setting)| format!("{key}={} {}", setting.value, setting.origin))
            .collect();
        assert_eq!(
            told,
            [
                "containerized.master.env.HADOOP_USER_NAME=ann $_CLIENT_USERNAME",
                "containerized.taskmanager.env.HADOOP_USER_NAME=ann $_CLIENT_USERNAME",
                "mesos.initial-tasks=3 $_CLIENT_TM_COUNT",
                "mesos.resourcemanager.tasks.user=ann $_CLIENT_USERNAME",
                "rest.port=31000 $PORT_REST",
                "taskmanager.memory.process.size=1024m $_CLIENT_TM_MEMORY",
                "taskmanager.numberOfTaskSlots=4 $_SLOTS",
            ]
        );
        assert_eq!(table.overridden("rest.port")[0].value, "8081");
    }

    #[test]
    fn all_wrong_values_are_told() {
        let environment =
            Environment::from_iter([("_CLIENT_TM_MEMORY", "1g"), ("_SLOTS", "0"), ("PORT_RPC", "65536")]);
        let problems: Vec<_> =
            apply(&environment, &mut Table::default()).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "`_SLOTS` is `0` ($_SLOTS), expected a whole number from 1 to 100000",
                "`_CLIENT_TM_MEMORY` is `1g` ($_CLIENT_TM_MEMORY), expected memory as a whole number of MiB, \
                 without a unit",
                "`PORT_RPC` is `65536` ($PORT_RPC), expected a port from 1 to 65535",
            ]
        );
    }
}
