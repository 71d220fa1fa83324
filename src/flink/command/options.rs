//! The java options of the user: `env.java.*`, or the variables that take their place.

use std::collections::BTreeMap;

use super::split::{Split, split};
use super::{CommandError, Launch, script};
use conf::environment::Environment;
use conf::table::Table;

/// JVMs read these by themselves.
const READ_BY_JAVA: [&str; 2] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"];

pub(super) struct UserOptions {
    /// From `JVM_ARGS`: in front of the computed ones.
    pub(super) first: Vec<String>,
    /// Behind the computed ones, so that they win.
    pub(super) last: Vec<String>,
    inherited: Vec<String>,
    /// One line for each variable that is not known.
    unknown: Vec<String>,
}

impl UserOptions {
    pub(super) fn read(launch: &Launch<'_>, role: &str, role_variable: &str) -> Result<Self, CommandError> {
        let variable = |name: &str| script::value(launch, role, name);
        Self::of(launch.table, launch.environment, &variable, role, role_variable)
    }

    /// `value`: of a variable in one of them.
    pub(super) fn of(
        table: &Table,
        environment: &Environment,
        value: &dyn Fn(&str) -> Option<String>,
        role: &str,
        role_variable: &str,
    ) -> Result<Self, CommandError> {
        let mut reader = OptionReader { table, environment, value, unknown: Vec::new() };
        let default_key = format!("env.java.default-opts.{role}");
        let role_key = format!("env.java.opts.{role}");
        let all_key = match table.get("env.java.opts.all") {
            Some(_) => "env.java.opts.all",
            None => "env.java.opts",
        };
        let mut last = reader.either("FLINK_ENV_JAVA_OPTS", ["env.java.default-opts.all", all_key])?;
        last.extend(reader.either(role_variable, [&default_key, &role_key])?);
        let mut inherited = vec![];
        let told = reader.unknown.len();
        for name in READ_BY_JAVA {
            inherited.extend(reader.variable(name)?.unwrap_or_default());
        }
        // Java replaces nothing in these.
        reader.unknown.truncate(told);
        let first = reader.variable("JVM_ARGS")?.unwrap_or_default();
        Ok(Self { first, last, inherited, unknown: reader.unknown })
    }

    /// All that the JVM will see of the user, in whatever way.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.first.iter().chain(&self.last).chain(&self.inherited).map(String::as_str)
    }

    /// The system properties. Of several the last one counts, and what the JVM inherits comes first.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let all = self.inherited.iter().chain(&self.first).chain(&self.last);
        let properties = all.filter_map(|option| option.strip_prefix("-D"));
        properties
            .map(|property| property.split_once('=').unwrap_or((property, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.all().any(|option| option.starts_with(prefix))
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.unknown.clone();
        if self.all().any(|option| option == "-Xrs") {
            warnings.push(
                "-Xrs takes the JVM's signal handlers away: Flink will not shut down cleanly on SIGTERM, and a thread dump kills it"
                    .to_owned(),
            );
        }
        warnings
    }
}

struct OptionReader<'a> {
    table: &'a Table,
    environment: &'a Environment,
    value: &'a dyn Fn(&str) -> Option<String>,
    unknown: Vec<String>,
}

impl OptionReader<'_> {
    /// A variable that is set wins over the keys, which are put together.
    fn either(&mut self, variable: &str, keys: [&str; 2]) -> Result<Vec<String>, CommandError> {
        if let Some(options) = self.variable(variable)? {
            return Ok(options);
        }
        let mut options = vec![];
        for key in keys {
            let value = self.table.get(key).unwrap_or_default();
            // YAML has lists; the items stand as if on one line.
            let line = conf::list_items(value).map(|items| items.join(" "));
            options.extend(self.split(key, line.as_deref().unwrap_or(value))?);
        }
        Ok(options)
    }

    fn variable(&mut self, name: &str) -> Result<Option<Vec<String>>, CommandError> {
        self.environment.text(name).map(|value| self.split(name, value)).transpose()
    }

    fn split(&mut self, name: &str, value: &str) -> Result<Vec<String>, CommandError> {
        let Split { arguments, unknown } = split(value, self.value)
            .map_err(|_open_quote| CommandError::OpenQuote { name: name.to_owned() })?;
        self.unknown.extend(unknown.into_iter().map(|reference| {
            format!("`{reference}` in {name} is not replaced, as there is no such variable; an argument that has nothing else is left out")
        }));
        Ok(arguments)
    }
}
