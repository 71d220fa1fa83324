//! Orders about clusters that there are.

use crate::cli::clusters::OrderOptions;
use api::client::{AskError, Dispatcher};
use api::{OrderQuery, Ordered, Patch};
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::Outcome;

use super::{ask, print};
use crate::role::error::Fatal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Delete,
    Suspend,
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
    let suspended = |suspended| Patch { suspended: Some(suspended), frozen: None };
    let frozen = |frozen| Patch { suspended: None, frozen: Some(frozen) };
    match verb {
        Verb::Delete => dispatcher.delete(name, &query, revision).await,
        Verb::Restart => dispatcher.restart(name, &query, revision).await,
        Verb::Suspend => dispatcher.patch(name, suspended(true), &query, revision).await,
        Verb::Resume => dispatcher.patch(name, suspended(false), &query, revision).await,
        Verb::Freeze => dispatcher.patch(name, frozen(true), &query, revision).await,
        Verb::Thaw => dispatcher.patch(name, frozen(false), &query, revision).await,
    }
}

pub fn told(verb: Verb, Ordered { name, outcome }: &Ordered) -> String {
    let is_new = *outcome != Outcome::Unchanged;
    let text = match verb {
        Verb::Delete if is_new => "is being deleted",
        Verb::Delete => "is being deleted already",
        Verb::Suspend if is_new => "is being suspended",
        Verb::Suspend => "is suspended already",
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
