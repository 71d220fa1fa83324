//! The worker of an AppMaster that a dispatcher has launched: what it tells the dispatcher, and how the dispatcher's orders are
//! carried out. It works on the thread of the status, whose picture it tells.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::error;

use crate::cli::WorkerOptions;
use base::events::Journal;
use base::exit::Exit;
use base::log;
use dial::{Carried, Home, Ledger, Standing, Status, Superseded, What};
use domain::leadership::Leadership;
use domain::remains::Remains;
use ha::memory::MemoryFile;
use scheduler::driver::requests::{NotEnding, Refusal};
use status::board::{self, Board};
use status::orders::{NotOrdered, Scale};

use super::farewell::{Ended, Leaves};
use super::submission::Submissions;
use super::{Fatal, Handover, adopt, fatal};

/// Init's grace is longer, and a dispatcher that has just ended an AppMaster is there.
const PARTING_TIMEOUT: Duration = Duration::from_secs(3);

/// Who asks the dispatcher for orders.
pub struct Caller {
    home: Home,
    /// What outlasts this worker.
    orders: MemoryFile,
    /// By what name others reach this AppMaster.
    host: String,
    tell: oneshot::Sender<Superseded>,
    scratch: PathBuf,
    flink_home: PathBuf,
}

/// Whether another attempt is the current one; none where nobody could say so.
pub type Told = Option<oneshot::Receiver<Superseded>>;

pub fn open(options: &WorkerOptions, handover: &Handover) -> Result<(Option<Caller>, Told), Fatal> {
    let Some((home, fd)) = handover.home.clone().zip(options.orders_fd) else { return Ok((None, None)) };
    let (tell, told) = oneshot::channel();
    let (orders, host) = (MemoryFile::new(adopt(fd)?), handover.settings.job_manager.address.clone());
    let (scratch, flink_home) = (handover.scratch.clone(), handover.setup.distribution.home.clone());
    Ok((Some(Caller { home, orders, host, tell, scratch, flink_home }), Some(told)))
}

impl Caller {
    /// Until another attempt is the current one, which is then told; `port` is that of the status.
    pub async fn keep(self, board: Arc<Board>, journal: &Journal, port: Option<u16>) {
        let Self { home, orders, host, tell, scratch, flink_home } = self;
        let jobs = Submissions { home: home.clone(), board: Arc::clone(&board), scratch, flink_home };
        let status_url = port.map(|port| format!("http://{host}:{port}"));
        let cluster = Cluster { board, status_url, jobs };
        match dial::keep(&home, &cluster, Kept(orders), journal).await {
            // The worker may be ending of something else.
            Ok(superseded) => drop(tell.send(superseded)),
            Err(why) => error!("the dispatcher cannot be asked for orders: {}", log::chain(&why)),
        }
    }
}

/// What shall remain of the cluster now that the container is to stop: everything, unless a dispatcher says otherwise.
pub async fn remains(home: Option<&Home>, journal: &Journal) -> Remains {
    let Some(home) = home else { return Remains::Cluster };
    let remains = dial::remains(home, PARTING_TIMEOUT).await;
    if remains.ends() {
        journal.tell("cluster_ends", "the dispatcher has the cluster end with this AppMaster");
    }
    remains
}

/// The file with what the dispatcher's orders came to.
pub fn create() -> Result<OwnedFd, Fatal> {
    ha::memory::create().map_err(fatal(Exit::Os))
}

/// Waits for what ends a worker besides its cluster: files for agents that cannot be read, another attempt.
pub async fn ending(reading: impl Future<Output = Result<(), Fatal>>, told: Told) -> Ended {
    tokio::select! {
        Err(unread) = reading => Ended::from(unread),
        ended = superseded(told) => ended,
    }
}

/// For ever where nobody could say so.
async fn superseded(told: Told) -> Ended {
    match told {
        Some(told) => match told.await {
            Ok(superseded) => {
                Ended { fatal: Fatal::new(Exit::Unavailable, superseded), leaves: Leaves::Nothing }
            }
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

struct Kept(MemoryFile);

impl dial::Memory for Kept {
    fn load(&mut self) -> io::Result<Option<Ledger>> {
        let content = self.0.read_newest()?;
        content.map(|content| serde_json::from_slice(&content)).transpose().map_err(io::Error::other)
    }

    fn save(&mut self, ledger: &Ledger) -> io::Result<()> {
        self.0.write(&serde_json::to_vec(ledger)?)
    }
}

struct Cluster {
    board: Arc<Board>,
    status_url: Option<String>,
    jobs: Submissions,
}

impl dial::Cluster for Cluster {
    async fn status(&self) -> Option<Status> {
        let snapshot = self.board.snapshot().await.ok()?;
        Some(brief(&snapshot.status, self.status_url.clone()))
    }

    async fn carry_out(&self, what: &What) -> Carried {
        let ordered = match what {
            What::Scale { taskmanagers } => {
                // The dispatcher has asked for jobs where it matters to it.
                self.board.scale(Scale { taskmanagers: *taskmanagers, force: true }).await
            }
            What::Replace { taskmanager } => self.board.replace(taskmanager.clone()).await,
            What::Submit { job_id, job, rules } => return self.jobs.submit(job_id, job, rules).await,
            What::End { force } => self.board.end(*force).await,
            What::Unknown => {
                return Carried::Refused { why: "this version does not know such an order".to_owned() };
            }
        };
        ordered.map_or_else(|why| not_done(&why), |()| Carried::Done)
    }
}

fn not_done(why: &NotOrdered) -> Carried {
    let text = why.to_string();
    match why {
        NotOrdered::Refused(refusal) | NotOrdered::NotEnding(NotEnding::Refused(refusal)) => match refusal {
            Refusal::Busy | Refusal::Starting | Refusal::NotLeading(_) | Refusal::Stopping => {
                Carried::NotNow { why: text }
            }
        },
        NotOrdered::NotScaled(domain::leadership::NotScaled::NotLeading(_))
        | NotOrdered::InUse { .. }
        | NotOrdered::NotEnding(NotEnding::Failed(_)) => Carried::NotNow { why: text },
        NotOrdered::TooMany(_) | NotOrdered::NotThere { .. } | NotOrdered::NotScaled(_) => {
            Carried::Refused { why: text }
        }
    }
}

fn brief(status: &board::Status, status_url: Option<String>) -> Status {
    let jobs = status.jobmanager.overview.as_ref().map(|overview| overview.jobs_running);
    Status {
        version: status.version.clone(),
        standing: match &status.high_availability {
            None => Standing::Alone,
            Some(Leadership::Leader) => Standing::Leader,
            Some(Leadership::Suspended) => Standing::Suspended,
            Some(Leadership::Standby { .. }) => Standing::Standby,
            Some(Leadership::Away { .. }) => Standing::Away,
        },
        framework_name: status.framework_name.clone(),
        framework_id: status.framework_id.clone(),
        subscribed: status.subscribed,
        flink_url: status.jobmanager_leader.clone().or_else(|| status.links.flink.clone()),
        status_url,
        target: status.target,
        running: u32::try_from(status.running).unwrap_or(u32::MAX),
        jobs_running: jobs,
        waiting: status.waiting.as_ref().map(|waiting| waiting.why.clone()),
    }
}
