//! What Flink says of itself, asked at most every other second however many want to know.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use base::log;
use flink::pulse::Endpoint;
use flink::rest::{Job, RestClient, RestError, first_answer};

/// What was heard counts for so long.
const FRESH: Duration = Duration::from_secs(2);

/// Flink answers what we ask from memory.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobManager {
    /// Why it does not answer; none when it does.
    pub silent: Option<String>,
    /// None when its REST API cannot be asked, as with TLS.
    pub overview: Option<Overview>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    pub flink_version: String,
    pub taskmanagers: u32,
    pub slots: Slots,
    pub jobs_running: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slots {
    pub total: u32,
    pub free: u32,
}

/// What is known at one time.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub jobmanager: JobManager,
    /// By task id, of the TaskManagers that have registered.
    pub slots: BTreeMap<String, Slots>,
}

#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    #[error("the port of the JobManager's REST API is not known, as `rest.port` is not a single port")]
    NoEndpoint,
    #[error("cannot find out which jobs run: the JobManager does not answer")]
    NoAnswer(#[source] RestError),
}

/// The one JobManager of this AppMaster.
#[derive(Default)]
pub struct Watch {
    rest: Option<Endpoint>,
    clients: Vec<RestClient>,
    known: Mutex<Option<(Instant, Facts)>>,
}

impl Watch {
    /// `rest` is none where nobody can tell the port; `clients` are its own.
    pub fn new(rest: Option<Endpoint>, clients: Vec<RestClient>) -> Self {
        Self { rest, clients, known: Mutex::default() }
    }

    pub fn clients(&self) -> &[RestClient] {
        &self.clients
    }

    /// Why it does not answer right now.
    pub async fn silence(&self) -> Option<String> {
        let silence = self.rest.as_ref()?.check().await.err()?;
        Some(log::chain(&silence))
    }

    pub async fn facts(&self) -> Facts {
        let mut known = self.known.lock().await;
        if let Some((_, facts)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return facts.clone();
        }
        let facts = self.ask().await;
        *known = Some((Instant::now(), facts.clone()));
        facts
    }

    /// The jobs that have not ended.
    pub async fn unfinished_jobs(&self) -> Result<Vec<Job>, JobsError> {
        let answer = first_answer(&self.clients, async |client| client.jobs().await)
            .await
            .ok_or(JobsError::NoEndpoint)?;
        let jobs = answer.map_err(JobsError::NoAnswer)?;
        Ok(jobs.into_iter().filter(|job| !job.state.has_ended()).collect())
    }

    async fn ask(&self) -> Facts {
        let silent = self.silence().await;
        if silent.is_some() {
            return Facts { jobmanager: JobManager { silent, overview: None }, slots: BTreeMap::new() };
        }
        let answer = first_answer(&self.clients, async |client| {
            let answers = async { tokio::try_join!(client.overview(), client.taskmanagers()) };
            timeout(ANSWER_TIMEOUT, answers).await.map_err(drop)?.map_err(drop)
        });
        let Some(Ok((overview, taskmanagers))) = answer.await else { return Facts::default() };
        let overview = Overview {
            flink_version: overview.flink_version,
            taskmanagers: overview.taskmanagers,
            slots: Slots { total: overview.slots_total, free: overview.slots_available },
            jobs_running: overview.jobs_running,
        };
        let slots = taskmanagers.into_iter().map(|taskmanager| {
            let slots = Slots { total: taskmanager.slots_number, free: taskmanager.free_slots };
            (taskmanager.id, slots)
        });
        Facts { jobmanager: JobManager { silent, overview: Some(overview) }, slots: slots.collect() }
    }
}
