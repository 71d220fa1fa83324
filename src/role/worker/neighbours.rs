//! Asks the JobManager which TaskManagers it has, and the master which frameworks, for the scheduler to tell who is not
//! ours.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::conf::settings::Settings;
use crate::exit::Exit;
use crate::flink::rest::{self, RestClient, first_answer};
use crate::log;
use crate::mesos::client::operator::Operator;
use crate::scheduler::driver::Message;
use crate::scheduler::neighbours::Listed;

use super::{Fatal, Work, fatal};

/// A heartbeat of Flink's default interval lies between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The master's answer is large where there are many frameworks.
const ASK_MASTER_EVERY: Duration = Duration::from_secs(60);

/// After the start the framework is about to register.
const FIRST_LOOK: Duration = Duration::from_secs(3);

struct Neighbourhood {
    clients: Vec<RestClient>,
    operator: Operator,
    framework_name: String,
    inbox: mpsc::Sender<Message>,
}

/// Looks until the scheduler is gone.
pub fn spawn(
    work: &Work,
    settings: &Settings,
    clients: Vec<RestClient>,
    inbox: mpsc::Sender<Message>,
) -> Result<(), Fatal> {
    let operator = Operator::new(work.masters.clone(), &work.trust, work.credentials.as_ref());
    let operator = operator.map_err(fatal(Exit::Config))?;
    let framework_name = settings.framework.name.clone();
    tokio::spawn(Neighbourhood { clients, operator, framework_name, inbox }.watch());
    Ok(())
}

impl Neighbourhood {
    async fn watch(self) {
        let mut asked_master: Option<Instant> = None;
        let mut wait = FIRST_LOOK;
        while !self.inbox.is_closed() {
            sleep(wait).await;
            wait = LOOK_EVERY;
            if asked_master.is_none_or(|at| at.elapsed() >= ASK_MASTER_EVERY) {
                asked_master = Some(Instant::now());
                self.look_at_frameworks().await;
            }
            self.look_at_taskmanagers().await;
        }
    }

    async fn look_at_frameworks(&self) {
        match self.operator.frameworks().await {
            Ok((master, frameworks)) => {
                let master = format!("{}://{master}", master.scheme.name());
                let name = self.framework_name.clone();
                let _ = self.inbox.send(Message::FrameworksSeen { master, frameworks, name }).await;
            }
            // The operator's API may be forbidden to schedulers.
            Err(error) => debug!("which frameworks there are is not known: {}", log::chain(&error)),
        }
    }

    async fn look_at_taskmanagers(&self) {
        let answer = first_answer(&self.clients, async |client| client.taskmanagers().await).await;
        if let Some(Ok(taskmanagers)) = answer {
            let registered = taskmanagers.into_iter().map(registered).collect();
            let _ = self.inbox.send(Message::TaskManagersSeen(registered)).await;
        }
    }
}

fn registered(taskmanager: rest::TaskManager) -> (String, Listed) {
    // As in `pekko.tcp://flink@host:port/user/rpc/taskmanager_0`.
    let address = taskmanager.path.split_once('@').map_or("", |(_, address)| address);
    let at = address.split_once('/').map_or(address, |(at, _)| at);
    let hostname = at.rsplit_once(':').map_or(at, |(host, _)| host).to_owned();
    let heartbeat = taskmanager.time_since_last_heartbeat;
    (taskmanager.id, Listed { hostname, heartbeat })
}
