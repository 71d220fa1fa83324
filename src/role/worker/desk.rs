//! The worker with high availability: takes part in the election, schedules while it leads, and answers for itself
//! when it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use ::flink::rest::RestClient;
use base::events::Journal;
use base::exit::Exit;
use base::log;
use conf::settings::{HighAvailability, Settings};
use domain::leadership::{Leadership, NotLeading};
use ha::contender::{self, Contender, Standing};
use ha::flink::{self, JobManagers, Own};
use ha::paths::Paths;
use ha::zookeeper::ZooKeeperStore;
use scheduler::driver::Message;
use scheduler::report::Report;
use zookeeper::Ensemble;

use super::cleanup::shut_flink_down;
use super::jobmanager::{JobManagerEnd, Stop};
use super::{Fatal, INBOX_WAITING_MOST, Work, fatal};

mod error;
mod leaving;
mod reign;

use error::{NoSession, Why};
use reign::schedule;

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
    /// The JobManager has said that the cluster has ended, before there was a session.
    owes_end: bool,
    journal: Arc<Journal>,
    /// For the first session.
    patience: Duration,
}

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
        flink::watch_neighbours(contender.clients.clone(), &ha.root, &ha.cluster_id, Arc::clone(&journal));
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
            owes_end: false,
            patience: settings.registration_timeout,
        }
    }

    /// Until the cluster has ended or this AppMaster leaves it.
    pub async fn work(mut self, work: &Work) -> Result<(), Fatal> {
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
                // An end of the cluster is to be written down, and there is no session yet.
                _ = self.term.recv() => match self.jobmanager_end.stop() {
                    Stop::ClusterEnded => self.owes_end = true,
                    Stop::Container | Stop::JobManagerDied => return Ok(Next::Leave),
                },
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
            self.store(node),
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
                ended = &mut scheduling => return self.ended(ended, node).await,
                () = another_leads(&mut leaders, &mut leader) => drop(orders.try_send(Message::JobManagerChanged)),
                Some(message) = self.inbox.recv() => self.hand_on(message, &orders).await,
            }
        }
    }

    fn store(&self, node: &str) -> ZooKeeperStore {
        let clients = self.contender.clients.clone();
        ZooKeeperStore::new(self.ensemble.clone(), self.paths.clone(), clients, node)
    }

    /// While the scheduler works.
    async fn hand_on(&mut self, message: Message, orders: &mpsc::Sender<Message>) {
        let leadership = self.contender.standing.borrow().leadership();
        let jobmanagers = self.jobmanagers.borrow().clone();
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
                            jobmanager_leader: jobmanagers.leader,
                            jobmanager_trouble: jobmanagers.trouble,
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
            | Message::FrameworksSeen { .. }
            | Message::TaskManagersHeard(_)) => drop(orders.try_send(other)),
        }
    }

    /// While this one may not act.
    async fn answer(&mut self, message: Message) {
        let leadership = self.contender.standing.borrow().leadership();
        let JobManagers { leader: jobmanager_leader, trouble: jobmanager_trouble, .. } =
            self.jobmanagers.borrow().clone();
        match message {
            Message::Report(answer) => {
                let report = Report { jobmanager_leader, jobmanager_trouble, ..Report::idle(leadership) };
                let _ = answer.send(report);
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
            | Message::FrameworksSeen { .. }
            | Message::FilesRead(_)
            | Message::Claim { .. } => {}
        }
    }

    async fn order_end(&self) {
        match self.contender.order_end().await {
            Ok(()) => drop(tokio::spawn(shut_flink_down(self.rest.clone()))),
            Err(error) => {
                let text = format!("cannot end the cluster: {}", log::chain(&error));
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
