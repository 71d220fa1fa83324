//! What is wrong and what is odd, gathered, so that all of it is told at once.

use super::error::Fatal;
use base::log;

#[derive(Default)]
pub struct Findings {
    problems: Vec<Fatal>,
    warnings: Vec<String>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is wrong: {}", .0.join("; "))]
struct Problems(Vec<String>);

impl Findings {
    /// The value, if there is one; else what is wrong is kept.
    pub fn take<T>(&mut self, result: Result<T, Fatal>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// What two processes would end over is told once.
    pub fn add(&mut self, problem: Fatal) {
        let text = log::chain(problem.error.as_ref());
        if !self.problems.iter().any(|known| log::chain(known.error.as_ref()) == text) {
            self.problems.push(problem);
        }
    }

    pub fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The value and what is odd, or all that is wrong, with the exit code of what was found first.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<(T, Vec<String>), Fatal> {
        match (value, self.problems.len()) {
            (Some(value), 0) => Ok((value, self.warnings)),
            (_, 1) => Err(self.problems.remove(0)),
            _ => {
                let exit = self.problems.first().map_or(base::exit::Exit::Software, |problem| problem.exit);
                let texts = self.problems.iter().map(|problem| log::chain(problem.error.as_ref()));
                Err(Fatal::new(exit, Problems(texts.collect())))
            }
        }
    }
}
