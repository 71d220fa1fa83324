//! The worker with high availability: takes part in the election, schedules while it leads, and answers for itself
//! when it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use crate::conf::settings::{HighAvailability, Settings};
use crate::events::Journal;
use crate::exit::Exit;
use crate::flink::rest::RestClient;
use crate::ha::contender::{self, Contender, Left, Standing};
use crate::ha::flink::{self, JobManagers, Own};
use crate::ha::paths::Paths;
use crate::ha::zookeeper::ZooKeeperStore;
use crate::ha::{Store, StoreError};
use crate::log;
use crate::scheduler::Failure;
use crate::scheduler::driver::{Message, RunError};
use crate::scheduler::report::{Leadership, NotLeading, Report};
use crate::zookeeper::Ensemble;

use super::cleanup::shut_flink_down;
use super::jobmanager::{JobManagerEnd, Stop};
use super::{Fatal, INBOX_WAITING_MOST, Work, fatal, stopped};

/// Between two attempts to take the framework back from somebody who took it without leading.
const SUPERSEDED_WAIT: Duration = Duration::from_secs(1);

pub struct Desk<'a> {
    ensemble: Ensemble,
    paths: Paths,
    contender: Contender,
    inbox: mpsc::Receiver<Message>,
    term: &'a mut Signal,
    jobmanager_end: JobManagerEnd,
    /// Of our JobManager; none if nobody can tell where it is.
    rest: Vec<RestClient>,
    /// As the JobManager tells other parts of Flink where its REST endpoint is.
    rest_url: Option<String>,
    /// Below Flink's own node of the cluster.
    flink_node: String,
    /// Flink's own election.
    jobmanagers: watch::Receiver<JobManagers>,
    jobmanager_listens: bool,
    journal: Arc<Journal>,
    /// For the first session.
    patience: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no session with ZooKeeper within {}", humantime::format_duration(*.within))]
struct NoSession {
    within: Duration,
    #[source]
    why: Why,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Why(String);

#[derive(Debug, thiserror::Error)]
#[error(
    "two JobManagers lead: this one's place in Flink's election went with an old session, which it has not noticed; it \
     ends, and the other one goes on"
)]
struct Deposed;

/// What comes after a reign, or in place of it.
enum Next {
    StandBy,
    Leave,
}

impl<'a> Desk<'a> {
    #[expect(clippy::too_many_arguments, reason = "all of it is taken over")]
    pub fn open(
        settings: &Settings,
        ha: &HighAvailability,
        ensemble: Ensemble,
        inbox: mpsc::Receiver<Message>,
        term: &'a mut Signal,
        jobmanager_end: JobManagerEnd,
        rest: Vec<RestClient>,
        journal: Arc<Journal>,
    ) -> Self {
        let paths = Paths::new(&ha.root, &ha.workers, &ha.cluster_id);
        let jobmanager = &settings.job_manager;
        let rest_url = jobmanager.rest_ports.single().map(|port| format!("://{}:{port}", jobmanager.address));
        let about = serde_json::json!({ "host": jobmanager.address, "status_port": settings.status.port });
        let contender = {
            let (ensemble, paths) = (ensemble.clone(), paths.clone());
            contender::start(ensemble, paths, about.to_string().into_bytes(), Arc::clone(&journal))
        };
        let flink_node = format!("{}{}", ha.root, ha.cluster_id);
        Self {
            jobmanagers: flink::watch(
                contender.clients.clone(),
                ensemble.clone(),
                flink_node.clone(),
                rest_url.clone(),
                Arc::clone(&journal),
            ),
            journal,
            contender,
            ensemble,
            paths,
            inbox,
            term,
            jobmanager_end,
            rest,
            rest_url,
            flink_node,
            jobmanager_listens: false,
            patience: settings.registration_timeout,
        }
    }

    /// Until the cluster has ended or this AppMaster leaves it.
    pub async fn work(mut self, work: &Work) -> Result<(), Fatal> {
        if let Next::Leave = self.await_session().await? {
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
                    let why = match &*self.contender.standing.borrow() {
                        Standing::Away { why: Some(why) } => why.clone(),
                        Standing::Failed(error) => log::chain(&**error),
                        Standing::Away { why: None }
                        | Standing::Standby { .. }
                        | Standing::Leading { .. }
                        | Standing::Suspended { .. } => "no answer".to_owned(),
                    };
                    let error = NoSession { within: self.patience, why: Why(why) };
                    return Err(Fatal::new(Exit::Unavailable, error));
                }
                Some(message) = self.inbox.recv() => self.answer(message).await,
                _ = self.term.recv() => return Ok(Next::Leave),
            }
        }
    }

    /// The node as which this AppMaster leads; none when it has left the line.
    async fn until_leading(&mut self) -> Result<Option<String>, Fatal> {
        let mut standing = self.contender.standing.clone();
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
                found = standing.wait_for(|standing| {
                    matches!(standing, Standing::Leading { .. } | Standing::Failed(_))
                }) => match &*found.map_err(fatal(Exit::Software))? {
                    Standing::Failed(error) => return Err(Fatal::new(Exit::Config, Arc::clone(error))),
                    standing => return Ok(standing.node().map(str::to_owned)),
                },
                Some(message) = self.inbox.recv() => self.answer(message).await,
            }
        }
    }

    async fn reign(&mut self, work: &Work, node: &str) -> Result<Next, Fatal> {
        let mut standing = self.contender.standing.clone();
        let (orders, inbox) = mpsc::channel(INBOX_WAITING_MOST);
        let scheduling = schedule(
            work,
            self.contender.ending.clone(),
            ZooKeeperStore::new(
                self.ensemble.clone(),
                self.paths.clone(),
                self.contender.clients.clone(),
                node,
            ),
            self.contender.lease.clone(),
            inbox,
        );
        tokio::pin!(scheduling);
        let mut ending = self.contender.ending.clone();
        let mut jobmanagers = self.jobmanagers.clone();
        let (mut leaders, mut leader) = (jobmanagers.clone(), jobmanagers.borrow().leader.clone());
        let mut told_ending = false;
        if self.jobmanager_listens {
            let _ = orders.try_send(Message::JobManagerListening);
        }
        loop {
            tokio::select! {
                biased;
                // First: who leads no longer does nothing more.
                _ = standing.wait_for(|standing| standing.node() != Some(node)) => return Ok(Next::StandBy),
                _ = self.term.recv() => {
                    if let Next::Leave = self.stop().await? {
                        return Ok(Next::Leave);
                    }
                }
                () = deposed(&mut jobmanagers) => return Err(self.end_deposed().await),
                _ = ending.wait_for(|ending| *ending == Some(true)), if !told_ending => {
                    told_ending = true;
                    let _ = orders.send(Message::End).await;
                }
                ended = &mut scheduling => return self.ended(ended).await,
                () = another_leads(&mut leaders, &mut leader) => drop(orders.try_send(Message::JobManagerChanged)),
                Some(message) = self.inbox.recv() => self.hand_on(message, &orders).await,
            }
        }
    }

    async fn ended(&mut self, ended: Result<(), RunError>) -> Result<Next, Fatal> {
        match ended {
            Ok(()) => {
                self.contender.leave(Left::Nothing).await;
                Ok(Next::Leave)
            }
            Err(RunError::Store(StoreError::Fenced)) => {
                self.journal.warn("write_refused", "a write was refused, as somebody else leads");
                let mut standing = self.contender.standing.clone();
                let lost = standing.wait_for(|standing| !matches!(standing, Standing::Leading { .. }));
                // The election finds out too, at the latest with its next question.
                let _ = tokio::time::timeout(self.ensemble.session_timeout, lost).await;
                Ok(Next::StandBy)
            }
            Err(RunError::Failed(failure @ Failure::Superseded)) => {
                self.journal.warn("superseded", format!("{failure}: takes it back, as this one leads"));
                tokio::time::sleep(SUPERSEDED_WAIT).await;
                Ok(Next::StandBy)
            }
            Err(error) => {
                self.contender.leave(Left::Cluster).await;
                Err(stopped(error))
            }
        }
    }

    /// Init has told the worker to stop.
    async fn stop(&mut self) -> Result<Next, Fatal> {
        match self.jobmanager_end.stop() {
            Stop::ClusterEnded => {
                self.journal.tell("cluster_ended", "the JobManager says that the cluster has ended");
                self.contender.order_end().await.map_err(fatal(Exit::Unavailable))?;
                return Ok(Next::StandBy);
            }
            Stop::JobManagerDied => {
                self.journal.warn("jobmanager_died", "the JobManager has died");
                self.release_jobmanager().await;
            }
            Stop::Container => {}
        }
        self.journal.tell("leaves", "leaves framework and TaskManagers to the next AppMaster");
        self.contender.leave(Left::Cluster).await;
        Ok(Next::Leave)
    }

    /// With the container the JobManager ends, and whoever starts it again gets one that stands in line.
    async fn end_deposed(&self) -> Fatal {
        self.contender.leave(Left::Cluster).await;
        Fatal::new(Exit::Deposed, Deposed)
    }

    /// Nobody needs to wait for the session of a JobManager that is known to be dead.
    async fn release_jobmanager(&self) {
        let Some(rest_url) = &self.rest_url else { return };
        let Some(client) = self.contender.clients.borrow().clone() else { return };
        match flink::release(&client, &self.flink_node, rest_url).await {
            Ok(0) => {}
            Ok(released) => {
                let text = format!("took the dead JobManager out of Flink's election released={released}");
                self.journal.tell("jobmanager_released", text);
            }
            Err(error) => {
                let text = format!("cannot take the dead JobManager out of Flink's election: {error}");
                self.journal.warn("jobmanager_not_released", text);
            }
        }
    }

    /// While the scheduler works.
    async fn hand_on(&mut self, message: Message, orders: &mpsc::Sender<Message>) {
        let leadership = self.contender.standing.borrow().leadership();
        let jobmanager_leader = self.jobmanagers.borrow().leader.clone();
        match message {
            Message::Report(_)
            | Message::Scale(..)
            | Message::Replace(..)
            | Message::Explain(..)
            | Message::Claim { .. }
                if leadership == Leadership::Suspended =>
            {
                self.answer(message).await;
            }
            Message::Report(answer) => {
                let (own, report) = oneshot::channel();
                let _ = orders.try_send(Message::Report(own));
                tokio::spawn(async move {
                    if let Ok(report) = report.await {
                        let _ = answer.send(Report {
                            high_availability: Some(leadership),
                            jobmanager_leader,
                            ..report
                        });
                    }
                });
            }
            Message::JobManagerListening => {
                self.jobmanager_listens = true;
                let _ = orders.try_send(Message::JobManagerListening);
            }
            Message::End => self.order_end().await,
            // Who asks is told that there is no answer.
            other @ (Message::Scale(..)
            | Message::Replace(..)
            | Message::FilesRead(_)
            | Message::Redeem { .. }
            | Message::Claim { .. }
            | Message::Explain(..)
            | Message::Demanded(_)
            | Message::JobManagerChanged
            | Message::TaskManagersHeard(_)) => drop(orders.try_send(other)),
        }
    }

    /// While this one may not act.
    async fn answer(&mut self, message: Message) {
        let leadership = self.contender.standing.borrow().leadership();
        let jobmanager_leader = self.jobmanagers.borrow().leader.clone();
        match message {
            Message::Report(answer) => {
                let _ = answer.send(Report { jobmanager_leader, ..Report::idle(leadership) });
            }
            Message::JobManagerListening => self.jobmanager_listens = true,
            Message::End => self.order_end().await,
            Message::Scale(_, answer) => {
                let _ = answer.send(Err(NotLeading(leadership).into()));
            }
            Message::Replace(_, answer) => {
                let _ = answer.send(Err(NotLeading(leadership)));
            }
            Message::Explain(_, answer) => {
                let _ = answer.send(Err(NotLeading(leadership)));
            }
            Message::Redeem { answer, .. } => {
                let _ = answer.send(false);
            }
            // The next leader asks again, and finds what has been read. Whose tasks ask is for the leader to know.
            Message::Demanded(_)
            | Message::TaskManagersHeard(_)
            | Message::JobManagerChanged
            | Message::FilesRead(_)
            | Message::Claim { .. } => {}
        }
    }

    async fn order_end(&self) {
        match self.contender.order_end().await {
            Ok(()) => drop(tokio::spawn(shut_flink_down(self.rest.clone()))),
            Err(error) => {
                let text = format!("the cluster cannot be ended: {}", log::chain(&error));
                self.journal.warn("not_ended", text);
            }
        }
    }
}

/// Waits until another JobManager than `known` leads Flink.
async fn another_leads(jobmanagers: &mut watch::Receiver<JobManagers>, known: &mut Option<String>) {
    let is_another = |found: &JobManagers| found.leader.is_some() && found.leader != *known;
    let leader = match jobmanagers.wait_for(is_another).await {
        Ok(found) => found.leader.clone(),
        Err(_) => std::future::pending().await,
    };
    *known = leader;
}

/// Waits until our own JobManager is.
async fn deposed(jobmanagers: &mut watch::Receiver<JobManagers>) {
    if jobmanagers.wait_for(|jobmanagers| jobmanagers.own == Own::Deposed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn schedule(
    work: &Work,
    mut ending: watch::Receiver<Option<bool>>,
    mut store: ZooKeeperStore,
    lease: crate::lease::Lease,
    inbox: mpsc::Receiver<Message>,
) -> Result<(), RunError> {
    let state = store.load().await?;
    let is_ending = ending.wait_for(Option::is_some).await.ok().and_then(|ending| *ending);
    if state.is_none() && is_ending == Some(true) {
        // Somebody else has torn it down.
        return Ok(());
    }
    if let Some(state) = &state {
        let (id, tasks) = (state.framework_id.as_deref().unwrap_or("none yet"), state.tasks.len());
        let text = format!("goes on with the cluster framework={id} tasks={tasks}");
        work.lookout.journal.tell("goes_on", text);
    }
    work.schedule(store, state, lease, inbox).await
}
