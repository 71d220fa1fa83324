//! The commands that talk to a dispatcher.

mod address;
mod applying;
mod artifact;
mod attached;
mod audit;
pub(super) mod credentials;
mod describe;
mod events;
mod explain;
mod files;
mod list;
pub mod logs;
mod ordering;
mod queue;
pub mod run;
mod scaling;
mod session;
mod session_script;
mod text;
mod token;
mod yaml;

use std::future::Future;

use serde::Serialize;

use crate::cli::EventsOptions;
use crate::cli::clusters::{
    AuditOptions, Command, DeleteOptions, DescribeOptions, DispatcherOptions, GetOptions, Output, Session,
};
use api::client::{AskError, Dispatcher};
use api::{AuditQuery, EventsQuery};
use base::exit::Exit;
use conf::environment::Environment;
pub use explain::run as explain;
use ordering::Verb;

use super::error::{Fatal, refused};
use super::runtime;
pub use session_script::run as session_script;
pub use text::say;

pub fn run_command(command: &Command, environment: &Environment) -> Result<u8, Fatal> {
    match command {
        Command::Apply(options) => applying::apply(options, environment),
        Command::Plan(options) => applying::plan(options, environment),
        Command::Diff(options) => applying::diff(options, environment),
        Command::Get(options) => get(options, environment),
        Command::Describe(options) => describe(options, environment),
        Command::Delete(options) => delete(options, environment),
        Command::Suspend(options) => {
            ordering::run(Verb::Suspend(options.force), &options.names, &options.order, environment)
        }
        Command::Resume(options) => ordering::run(Verb::Resume, &options.names, &options.order, environment),
        Command::Restart(options) => ordering::restart(options, environment),
        Command::Freeze(options) => ordering::run(Verb::Freeze, &options.names, &options.order, environment),
        Command::Thaw(options) => ordering::run(Verb::Thaw, &options.names, &options.order, environment),
        Command::Queue(options) => queue::run(options, environment),
        Command::Logs(options) => logs::run(options, environment),
        Command::Audit(options) => audit(options, environment),
        Command::Token(options) => token::run(options),
        Command::Artifact(command) => artifact::run(command, environment),
        Command::Session(Session::Create(options)) => session::create(options, environment),
        Command::Session(Session::List(options)) => session::list(options, environment),
        Command::Session(Session::Scale(options)) => scaling::scale(options, environment),
        Command::Session(Session::Stop(options)) => {
            ordering::run(Verb::Delete(options.force), &options.names, &options.order, environment)
        }
    }
}

fn get(options: &GetOptions, environment: &Environment) -> Result<u8, Fatal> {
    let Some(name) = &options.name else {
        let clusters =
            ask(&options.answer.dispatcher, environment, async |dispatcher| dispatcher.clusters().await)?;
        print(options.answer.output, &clusters, |clusters| list::text(clusters));
        return Ok(Exit::Ok.code());
    };
    let answer = async |dispatcher: Dispatcher| dispatcher.cluster(name).await;
    let description = ask(&options.answer.dispatcher, environment, answer)?;
    print(options.answer.output, &description.known.cluster, |cluster| {
        list::text(std::slice::from_ref(cluster))
    });
    Ok(Exit::Ok.code())
}

fn describe(options: &DescribeOptions, environment: &Environment) -> Result<u8, Fatal> {
    let answer = async |dispatcher: Dispatcher| dispatcher.cluster(&options.name).await;
    let description = ask(&options.answer.dispatcher, environment, answer)?;
    print(options.answer.output, &description, describe::text);
    Ok(Exit::Ok.code())
}

fn delete(options: &DeleteOptions, environment: &Environment) -> Result<u8, Fatal> {
    let mut names = options.names.clone();
    for file in &options.files {
        names.extend(files::names(file)?);
    }
    ordering::run(Verb::Delete(options.force), &names, &options.order, environment)
}

fn audit(options: &AuditOptions, environment: &Environment) -> Result<u8, Fatal> {
    let query = AuditQuery { cluster: options.name.clone(), after: 0, last: Some(options.last) };
    let answer = async |dispatcher: Dispatcher| dispatcher.audit(&query).await;
    let entries = ask(&options.answer.dispatcher, environment, answer)?;
    print(options.answer.output, &entries, |entries| audit::text(entries));
    Ok(Exit::Ok.code())
}

/// The last events of the dispatcher's clusters, and with `--follow` those that come until the dispatcher ends.
pub fn events(options: &EventsOptions, environment: &Environment) -> Result<u8, Fatal> {
    let query = EventsQuery { cluster: options.name.clone(), after: 0 };
    let tell = |event| say(&events::line(&event, options.json));
    ask(&options.dispatcher, environment, async |dispatcher| {
        if options.follow {
            return dispatcher.follow(&query, tell).await;
        }
        dispatcher.events(&query).await?.into_iter().for_each(tell);
        Ok(())
    })?;
    Ok(Exit::Ok.code())
}

fn ask<T, F>(
    options: &DispatcherOptions,
    environment: &Environment,
    question: impl FnOnce(Dispatcher) -> F,
) -> Result<T, Fatal>
where
    F: Future<Output = Result<T, AskError>>,
{
    let dispatcher = connect(options, environment)?;
    runtime()?.block_on(question(dispatcher)).map_err(unanswered)
}

fn connect(options: &DispatcherOptions, environment: &Environment) -> Result<Dispatcher, Fatal> {
    let address = address::address(options.dispatcher.clone(), environment)?;
    let credentials = credentials::credentials(options, &address, environment)?;
    Dispatcher::with(&address, &credentials).map_err(unanswered)
}

fn unanswered(error: AskError) -> Fatal {
    let exit = match &error {
        AskError::Refused { problem, .. } => match credentials::advice(problem.status) {
            Some(advice) => return Fatal::new(refused(problem.status), format!("{error}: {advice}")),
            None => refused(problem.status),
        },
        AskError::Certificates(_) | AskError::Token => Exit::Data,
        AskError::File { .. } => Exit::NoInput,
        AskError::Tls(_)
        | AskError::NoAnswer { .. }
        | AskError::NoLeader { .. }
        | AskError::Strange { .. }
        | AskError::Ended { .. }
        | AskError::Cut { .. } => Exit::Unavailable,
        AskError::Print(_) => Exit::Os,
    };
    Fatal::new(exit, error)
}

fn print<T: Serialize>(output: Output, answer: &T, table: impl FnOnce(&T) -> String) {
    match output {
        Output::Table => say(table(answer).trim_end_matches('\n')),
        Output::Json => say(&serde_json::to_string_pretty(answer).expect("all keys are texts")),
        Output::Yaml => {
            let value = serde_json::to_value(answer).expect("all keys are texts");
            say(yaml::text(&value).trim_end_matches('\n'));
        }
    }
}

#[cfg(test)]
mod tests;
