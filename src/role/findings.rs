//! What is wrong and what is odd, gathered, so that all of it is told at once.

use std::fmt;

use base::exit::Exit;
use base::log;
use conf::problem::{Found, Problem};
use conf::table::{Origin, Setting, Table};
use conf::warning::Warning;
use tracing::Level;

use super::error::Fatal;
use crate::cli::exec::VariableError;

#[derive(Default)]
pub struct Findings {
    errors: Vec<Finding>,
    warnings: Vec<Warning>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub exit: Exit,
    /// The key, or the variable's name, where there is one.
    pub subject: Option<String>,
    pub origin: Option<Origin>,
    /// With all that the other fields say.
    pub text: String,
}

/// Everything that is wrong with the configuration, and what is odd besides.
#[derive(Debug)]
pub struct Problems {
    pub errors: Vec<Finding>,
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.errors.iter().map(|finding| finding.text.as_str()).collect();
        match &texts[..] {
            [only] => out.write_str(only),
            texts => write!(out, "the configuration is wrong: {}", texts.join("; ")),
        }
    }
}

impl std::error::Error for Problems {}

impl Findings {
    /// The value, if there is one; else what is wrong is kept.
    pub fn take<T>(&mut self, result: Result<T, Fatal>) -> Option<T> {
        result.map_err(|problem| self.add(&problem)).ok()
    }

    pub fn add(&mut self, problem: &Fatal) {
        self.push(Finding::of_fatal(problem));
    }

    pub fn add_problem(&mut self, exit: Exit, problem: &Problem) {
        let origin = match &problem.found {
            Found::Nothing => None,
            Found::Value { origin, .. } => Some(origin.clone()),
        };
        let subject = Some(problem.subject.clone());
        self.push(Finding { exit, subject, origin, text: problem.to_string() });
    }

    pub fn warn<W: Into<Warning>>(&mut self, warnings: impl IntoIterator<Item = W>) {
        for warning in warnings.into_iter().map(Into::into) {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Whether what is wrong names `key`.
    pub fn tells_of(&self, key: &str) -> bool {
        self.errors.iter().any(|finding| finding.text.contains(key))
    }

    /// Gives each that has no key yet the first one of `table` that its text names. Of a value that the settings refuse, the memory
    /// tells the same again: that goes.
    pub fn place(&mut self, table: &Table) {
        let refused: Vec<_> = self.errors.iter().filter_map(|finding| finding.subject.clone()).collect();
        let mut kept = Vec::new();
        for mut finding in std::mem::take(&mut self.errors) {
            if finding.subject.is_none()
                && let Some((key, setting)) = named(&finding.text, table)
            {
                if refused.contains(&key) && finding.text.starts_with(&key) {
                    continue;
                }
                finding.subject = Some(key);
                finding.origin = Some(setting.origin.clone());
            }
            kept.push(finding);
        }
        self.errors = kept;
    }

    /// The value and what is odd, or all that is wrong, with the exit code of what was found first.
    pub fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), Fatal> {
        let Self { errors, warnings } = self;
        match (value, errors.first()) {
            (Some(value), None) => Ok((value, warnings)),
            (_, first) => {
                let exit = first.map_or(Exit::Software, |first| first.exit);
                Err(Fatal::new(exit, Problems { errors, warnings }))
            }
        }
    }

    /// What two processes would end over is told once.
    fn push(&mut self, finding: Finding) {
        if !self.errors.iter().any(|known| known.text == finding.text) {
            self.errors.push(finding);
        }
    }
}

impl Finding {
    fn of_fatal(fatal: &Fatal) -> Self {
        let text = log::chain(fatal.error.as_ref());
        let variable = fatal.error.downcast_ref::<VariableError>();
        let subject = variable.map(|variable| variable.name.to_owned());
        Self { exit: fatal.exit, subject, origin: fatal.place(), text }
    }
}

impl Problems {
    /// `fatal` as what was gathered, whatever it is.
    pub fn of(fatal: &Fatal) -> (Vec<Finding>, Vec<Warning>) {
        match fatal.error.downcast_ref::<Self>() {
            Some(Self { errors, warnings }) => (errors.clone(), warnings.clone()),
            None => (vec![Finding::of_fatal(fatal)], Vec::new()),
        }
    }
}

/// The first word of `text` that is a key of `table`.
fn named<'a>(text: &str, table: &'a Table) -> Option<(String, &'a Setting)> {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut words = text.split(|c| !is_inner(c)).filter(|word| word.contains('.'));
    words.find_map(|word| Some((word.to_owned(), table.setting(word)?)))
}

/// One line for each finding, errors first.
pub fn lines(fatal: &Fatal) -> Vec<(Level, String)> {
    let (errors, warnings) = Problems::of(fatal);
    let errors = errors.into_iter().map(|finding| (Level::ERROR, finding.text));
    errors.chain(warnings.into_iter().map(|warning| (Level::WARN, warning.text))).collect()
}
