//! `logs`: what a task has written.

use std::io::{self, ErrorKind, Write as _};

use api::LogsQuery;
use api::client::AskError;
use base::exit::Exit;
use conf::environment::Environment;

use super::ask;
use crate::cli::clusters::LogsOptions;
use crate::role::error::Fatal;

pub fn run(options: &LogsOptions, environment: &Environment) -> Result<u8, Fatal> {
    let query = LogsQuery {
        task: options.task.clone(),
        file: options.file.name(),
        tail: options.tail,
        follow: options.follow,
        ..LogsQuery::default()
    };
    ask(&options.dispatcher, environment, async |dispatcher| {
        match dispatcher.logs(&options.name, &query, print).await {
            // Whoever reads it has seen enough, as `head` has.
            Err(AskError::Print(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    })?;
    Ok(Exit::Ok.code())
}

fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
