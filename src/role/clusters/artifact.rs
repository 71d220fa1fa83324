//! Files of jobs, which the dispatcher keeps.

use crate::cli::clusters::{Artifact as Command, PushOptions, RmOptions};
use api::{Artifact, OrderQuery, PushQuery};
use base::exit::Exit;
use conf::environment::Environment;

use super::text::{or_dash, plain, time};
use super::{ask, print};
use crate::role::error::Fatal;
use crate::role::operator::table::table;

pub fn run(command: &Command, environment: &Environment) -> Result<u8, Fatal> {
    match command {
        Command::Push(options) => push(options, environment)?,
        Command::List(options) => {
            let artifacts =
                ask(&options.dispatcher, environment, async |dispatcher| dispatcher.artifacts().await)?;
            print(options.output, &artifacts, |artifacts| text(artifacts));
        }
        Command::Rm(options) => remove(options, environment)?,
    }
    Ok(Exit::Ok.code())
}

/// One file after the other, until one is refused.
fn push(options: &PushOptions, environment: &Environment) -> Result<(), Fatal> {
    for file in &options.files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let query = PushQuery { name, message: options.message.clone(), ..PushQuery::default() };
        let answer = &options.answer;
        let pushed =
            ask(&answer.dispatcher, environment, async |dispatcher| dispatcher.push(file, &query).await)?;
        print(answer.output, &pushed, |pushed| pushed.uri.clone());
    }
    Ok(())
}

fn remove(options: &RmOptions, environment: &Environment) -> Result<(), Fatal> {
    let query = OrderQuery { dry_run: false, message: options.message.clone() };
    for digest in &options.digests {
        let answer = &options.answer;
        let removed = ask(&answer.dispatcher, environment, async |dispatcher| {
            dispatcher.remove_artifact(digest, &query).await
        })?;
        print(answer.output, &removed, |removed| format!("{} is removed", removed.uri));
    }
    Ok(())
}

pub fn text(artifacts: &[Artifact]) -> String {
    if artifacts.is_empty() {
        return "no artifacts\n".to_owned();
    }
    let head = ["NAME", "BYTES", "PUSHED", "BY", "CLUSTERS", "URI"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(artifacts.iter().map(row)).collect();
    let mut text = String::new();
    table(&mut text, &rows);
    text
}

fn row(artifact: &Artifact) -> [String; 6] {
    [
        or_dash(artifact.name.as_deref()),
        artifact.size.to_string(),
        time(artifact.uploaded_at),
        or_dash(artifact.uploaded_by.as_deref()),
        or_dash(Some(artifact.used_by.join(",")).filter(|clusters| !clusters.is_empty())),
        plain(&artifact.uri),
    ]
}
