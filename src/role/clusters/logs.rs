//! `logs`: what a task has written.

use std::io::{self, ErrorKind, Write as _};

use api::client::AskError;
use base::exit::Exit;
use conf::environment::Environment;
use status::client::CommandError;

use super::ask;
use crate::cli::clusters::LogsOptions;
use crate::role::error::Fatal;
use crate::role::operator;

/// Of a cluster of the dispatcher, or of the running AppMaster's.
pub fn run(options: &LogsOptions, environment: &Environment) -> Result<u8, Fatal> {
    let query = options.query();
    let Some(name) = &options.name else {
        if options.dispatcher.dispatcher.is_some() {
            return Err(Fatal::new(Exit::Usage, "name the cluster of the dispatcher whose logs are wanted"));
        }
        if options.endpoint.address.is_some() {
            return operator::logs::of_mesos(&options.endpoint, &query, environment, print);
        }
        operator::ask(&options.endpoint, environment, async |appmaster| {
            match appmaster.logs(&query, print).await {
                Err(CommandError::Print(error)) if has_seen_enough(&error) => Ok(()),
                done => done,
            }
        })?;
        return Ok(Exit::Ok.code());
    };
    ask(&options.dispatcher, environment, async |dispatcher| {
        match dispatcher.logs(name, &query, print).await {
            Err(AskError::Print(error)) if has_seen_enough(&error) => Ok(()),
            done => done,
        }
    })?;
    Ok(Exit::Ok.code())
}

/// Whoever reads it, as `head` has.
pub fn has_seen_enough(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
