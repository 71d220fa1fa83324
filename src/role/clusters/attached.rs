//! Staying with a session cluster, as `mesos-session.sh` does: it tells what becomes of the cluster, and takes orders on
//! stdin.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::Level;

use api::client::{AskError, Dispatcher};
use api::{Described, EndQuery};
use base::exit::Exit;
use base::log;
use dispatcher::State;

use super::text::{plain, say};
use super::unanswered;
use crate::cli::session_script::NAME;
use crate::role::error::Fatal;
use crate::role::terminal::{Lines, Signals};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

const NOT_FOUND: u16 = 404;

/// What an end of this command means to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// It was created for as long as the command lives.
    Own,
    /// It goes on.
    Visited,
}

/// One line of stdin.
#[derive(Debug, PartialEq, Eq)]
enum Order {
    Stop { force: bool },
    Help,
    Unknown(String),
}

const HELP: &str =
    "commands: `stop` ends the cluster, `stop --force` also where jobs run, `help` prints this";

/// Until the cluster or the command ends. Answers with the command's exit code.
pub async fn attend(dispatcher: &Dispatcher, name: &str, bond: Bond) -> Result<u8, Fatal> {
    let mut lines = Lines::of_stdin();
    let mut signals = Signals::open()?;
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Seen::default();
    let (mut ends, mut is_refused) = (false, false);
    let code = |is_refused| if is_refused { Exit::Refused.code() } else { Exit::Ok.code() };
    loop {
        tokio::select! {
            looked = look(&mut ticks, dispatcher, name) => match looked {
                Ok(described) => seen.tell(&described, dispatcher),
                Err(error) if (seen.is_known || ends) && is_not_there(&error) => {
                    say(&format!("{name} has been deleted"));
                    return Ok(Exit::Ok.code());
                }
                Err(error) => seen.lost(error).map_err(unanswered)?,
            },
            line = lines.next() => match line.as_deref().map(Order::read) {
                Some(None) => {}
                Some(Some(Order::Stop { force })) => {
                    is_refused = !stop(dispatcher, name, force).await;
                    ends |= !is_refused;
                }
                Some(Some(Order::Help)) => say(HELP),
                Some(Some(Order::Unknown(text))) => say(&format!("`{}` is unknown; {HELP}", plain(&text))),
                None if bond == Bond::Visited && !ends => return Ok(code(is_refused)),
                None => lines = Lines::unread(),
            },
            _ = signals.next() => {
                if bond == Bond::Own && !ends {
                    is_refused = !stop(dispatcher, name, false).await;
                    ends = !is_refused;
                    if ends {
                        continue;
                    }
                }
                say(&format!("{name} is left: `{NAME} -id {name}` comes back to it"));
                return Ok(code(is_refused));
            }
        }
    }
}

/// An answer that is long in coming is given up for an order or a signal.
async fn look(ticks: &mut Interval, dispatcher: &Dispatcher, name: &str) -> Result<Described, AskError> {
    ticks.tick().await;
    dispatcher.cluster(name).await
}

impl Order {
    fn read(line: &str) -> Option<Self> {
        match *line.split_whitespace().collect::<Vec<_>>() {
            [] => None,
            ["stop"] => Some(Self::Stop { force: false }),
            ["stop", "--force"] => Some(Self::Stop { force: true }),
            ["help"] => Some(Self::Help),
            _ => Some(Self::Unknown(line.to_owned())),
        }
    }
}

pub fn is_not_there(error: &AskError) -> bool {
    matches!(error, AskError::Refused { problem, .. } if problem.status == NOT_FOUND)
}

/// Whether the dispatcher ends it; it refuses while jobs run.
async fn stop(dispatcher: &Dispatcher, name: &str, force: bool) -> bool {
    let query = EndQuery { force, ..EndQuery::default() };
    let ended = dispatcher.delete(name, &query, None).await;
    ended.inspect_err(|error| log::line(Level::ERROR, NAME, &log::chain(error))).is_ok()
}

/// What has been told.
#[derive(Default)]
pub struct Seen {
    state: Option<(State, Option<String>)>,
    ui: Option<String>,
    is_lost: bool,
    pub is_known: bool,
}

impl Seen {
    pub fn tell(&mut self, described: &Described, dispatcher: &Dispatcher) {
        let cluster = &described.known.cluster;
        (self.is_lost, self.is_known) = (false, true);
        let state = (cluster.state, cluster.why.clone());
        if self.state.as_ref() != Some(&state) {
            let why = state.1.as_deref().map_or_else(String::new, |why| format!(": {}", plain(why)));
            say(&format!("{} is {}{why}", cluster.name, state.0.word()));
            self.state = Some(state);
        }
        if let Some(path) = &described.ui
            && self.ui.as_ref() != Some(path)
        {
            say(&format!("JobManager Web Interface: {}", dispatcher.shown(path)));
            if !cluster.is_application {
                say(&format!(
                    "jobs: flink run -t mesos-session -Dmesos.cluster-id={} FILE.jar",
                    cluster.name
                ));
            }
            self.ui = Some(path.clone());
        }
    }

    /// Another dispatcher may lead soon; but one that never answered is a mistake.
    pub fn lost(&mut self, error: AskError) -> Result<(), AskError> {
        if !self.is_known {
            return Err(error);
        }
        if !self.is_lost {
            log::line(Level::WARN, NAME, &log::chain(&error));
        }
        self.is_lost = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_order_or_unknown() {
        assert_eq!(Order::read("  "), None);
        assert_eq!(Order::read(" stop\t"), Some(Order::Stop { force: false }));
        assert_eq!(Order::read("stop --force"), Some(Order::Stop { force: true }));
        assert_eq!(Order::read("help"), Some(Order::Help));
        assert_eq!(Order::read("stop now"), Some(Order::Unknown("stop now".to_owned())));
    }
}
