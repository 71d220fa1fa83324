//! The worker with high availability: takes part in the election, schedules while it leads, and answers for itself
//! when it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};

use ::flink::rest::RestClient;
use base::events::Journal;
use base::exit::Exit;
use base::log;
use conf::settings::HighAvailability;
use dial::Home;
use ha::contender::{self, Candidacy, Contender, Left};
use ha::flink::{self, JobManagers, Own};
use ha::paths::Paths;
use ha::zookeeper::ZooKeeperStore;
use scheduler::driver::facts::{self, Facts};
use scheduler::driver::requests::{Doorkeeper, EndOrder, NotEnding};
use zookeeper::Ensemble;

use super::cleanup::shut_flink_down;
use super::farewell::Ended;
use super::jobmanager::{JobManagerEnd, Stop};
use super::{Fatal, Handover, Reception, Work, fatal, home};

mod error;
mod leaving;
mod reign;

use error::{NoSession, Why};
use reign::schedule;

pub struct HaWorker<'a> {
    ensemble: Ensemble,
    paths: Paths,
    contender: Contender,
    doorkeeper: Doorkeeper,
    facts: Facts,
    term: &'a mut Signal,
    jobmanager_end: JobManagerEnd,
    /// As the JobManager tells other parts of Flink where its REST endpoint is.
    rest_url: Option<String>,
    rest: Vec<RestClient>,
    /// Whom to ask what shall remain.
    home: Option<Home>,
    /// Below Flink's own node of the cluster.
    flink_node: String,
    /// Flink's own election.
    jobmanagers: watch::Receiver<JobManagers>,
    /// The JobManager has said that the cluster has ended, before there was a session.
    owes_end: bool,
    journal: Arc<Journal>,
    /// For the first session.
    patience: Duration,
}

/// What it is made of.
pub struct Parts<'a> {
    pub handover: &'a Handover,
    pub ha: &'a HighAvailability,
    pub ensemble: Ensemble,
    pub reception: Reception,
    pub term: &'a mut Signal,
    pub jobmanager_end: JobManagerEnd,
    /// Of our JobManager; none if nobody can tell where it is.
    pub rest: Vec<RestClient>,
    pub journal: Arc<Journal>,
}

/// What comes after a reign, or in place of it.
enum Next {
    StandBy,
    Leave,
}

impl<'a> HaWorker<'a> {
    pub fn open(parts: Parts<'a>) -> Self {
        let Parts { handover, ha, ensemble, reception, term, jobmanager_end, rest, journal } = parts;
        let (settings, home) = (&handover.settings, handover.home.clone());
        let paths = Paths::new(&ha.root, &ha.workers, &ha.cluster_id);
        let jobmanager = &settings.job_manager;
        let rest_url = jobmanager.rest_ports.single().map(|port| format!("://{}:{port}", jobmanager.address));
        let about = serde_json::json!({ "host": jobmanager.address, "status_port": settings.status.port });
        let contender = {
            let (ensemble, paths) = (ensemble.clone(), paths.clone());
            contender::start(ensemble, paths, about.to_string().into_bytes(), Arc::clone(&journal))
        };
        let flink_node = format!("{}{}", ha.root, ha.cluster_id);
        flink::watch_neighbours(contender.clients.clone(), &ha.root, &ha.cluster_id, Arc::clone(&journal));
        let jobmanagers = flink::watch(
            contender.clients.clone(),
            ensemble.clone(),
            flink_node.clone(),
            rest_url.clone(),
            Arc::clone(&journal),
        );
        let Reception { doorkeeper, end_orders, facts } = reception;
        tokio::spawn(tell_candidacy(contender.candidacy.clone(), doorkeeper.clone()));
        tokio::spawn(tell_jobmanagers(jobmanagers.clone(), facts.clone()));
        tokio::spawn(order_ends(end_orders, contender.clone(), rest.clone(), Arc::clone(&journal)));
        Self {
            ensemble,
            paths,
            contender,
            doorkeeper,
            facts,
            term,
            jobmanager_end,
            rest_url,
            rest,
            home,
            flink_node,
            jobmanagers,
            owes_end: false,
            journal,
            patience: settings.registration_timeout,
        }
    }

    /// As [`HaWorker::work`], unless something else ends it.
    pub async fn work_until(self, work: &Work, ending: impl Future<Output = Ended>) -> Result<(), Ended> {
        let contender = self.contender.clone();
        tokio::select! {
            ended = self.work(work) => Ok(ended?),
            ended = ending => {
                // The next need not wait for the session's end.
                contender.leave(Left::Cluster).await;
                Err(ended)
            }
        }
    }

    /// Until the cluster has ended or this AppMaster leaves it.
    async fn work(mut self, work: &Work) -> Result<(), Fatal> {
        if let Next::Leave = self.await_session().await? {
            return Ok(());
        }
        if self.owes_end
            && let Next::Leave = self.stop().await?
        {
            return Ok(());
        }
        loop {
            let Some(node) = self.until_leading().await? else { return Ok(()) };
            match self.reign(work, &node).await? {
                Next::StandBy => {}
                Next::Leave => return Ok(()),
            }
        }
    }

    /// What cannot be reached at the start may be named wrongly; later it is waited for.
    async fn await_session(&mut self) -> Result<Next, Fatal> {
        let deadline = tokio::time::sleep(self.patience);
        tokio::pin!(deadline);
        let mut clients = self.contender.clients.clone();
        loop {
            tokio::select! {
                found = clients.wait_for(Option::is_some) => {
                    return found.map(|_| Next::StandBy).map_err(fatal(Exit::Software));
                }
                () = &mut deadline => {
                    let why = match &*self.contender.candidacy.borrow() {
                        Candidacy::Away { why: Some(why) } => why.clone(),
                        Candidacy::Failed(error) => log::chain(&**error),
                        Candidacy::Away { why: None }
                        | Candidacy::Standby { .. }
                        | Candidacy::Leading { .. }
                        | Candidacy::Suspended { .. } => "no answer".to_owned(),
                    };
                    let error = NoSession { within: self.patience, why: Why(why) };
                    return Err(Fatal::new(Exit::Unavailable, error));
                }
                // An end of the cluster is to be written down, and there is no session yet.
                _ = self.term.recv() => match self.jobmanager_end.stop() {
                    Stop::ClusterEnded => self.owes_end = true,
                    Stop::JobManagerDied => return Ok(Next::Leave),
                    Stop::Container => {
                        let remains = home::remains(self.home.as_ref(), &self.journal).await;
                        if !remains.ends() {
                            return Ok(Next::Leave);
                        }
                        self.owes_end = true;
                    }
                },
            }
        }
    }

    /// The node as which this AppMaster leads; none when it has left the line.
    async fn until_leading(&mut self) -> Result<Option<String>, Fatal> {
        let mut candidacy = self.contender.candidacy.clone();
        let mut jobmanagers = self.jobmanagers.clone();
        loop {
            tokio::select! {
                biased;
                _ = self.term.recv() => {
                    if let Next::Leave = self.stop().await? {
                        return Ok(None);
                    }
                }
                () = deposed(&mut jobmanagers) => return Err(self.end_deposed().await),
                found = candidacy.wait_for(|candidacy| {
                    matches!(candidacy, Candidacy::Leading { .. } | Candidacy::Failed(_))
                }) => match &*found.map_err(fatal(Exit::Software))? {
                    Candidacy::Failed(error) => return Err(Fatal::new(Exit::Config, Arc::clone(error))),
                    candidacy => return Ok(candidacy.node().map(str::to_owned)),
                },
            }
        }
    }

    async fn reign(&mut self, work: &Work, node: &str) -> Result<Next, Fatal> {
        let mut candidacy = self.contender.candidacy.clone();
        let scheduling = schedule(
            work,
            self.contender.ending.clone(),
            self.store(node),
            self.contender.lease.clone(),
            self.doorkeeper.admit(),
        );
        tokio::pin!(scheduling);
        let mut ending = self.contender.ending.clone();
        let mut jobmanagers = self.jobmanagers.clone();
        let mut told_ending = false;
        loop {
            tokio::select! {
                biased;
                // First: who leads no longer does nothing more.
                _ = candidacy.wait_for(|candidacy| candidacy.node() != Some(node)) => return Ok(Next::StandBy),
                _ = self.term.recv() => {
                    if let Next::Leave = self.stop().await? {
                        return Ok(Next::Leave);
                    }
                }
                () = deposed(&mut jobmanagers) => return Err(self.end_deposed().await),
                _ = ending.wait_for(|ending| *ending == Some(true)), if !told_ending => {
                    told_ending = true;
                    self.facts.ending.send_replace(true);
                }
                ended = &mut scheduling => return self.ended(ended, node).await,
            }
        }
    }

    fn store(&self, node: &str) -> ZooKeeperStore {
        let clients = self.contender.clients.clone();
        ZooKeeperStore::new(self.ensemble.clone(), self.paths.clone(), clients, node)
    }
}

/// Whether this AppMaster answers itself, for whoever asks it.
async fn tell_candidacy(mut candidacy: watch::Receiver<Candidacy>, doorkeeper: Doorkeeper) {
    loop {
        let leadership = candidacy.borrow_and_update().leadership();
        doorkeeper.stands(leadership);
        if candidacy.changed().await.is_err() {
            return;
        }
    }
}

async fn tell_jobmanagers(mut jobmanagers: watch::Receiver<JobManagers>, facts: Facts) {
    loop {
        let JobManagers { leader, trouble, .. } = jobmanagers.borrow_and_update().clone();
        facts.jobmanagers.send_replace(facts::JobManagers { leader, trouble });
        if jobmanagers.changed().await.is_err() {
            return;
        }
    }
}

/// Whoever leads carries them out; here they are only written down.
async fn order_ends(
    mut orders: mpsc::Receiver<EndOrder>,
    contender: Contender,
    rest: Vec<RestClient>,
    journal: Arc<Journal>,
) {
    while let Some(reply) = orders.recv().await {
        let ordered = match contender.order_end().await {
            Ok(()) => {
                tokio::spawn(shut_flink_down(rest.clone()));
                Ok(())
            }
            Err(error) => {
                let not_ending = NotEnding::Failed(log::chain(&error));
                journal.warn("not_ended", not_ending.to_string());
                Err(not_ending)
            }
        };
        // Whoever ordered it may have gone.
        let _ = reply.send(ordered);
    }
}

/// Waits until our own JobManager leads no longer, which it has not noticed.
async fn deposed(jobmanagers: &mut watch::Receiver<JobManagers>) {
    if jobmanagers.wait_for(|jobmanagers| jobmanagers.own == Own::Deposed).await.is_err() {
        std::future::pending::<()>().await;
    }
}
