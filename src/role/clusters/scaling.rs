//! How many TaskManagers a cluster has.

use crate::cli::clusters::ScaleOptions;
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::{Outcome, Plan, counted};

use super::{ask, ordering, print};
use crate::role::error::Fatal;

pub fn scale(options: &ScaleOptions, environment: &Environment) -> Result<u8, Fatal> {
    let ScaleOptions { name, taskmanagers, order } = options;
    let (query, revision) = (ordering::query(order, false), order.if_revision);
    let plan = ask(&order.answer.dispatcher, environment, async |dispatcher| {
        dispatcher.scale(name, *taskmanagers, &query, revision).await
    })?;
    print(order.answer.output, &plan, |plan| told(plan, *taskmanagers));
    Ok(Exit::Ok.code())
}

pub fn told(Plan { name, outcome, revision, waits, .. }: &Plan, taskmanagers: u32) -> String {
    let number = counted(taskmanagers);
    match (outcome, waits) {
        (Outcome::Unchanged, _) => format!("{name} is specified with {number} already"),
        (Outcome::Created | Outcome::Changed, None) => {
            format!("{name} is being scaled to {number}, revision {revision}")
        }
        (Outcome::Created | Outcome::Changed, Some(why)) => {
            format!("{name} will have {number}, revision {revision}, which waits: {why}")
        }
    }
}
