//! The end of a framework by somebody who knows no more of it than its id.

use std::time::Duration;

use super::answer::Refusal;
use super::call::Call;
use super::client::{Config, Reports, SendError, StartError, start};
use super::event::Event;
use super::report::{CallFailure, Report};
use base::log;

#[derive(Debug, thiserror::Error)]
pub enum TeardownError {
    #[error("no Mesos master has answered within {}: {why}", humantime::format_duration(*.within))]
    NoAnswer { within: Duration, why: String },
    #[error("the Mesos master refused")]
    Refused(#[source] Refusal),
    #[error("the Mesos master refused TEARDOWN: {0}")]
    Rejected(String),
    #[error("failed to start the Mesos client")]
    Start(#[from] StartError),
    #[error("failed to hand a call to the Mesos client")]
    Client(#[from] SendError),
}

/// Subscribes as the framework of `config` and tears it down. Done too when the master has removed it.
pub async fn tear_down(config: Config, within: Duration) -> Result<(), TeardownError> {
    let (calls, mut reports) = start(config)?;
    let mut last = "no answer".to_owned();
    let asking = ask(&calls, &mut reports, &mut last);
    match tokio::time::timeout(within, asking).await {
        Ok(done) => done,
        Err(_) => Err(TeardownError::NoAnswer { within, why: last }),
    }
}

/// `last` is what went wrong last.
async fn ask(
    calls: &super::client::Calls,
    reports: &mut Reports,
    last: &mut String,
) -> Result<(), TeardownError> {
    loop {
        match reports.next().await.ok_or(SendError::Ended)? {
            Report::Event(Event::Subscribed { .. }) => calls.send(Call::Teardown)?,
            Report::TornDown | Report::Refused { why: Refusal::FrameworkRemoved, .. } => return Ok(()),
            Report::Refused { why, .. } => return Err(TeardownError::Refused(why)),
            Report::CallFailed { call: Call::Teardown, why: CallFailure::Rejected(why) } => {
                return Err(TeardownError::Rejected(why));
            }
            Report::Unreachable { master, why, .. } | Report::Disconnected { master, why } => {
                *last = format!("{master}: {}", log::chain(&why));
            }
            // The client subscribes again, and TEARDOWN goes out with that.
            Report::CallFailed { .. } | Report::Event(_) => {}
        }
    }
}
