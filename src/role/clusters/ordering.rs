//! Orders about clusters that there are.

use crate::cli::clusters::{Force, OrderOptions, RestartOptions};
use api::client::{AskError, Dispatcher};
use api::{EndQuery, OrderQuery, Ordered, Patch};
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::Outcome;

use super::{ask, print};
use crate::role::error::Fatal;

#[derive(Clone, Copy, Debug)]
pub enum Verb {
    Delete(Force),
    Suspend(Force),
    Resume,
    Restart,
    Freeze,
    Thaw,
}

/// One cluster after the other, until one is refused.
pub fn run(
    verb: Verb,
    names: &[String],
    options: &OrderOptions,
    environment: &Environment,
) -> Result<u8, Fatal> {
    if names.len() > 1 && options.if_revision.is_some() {
        return Err(Fatal::new(Exit::Usage, "--if-revision is for one cluster, and several are named"));
    }
    let (dispatcher, output) = (&options.answer.dispatcher, options.answer.output);
    for name in names {
        let ordered =
            ask(dispatcher, environment, async |dispatcher| order(&dispatcher, verb, name, options).await)?;
        print(output, &ordered, |ordered| told(verb, ordered));
    }
    Ok(Exit::Ok.code())
}

/// Of AppMasters, or of one TaskManager.
pub fn restart(options: &RestartOptions, environment: &Environment) -> Result<u8, Fatal> {
    let RestartOptions { names, taskmanager, order } = options;
    let Some(taskmanager) = taskmanager else { return run(Verb::Restart, names, order, environment) };
    let [name] = &names[..] else {
        return Err(Fatal::new(Exit::Usage, "--taskmanager is of one cluster, and several are named"));
    };
    let (query, revision) = (query(order, false), order.if_revision);
    let ordered = ask(&order.answer.dispatcher, environment, async |dispatcher| {
        dispatcher.restart_taskmanager(name, taskmanager, &query, revision).await
    })?;
    print(order.answer.output, &ordered, |ordered| told_of_taskmanager(ordered, taskmanager));
    Ok(Exit::Ok.code())
}

pub fn told_of_taskmanager(Ordered { name, outcome }: &Ordered, taskmanager: &str) -> String {
    match outcome {
        Outcome::Unchanged => {
            format!("the restart of TaskManager {taskmanager} of {name} is pending already")
        }
        Outcome::Created | Outcome::Changed => {
            format!("the AppMaster of {name} is told to replace TaskManager {taskmanager}")
        }
    }
}

pub fn query(options: &OrderOptions, dry_run: bool) -> OrderQuery {
    OrderQuery { dry_run, message: options.message.clone() }
}

async fn order(
    dispatcher: &Dispatcher,
    verb: Verb,
    name: &str,
    options: &OrderOptions,
) -> Result<Ordered, AskError> {
    let (query, revision) = (query(options, false), options.if_revision);
    let end = |force: bool| {
        let OrderQuery { dry_run, message } = query.clone();
        EndQuery { dry_run, message, force }
    };
    let suspended = |suspended| Patch { suspended: Some(suspended), frozen: None };
    let frozen = |frozen| Patch { suspended: None, frozen: Some(frozen) };
    match verb {
        Verb::Delete(Force { force }) => dispatcher.delete(name, &end(force), revision).await,
        Verb::Restart => dispatcher.restart(name, &query, revision).await,
        Verb::Suspend(Force { force }) => {
            dispatcher.patch(name, suspended(true), &end(force), revision).await
        }
        Verb::Resume => dispatcher.patch(name, suspended(false), &end(false), revision).await,
        Verb::Freeze => dispatcher.patch(name, frozen(true), &end(false), revision).await,
        Verb::Thaw => dispatcher.patch(name, frozen(false), &end(false), revision).await,
    }
}

pub fn told(verb: Verb, Ordered { name, outcome }: &Ordered) -> String {
    let is_new = *outcome != Outcome::Unchanged;
    let text = match verb {
        Verb::Delete(_) if is_new => "is being deleted",
        Verb::Delete(_) => "is being deleted already",
        Verb::Suspend(_) if is_new => "is being suspended",
        Verb::Suspend(_) => "is suspended already",
        Verb::Resume if is_new => "is being resumed",
        Verb::Resume => "is not suspended",
        Verb::Restart => "is being restarted",
        Verb::Freeze if is_new => "is frozen",
        Verb::Freeze => "is frozen already",
        Verb::Thaw if is_new => "is thawed",
        Verb::Thaw => "is not frozen",
    };
    format!("{name} {text}")
}
