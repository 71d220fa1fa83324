//! What the worker watches of the JobManager: whether it listens, whom it hears, what its jobs ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use base::events::Journal;
use base::exit::Exit;
use base::log;
use base::time::Clock;
use conf::settings::{Scaling, Settings};
use flink::pulse::Endpoint;
use flink::rest::{Heartbeat, RestClient, first_answer};
use scaling::{self, Scaler};
use scheduler::driver::facts::{Fact, Facts};
use scheduler::neighbours::Listed;
use tls::Identity;

use super::{Fatal, fatal, pulse};

/// How often the JobManager's port is tried until it is open.
const LISTENING_POLL: Duration = Duration::from_millis(50);

/// Between two questions for whom the JobManager hears, where the scheduler has none.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// After so long the log says that nothing has changed, and then at growing intervals.
const WAITING_TOLD_FIRST: Duration = Duration::from_secs(10);
const MAX_WAIT_BETWEEN_LINES: Duration = Duration::from_secs(300);

type Heard = BTreeMap<String, Listed>;

/// The JobManager's, of RPC and REST. Of a range or any free port nobody can tell from outside which one it will be.
pub fn endpoints(
    settings: &Settings,
    identity: Option<&Identity>,
) -> Result<(Option<Endpoint>, Option<Endpoint>), Fatal> {
    let jobmanager = &settings.job_manager;
    let at = |port: Option<u16>, tls| port.map(|port| Endpoint::here(&jobmanager.address, port, tls));
    // Its certificate is the one we have.
    let tls = identity.map(Identity::client).transpose().map_err(fatal(Exit::Config))?.map(Arc::new);
    Ok((at(jobmanager.rpc_ports.single(), None), at(jobmanager.rest_ports.single(), tls)))
}

/// Tells the scheduler when TaskManagers can register, at once where nobody can tell; and then whether the JobManager
/// goes on to answer.
pub async fn watch_jobmanager(
    rpc: Option<Endpoint>,
    rest: Option<Endpoint>,
    listens: Fact<bool>,
    journal: Arc<Journal>,
) {
    if let Some(rpc) = rpc {
        let (mut told, mut patience) = (Instant::now(), WAITING_TOLD_FIRST);
        while !rpc.listens().await {
            if told.elapsed() >= patience {
                let text = format!("still waiting for the JobManager to listen on port {}", rpc.port);
                journal.tell("jobmanager_starts", text);
                (told, patience) = (Instant::now(), (patience * 2).min(MAX_WAIT_BETWEEN_LINES));
            }
            tokio::time::sleep(LISTENING_POLL).await;
        }
    }
    listens.send_replace(true);
    if let Some(rest) = rest {
        pulse::watch(&rest, &journal).await;
    }
}

/// Asks the JobManager which TaskManagers it hears, whenever the scheduler wants to know and else now and then, as there
/// may be others than ours. One that does not lead passes the question on to the one that does.
pub fn watch_taskmanagers(clients: Vec<RestClient>, heard: Fact<Option<Heard>>) -> mpsc::Sender<()> {
    let (ask, mut asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok(Some(())) | Err(_) = tokio::time::timeout(LOOK_EVERY, asked.recv()).await {
            match heard_taskmanagers(&clients).await {
                Some(found) => drop(heard.send_replace(Some(found))),
                None => drop(heard.send_if_modified(|known| known.take().is_some())),
            }
        }
    });
    ask
}

/// Where the number of TaskManagers follows the jobs, somebody looks at those.
pub fn spawn_scaling(scaling: &Scaling, clients: Vec<RestClient>, clock: Clock, facts: &Facts) {
    let Scaling::Demand(demand) = scaling else { return };
    let driver = scaling::driver::Driver {
        scaler: Scaler::new(demand.bounds.clone()),
        clock,
        clients,
        is_adaptive: demand.is_adaptive,
        demanded: facts.demanded.clone(),
    };
    tokio::spawn(driver.run());
}

async fn heard_taskmanagers(clients: &[RestClient]) -> Option<Heard> {
    match first_answer(clients, async |client| client.heartbeats().await).await? {
        Ok(heartbeats) => Some(heartbeats.into_iter().map(listed).collect()),
        Err(error) => {
            debug!("the JobManager does not answer: {}", log::chain(&error));
            None
        }
    }
}

fn listed(heard: Heartbeat) -> (String, Listed) {
    let hostname = heard.hostname().to_owned();
    (heard.id, Listed { hostname, heartbeat: heard.time_since_last_heartbeat })
}
