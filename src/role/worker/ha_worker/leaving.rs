//! How this AppMaster ceases to lead, and how it leaves the line.

use std::time::Duration;

use base::exit::Exit;
use domain::remains::Remains;
use domain::state::State;
use domain::store::{Store, StoreError};
use ha::contender::{Candidacy, Left};
use scheduler::Failure;
use scheduler::driver::RunError;

use super::super::cleanup::{release_jobmanager, shut_flink_down_first};
use super::super::home;
use super::super::jobmanager::Stop;
use super::super::{Fatal, fatal, stopped};
use super::error::Deposed;
use super::{HaWorker, Next};

/// Between two attempts to take the framework back from somebody who took it without leading.
const SUPERSEDED_WAIT: Duration = Duration::from_secs(1);

/// For what is told of the cluster when this AppMaster ends over a failure.
const LEAVE_READ_TIMEOUT: Duration = Duration::from_secs(1);

impl HaWorker<'_> {
    pub(super) async fn ended(&mut self, ended: Result<(), RunError>, node: &str) -> Result<Next, Fatal> {
        match ended {
            Ok(()) => {
                self.contender.leave(Left::Nothing).await;
                Ok(Next::Leave)
            }
            Err(RunError::Store(StoreError::Fenced)) => {
                self.journal.warn("write_refused", "ZooKeeper refused a write, as another AppMaster leads");
                let mut candidacy = self.contender.candidacy.clone();
                let lost = candidacy.wait_for(|candidacy| !matches!(candidacy, Candidacy::Leading { .. }));
                // The election finds out too, at the latest with its next question.
                let _ = tokio::time::timeout(self.ensemble.session_timeout, lost).await;
                Ok(Next::StandBy)
            }
            Err(RunError::Failed(failure @ Failure::Superseded)) => {
                self.journal
                    .warn("superseded", format!("{failure}: taking it back, as this AppMaster leads"));
                tokio::time::sleep(SUPERSEDED_WAIT).await;
                Ok(Next::StandBy)
            }
            Err(error) => {
                self.tell_left(node).await;
                self.contender.leave(Left::Cluster).await;
                Err(stopped(error))
            }
        }
    }

    /// With high availability the cluster is not ended with this AppMaster, whatever that ends of.
    async fn tell_left(&self, node: &str) {
        let mut store = self.store(node);
        let state = tokio::time::timeout(LEAVE_READ_TIMEOUT, store.load()).await;
        let Ok(Ok(Some(State { framework_id: Some(id), tasks, .. }))) = state else { return };
        let tasks = tasks.len();
        let text = format!(
            "this AppMaster leaves framework={id} tasks={tasks} to another AppMaster; to end the cluster instead, start an AppMaster and order `flink-on-mesos teardown`"
        );
        self.journal.warn("leaves", text);
    }

    /// Init has told the worker to stop.
    pub(super) async fn stop(&mut self) -> Result<Next, Fatal> {
        match self.jobmanager_end.stop() {
            Stop::ClusterEnded => {
                self.journal.tell("cluster_ended", "the JobManager has ended the cluster");
                return self.order_end().await;
            }
            Stop::JobManagerDied => {
                self.journal.warn("jobmanager_died", "the JobManager has died");
                let client = self.contender.clients.borrow().clone();
                if let (Some(rest_url), Some(client)) = (&self.rest_url, client) {
                    release_jobmanager(&client, &self.flink_node, rest_url, &self.journal).await;
                }
            }
            Stop::Container => match home::remains(self.home.as_ref(), &self.journal).await {
                Remains::Cluster | Remains::Unknown => {}
                Remains::Data => return self.order_end().await,
                Remains::Nothing => {
                    let next = self.order_end().await?;
                    shut_flink_down_first(self.rest.clone()).await;
                    return Ok(next);
                }
            },
        }
        self.journal.tell("leaves", "this AppMaster leaves framework and TaskManagers to the next AppMaster");
        self.contender.leave(Left::Cluster).await;
        Ok(Next::Leave)
    }

    /// Whoever leads tears the framework down.
    async fn order_end(&self) -> Result<Next, Fatal> {
        self.until_in_line().await?;
        self.contender.order_end().await.map_err(fatal(Exit::Unavailable))?;
        Ok(Next::StandBy)
    }

    /// An order to end is for those that are in line when it is given.
    async fn until_in_line(&self) -> Result<(), Fatal> {
        let mut candidacy = self.contender.candidacy.clone();
        let in_line = candidacy.wait_for(|candidacy| !matches!(candidacy, Candidacy::Away { .. })).await;
        in_line.map(drop).map_err(fatal(Exit::Software))
    }

    /// With the container the JobManager ends, and whoever starts it again gets one that stands in line.
    pub(super) async fn end_deposed(&self) -> Fatal {
        self.contender.leave(Left::Cluster).await;
        Fatal::new(Exit::Deposed, Deposed)
    }
}
