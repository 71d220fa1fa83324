//! The commands that talk to a running AppMaster.

mod events;
pub mod explain;
pub mod logs;
pub mod run;
mod status;
pub mod table;

use std::future::Future;

use crate::cli::{
    EndpointOptions, EventsOptions, ExplainOptions, RestartOptions, ScaleOptions, SocketOptions,
    StatusOptions, TeardownOptions,
};
use ::status::api::Ask;
use ::status::board::Status;
use ::status::client::{AppMaster, CommandError, Endpoint};
use ::status::orders::Scale;
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::counted;

use super::clusters::say;
use super::error::{Fatal, fatal, refused};
use super::{runtime, sockets};

/// The report, and a failure when the JobManager does not answer: what a container's health is told by.
pub fn status(options: &StatusOptions, environment: &Environment) -> Result<u8, Fatal> {
    let answer = ask(&options.endpoint, environment, async |appmaster| appmaster.status().await)?;
    let status: Status = serde_json::from_slice(answer.as_bytes()).map_err(fatal(Exit::Software))?;
    if options.json {
        println!("{answer}");
    } else {
        print!("{}", status::text(&status));
    }
    match status.jobmanager.silent {
        None => Ok(Exit::Ok.code()),
        Some(why) => Err(Fatal::new(Exit::Silent, format!("the JobManager is unavailable: {why}"))),
    }
}

/// Why TaskManagers are missing, and what would be if something else were wanted.
pub fn explain(options: &ExplainOptions, environment: &Environment) -> Result<u8, Fatal> {
    let question = Ask { what_if: options.what_if.clone() };
    let answer = ask(&options.endpoint, environment, async |appmaster| appmaster.explain(&question).await)?;
    if options.json {
        println!("{answer}");
    } else {
        let explanation = serde_json::from_slice(answer.as_bytes()).map_err(fatal(Exit::Software))?;
        print!("{}", explain::text(&explanation));
    }
    Ok(Exit::Ok.code())
}

pub fn scale(options: &ScaleOptions, environment: &Environment) -> Result<u8, Fatal> {
    let ScaleOptions { taskmanagers, force, socket } = options;
    let scale = Scale { taskmanagers: *taskmanagers, force: *force };
    order(socket, environment, async |appmaster| appmaster.scale(&scale).await)?;
    say(&format!("the AppMaster will keep {}", counted(*taskmanagers)));
    Ok(Exit::Ok.code())
}

pub fn teardown(options: &TeardownOptions, environment: &Environment) -> Result<u8, Fatal> {
    order(&options.socket, environment, async |appmaster| appmaster.teardown(options.force).await)?;
    say("the cluster and its framework are being ended");
    Ok(Exit::Ok.code())
}

pub fn restart_taskmanager(options: &RestartOptions, environment: &Environment) -> Result<u8, Fatal> {
    let task_id = &options.taskmanager;
    order(&options.socket, environment, async |appmaster| appmaster.restart_taskmanager(task_id).await)?;
    say(&format!("TaskManager {task_id} is being replaced"));
    Ok(Exit::Ok.code())
}

/// The last events, and with `--follow` those that come until the AppMaster ends.
pub fn events(options: &EventsOptions, environment: &Environment) -> Result<u8, Fatal> {
    let tell = |event| events::print(&event, options.json);
    ask(&options.endpoint, environment, async |appmaster| {
        if options.follow {
            return appmaster.follow_events(0, tell).await;
        }
        appmaster.events(0).await?.into_iter().for_each(tell);
        Ok(())
    })?;
    Ok(Exit::Ok.code())
}

/// A question, which the status port answers too.
pub fn ask<T, F>(
    options: &EndpointOptions,
    environment: &Environment,
    question: impl FnOnce(AppMaster) -> F,
) -> Result<T, Fatal>
where
    F: Future<Output = Result<T, CommandError>>,
{
    match &options.address {
        Some(address) => talk(address.clone(), question),
        None => order(&options.socket, environment, question),
    }
}

fn order<T, F>(
    options: &SocketOptions,
    environment: &Environment,
    question: impl FnOnce(AppMaster) -> F,
) -> Result<T, Fatal>
where
    F: Future<Output = Result<T, CommandError>>,
{
    talk(Endpoint::Socket(sockets::socket_path(environment, options.socket.as_deref())), question)
}

fn talk<T, F>(endpoint: Endpoint, question: impl FnOnce(AppMaster) -> F) -> Result<T, Fatal>
where
    F: Future<Output = Result<T, CommandError>>,
{
    let appmaster = AppMaster::at(endpoint).map_err(fatal(Exit::Unavailable))?;
    runtime()?.block_on(question(appmaster)).map_err(|error| {
        let exit = match &error {
            CommandError::Refused { status, .. } => refused(*status),
            CommandError::Tls(_)
            | CommandError::NoAnswer { .. }
            | CommandError::Malformed { .. }
            | CommandError::Ended { .. }
            | CommandError::Cut { .. }
            | CommandError::Print(_) => Exit::Unavailable,
        };
        Fatal::new(exit, error)
    })
}
