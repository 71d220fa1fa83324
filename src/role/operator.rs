//! The commands that talk to a running AppMaster.

mod explain;

use std::future::Future;

use crate::cli::{ExplainOptions, ScaleOptions, SocketOptions};
use crate::conf::environment::Environment;
use crate::exit::Exit;
use crate::status::Ask;
use crate::status::client::{AppMaster, CommandError};

use super::error::{Fatal, fatal};
use super::{runtime, sockets};

/// The report, and a failure when the JobManager does not answer: what a container's health is told by.
pub fn status(options: &SocketOptions, environment: &Environment) -> Result<u8, Fatal> {
    let report = ask(options, environment, async |appmaster| appmaster.report().await)?;
    println!("{report}");
    let report: serde_json::Value = serde_json::from_str(&report).map_err(fatal(Exit::Software))?;
    match report["jobmanager"]["silent"].as_str() {
        None => Ok(Exit::Ok.code()),
        Some(why) => Err(Fatal::new(Exit::Unavailable, format!("the JobManager does not serve: {why}"))),
    }
}

/// Why TaskManagers are missing, and what would be if something else were wanted.
pub fn explain(options: &ExplainOptions, environment: &Environment) -> Result<u8, Fatal> {
    let question = Ask { what_if: options.what_if.clone() };
    let answer = ask(&options.socket, environment, async |appmaster| appmaster.explain(&question).await)?;
    if options.json {
        println!("{answer}");
    } else {
        let explanation = serde_json::from_str(&answer).map_err(fatal(Exit::Software))?;
        print!("{}", explain::text(&explanation));
    }
    Ok(Exit::Ok.code())
}

pub fn scale(options: &ScaleOptions, environment: &Environment) -> Result<u8, Fatal> {
    let target = options.taskmanagers;
    ask(&options.socket, environment, async |appmaster| appmaster.scale(target).await)?;
    Ok(Exit::Ok.code())
}

pub fn teardown(options: &SocketOptions, environment: &Environment) -> Result<u8, Fatal> {
    ask(options, environment, async |appmaster| appmaster.teardown().await)?;
    Ok(Exit::Ok.code())
}

fn ask<T, F>(
    options: &SocketOptions,
    environment: &Environment,
    question: impl FnOnce(AppMaster) -> F,
) -> Result<T, Fatal>
where
    F: Future<Output = Result<T, CommandError>>,
{
    let path = sockets::socket_path(environment, options.socket.as_deref());
    let appmaster = AppMaster::at(&path).map_err(fatal(Exit::Unavailable))?;
    runtime()?.block_on(question(appmaster)).map_err(fatal(Exit::Unavailable))
}
