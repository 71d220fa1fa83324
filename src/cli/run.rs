//! `run`: a job from the command line, without Java here.

use std::path::PathBuf;

use clap::Args;

use super::clusters::{CreationOptions, DispatcherOptions};
use super::operator::EndpointOptions;

#[derive(Clone, Debug, Args)]
pub struct RunOptions {
    /// A session cluster of the dispatcher [default: the running AppMaster of this machine]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["application", "socket", "address"])]
    pub session: Option<String>,
    /// Create an application of this name at the dispatcher, which ends with the job; it must not exist
    #[arg(long, value_name = "NAME", conflicts_with_all = ["socket", "address", "job_id"])]
    pub application: Option<String>,
    /// Do not wait for the job's end
    #[arg(long, short)]
    pub detached: bool,
    /// The class with `main` [default: the one that the jar's manifest names]
    #[arg(long = "class", short, value_name = "CLASS")]
    pub class: Option<String>,
    /// The job's parallelism
    #[arg(long, short, value_name = "N")]
    pub parallelism: Option<u32>,
    /// The savepoint or checkpoint that the job starts from
    #[arg(long = "fromSavepoint", short = 's', value_name = "PATH")]
    pub from_savepoint: Option<String>,
    /// Start even if the savepoint holds state of operators that the job does not have
    #[arg(long = "allowNonRestoredState", short = 'n')]
    pub allow_non_restored_state: bool,
    /// The job's id, 32 hexadecimal digits: the same command with the same id again is the same job [default: one that is
    /// made up and printed first]
    #[arg(long, value_name = "ID", value_parser = super::job_id)]
    pub job_id: Option<String>,
    #[command(flatten)]
    pub creation: CreationOptions,
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    #[command(flatten)]
    pub dispatcher: DispatcherOptions,
    #[command(flatten)]
    pub endpoint: EndpointOptions,
    /// The job's jar, SQL script (.sql) or Python program (.py), and all that follows it is the job's own. It is a file here, or `artifact://…`, `https://…`,
    /// `local:///…` (on the AppMaster's agent or in its image)
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        num_args = 1..,
        value_name = "JAR"
    )]
    words: Vec<String>,
}

/// Where a jar is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jar {
    /// On this machine.
    File(PathBuf),
    Uri(String),
}

impl RunOptions {
    pub fn jar(&self) -> Jar {
        let word = self.words.first().map(String::as_str).unwrap_or_default();
        match word.split_once(':') {
            Some(("file", path)) => Jar::File(path.trim_start_matches("//").into()),
            Some((_, rest)) if rest.starts_with("//") => Jar::Uri(word.to_owned()),
            _ => Jar::File(word.into()),
        }
    }

    /// Of the job's `main`.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The first word is a jar, and none of the options that are misspelt.
    pub fn check(&self) -> Result<(), String> {
        match self.words.first().filter(|word| word.starts_with('-')) {
            None => Ok(()),
            Some(word) => Err(format!("{word} is no option of `run`; a jar of this name is ./{word}")),
        }
    }
}
