//! One picture of the cluster for all who look: taken when somebody wants it, at most four times a second, and told to
//! those who stay as what has changed since the last one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};
use utoipa::ToSchema;

use base::events::since_1970_ms;
use domain::demand::Asked;
use domain::leadership::Leadership;
use scheduler::counters::Counters;
use scheduler::driver::requests::{Refusal, Request, Requests};
use scheduler::explain::{Explanation, Question};
use scheduler::neighbours::Neighbours;
use scheduler::report::{AgentState, MasterReport, ProbingReport, Report, TaskReport, Waiting};

use super::About;
use super::fresh::Fresh;
use super::jobmanager::{Facts, JobManager, Slots, Watch};
use super::lookout::Lookout;

/// A picture counts for so long.
const FRESH: Duration = Duration::from_millis(250);

/// Without a sign of change a new one is taken after this long: Flink does not tell what happens there.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Who is so many changes behind gets the whole picture again.
const MAX_BACKLOG: usize = 32;

/// The answer to `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Of this program.
    pub version: String,
    /// Milliseconds since 1970.
    pub taken_at: u64,
    /// Only with high availability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_availability: Option<Leadership>,
    /// Only with high availability: where the JobManager that leads Flink answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobmanager_leader: Option<String>,
    /// Why this AppMaster's JobManager, which leads Flink, has lost its node in Flink's leader election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobmanager_trouble: Option<String>,
    pub framework_name: String,
    pub framework_id: Option<String>,
    pub master: Option<MasterReport>,
    pub subscribed: bool,
    /// How many TaskManagers to keep.
    pub target: u32,
    /// How many TaskManagers run: Mesos says so, and the JobManager receives their heartbeats, if it can be
    /// asked.
    pub running: usize,
    /// How many TaskManagers Mesos runs without the JobManager having received a heartbeat for long.
    #[serde(default)]
    pub unheard: usize,
    /// Only if the number of TaskManagers follows the jobs.
    pub asked: Option<Asked>,
    pub tasks: Vec<TaskManager>,
    /// How many TaskManagers are still to be launched, and why they are not; none when all are.
    pub waiting: Option<Waiting>,
    /// While TaskManagers fail at their start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<ProbingReport>,
    pub agents: Vec<AgentState>,
    /// TaskManagers and frameworks that seem to belong to this cluster but do not.
    pub neighbours: Neighbours,
    pub jobmanager: JobManager,
    pub links: Links,
    /// Warnings of the start.
    pub warnings: Vec<String>,
    pub counters: Counters,
}

/// A task, and what Flink knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskManager {
    #[serde(flatten)]
    pub task: TaskReport,
    /// None before it has registered with the JobManager.
    pub slots: Option<Slots>,
    /// Where the Mesos UI shows its files.
    pub sandbox: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    pub flink: Option<String>,
    pub mesos: Option<String>,
    /// The status page of the AppMaster that leads, when it is another.
    pub leader: Option<String>,
}

/// Of the status all but the tasks is told by field.
#[derive(Debug, Serialize)]
struct Change<'a> {
    fields: BTreeMap<&'a str, &'a Value>,
    tasks: Vec<&'a TaskManager>,
    gone: Vec<&'a str>,
}

pub struct Snapshot {
    pub status: Status,
    json: OnceLock<Bytes>,
    text: OnceLock<Arc<str>>,
    metrics: OnceLock<Bytes>,
    /// All but the tasks and the time.
    fields: OnceLock<BTreeMap<String, Value>>,
}

/// What those who stay are told.
#[derive(Clone, Debug)]
pub enum Telling {
    /// A [`Status`].
    Whole(Arc<str>),
    /// A [`Change`].
    Change(Arc<str>),
}

pub struct Board {
    pub requests: Requests,
    about: About,
    /// As JSON.
    pub configuration: Bytes,
    pub jobmanager: Watch,
    pub lookout: Arc<Lookout>,
    latest: Fresh<Arc<Snapshot>>,
    explained: Fresh<Bytes>,
    health: Fresh<Option<String>>,
    /// What those who stay know.
    told: Mutex<Option<Arc<Snapshot>>>,
    tellings: broadcast::Sender<Telling>,
    looked_at: tokio::sync::Notify,
}

impl Board {
    pub fn new(requests: Requests, about: About, jobmanager: Watch, lookout: Arc<Lookout>) -> Self {
        Self {
            requests,
            configuration: json(&about.configuration),
            about,
            jobmanager,
            lookout,
            latest: Fresh::default(),
            explained: Fresh::default(),
            health: Fresh::default(),
            told: Mutex::default(),
            tellings: broadcast::Sender::new(MAX_BACKLOG),
            looked_at: tokio::sync::Notify::new(),
        }
    }

    /// A picture that is hardly older than [`FRESH`].
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, Refusal> {
        let take = async || {
            // Before the scheduler is asked, which takes no time, so that nothing in the picture is old.
            let facts = self.jobmanager.facts().await;
            let begin = Instant::now();
            let report = self.requests.report().await?;
            let snapshot = Arc::new(Snapshot::new(self.about.status(report, facts)));
            Ok((snapshot, begin.elapsed()))
        };
        self.latest.get(FRESH, take).await
    }

    /// Something was ordered: the next picture shall show it.
    pub async fn forget(&self) {
        self.latest.forget().await;
    }

    /// Why the JobManager does not answer; who asks often does not ask it more often.
    pub async fn silence(&self) -> Option<String> {
        let ask = async || Ok::<_, Infallible>((self.jobmanager.silence().await, Duration::ZERO));
        let Ok(silence) = self.health.get(FRESH, ask).await;
        silence
    }

    /// Why TaskManagers are missing, as JSON.
    pub async fn explanation(&self) -> Result<Bytes, Refusal> {
        let explain = async || {
            let begin = Instant::now();
            let explanation = self.suppose(None).await?;
            Ok((json(&*explanation), begin.elapsed()))
        };
        self.explained.get(FRESH, explain).await
    }

    /// What the scheduler says to a question, which it places all TaskManagers for.
    pub async fn suppose(&self, question: Option<Question>) -> Result<Box<Explanation>, Refusal> {
        self.requests.ask(|reply| Request::Explain(question, reply)).await
    }

    /// The picture that the tellings build upon, if there is one, and all tellings from there on.
    pub fn follow(&self) -> (Option<Arc<Snapshot>>, broadcast::Receiver<Telling>) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.looked_at.notify_one();
        (told.clone(), self.tellings.subscribe())
    }

    /// Tells those who stay, as long as there are any.
    pub async fn tell_changes(&self) {
        loop {
            if self.tellings.receiver_count() == 0 {
                // What nobody was told of is old when somebody comes.
                *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.looked_at.notified().await;
            }
            if let Ok(snapshot) = self.snapshot().await {
                self.tell(snapshot);
            }
            sleep(FRESH).await;
            let _ = timeout(LOOK_AGAIN, self.lookout.changed.notified()).await;
        }
    }

    fn tell(&self, snapshot: Arc<Snapshot>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = match &*told {
            None => Some(snapshot.whole()),
            Some(before) => snapshot.since(before),
        };
        *told = Some(snapshot);
        if let Some(telling) = telling {
            // Who was there may have gone meanwhile.
            let _ = self.tellings.send(telling);
        }
    }
}

impl About {
    fn status(&self, report: Report, facts: Facts) -> Status {
        let links = self.links(&report);
        let Facts { jobmanager, slots } = facts;
        let framework_id = report.framework_id;
        let tasks = report.tasks.into_iter().map(|task| {
            let sandbox = links.mesos.as_ref().zip(framework_id.as_ref()).map(|(mesos, framework_id)| {
                format!(
                    "{mesos}/#/agents/{}/frameworks/{framework_id}/executors/{}/browse",
                    task.agent_id, task.task_id
                )
            });
            TaskManager { slots: slots.get(&task.task_id).copied(), sandbox, task }
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: since_1970_ms(),
            high_availability: report.high_availability,
            jobmanager_leader: report.jobmanager_leader,
            jobmanager_trouble: report.jobmanager_trouble,
            framework_name: self.framework_name.clone(),
            master: report.master,
            subscribed: report.subscribed,
            target: report.target,
            running: report.running,
            unheard: report.unheard,
            asked: report.asked,
            tasks: tasks.collect(),
            framework_id,
            waiting: report.waiting,
            probing: report.probing,
            agents: report.agents,
            neighbours: report.neighbours,
            jobmanager,
            links,
            warnings: self.warnings.clone(),
            counters: report.counters,
        }
    }

    fn links(&self, report: &Report) -> Links {
        let mesos = report.master.as_ref().filter(|_| self.mesos_ui);
        let leader = match &report.high_availability {
            Some(Leadership::Standby { leader: Some(leader) }) => {
                leader["host"].as_str().zip(leader["status_port"].as_u64().filter(|port| *port != 0))
            }
            Some(
                Leadership::Standby { leader: None }
                | Leadership::Leader
                | Leadership::Suspended
                | Leadership::Away { .. },
            )
            | None => None,
        };
        Links {
            flink: self.flink_ui.clone(),
            mesos: mesos.map(|master| format!("http://{}:{}", master.hostname, master.port)),
            leader: leader.map(|(host, port)| format!("http://{host}:{port}/")),
        }
    }
}

impl Snapshot {
    fn new(status: Status) -> Self {
        Self {
            status,
            json: OnceLock::new(),
            text: OnceLock::new(),
            metrics: OnceLock::new(),
            fields: OnceLock::new(),
        }
    }

    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| json(&self.status)).clone()
    }

    /// As `write` says it, once.
    pub fn metrics(&self, write: impl FnOnce(&Status) -> Bytes) -> Bytes {
        self.metrics.get_or_init(|| write(&self.status)).clone()
    }

    pub fn whole(&self) -> Telling {
        let text = self.text.get_or_init(|| String::from_utf8_lossy(&self.json()).into());
        Telling::Whole(Arc::clone(text))
    }

    fn fields(&self) -> &BTreeMap<String, Value> {
        self.fields.get_or_init(|| {
            let rest = Status { tasks: Vec::new(), ..self.status.clone() };
            let value = serde_json::to_value(&rest).unwrap_or_default();
            let Value::Object(fields) = value else { return BTreeMap::new() };
            fields.into_iter().filter(|(name, _)| !["tasks", "taken_at"].contains(&name.as_str())).collect()
        })
    }

    /// None if nothing has changed. How long a task has been in its state is no change.
    fn since(&self, before: &Self) -> Option<Telling> {
        let known = before.fields();
        let fields: BTreeMap<_, _> = self
            .fields()
            .iter()
            .filter(|(name, value)| known.get(*name) != Some(value))
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        let old: BTreeMap<_, _> = before.status.tasks.iter().map(|task| (task.id(), task)).collect();
        let is_known = |task: &TaskManager| old.get(task.id()).is_some_and(|old| old.is_same(task));
        let tasks: Vec<_> = self.status.tasks.iter().filter(|task| !is_known(task)).collect();
        let new: std::collections::BTreeSet<_> = self.status.tasks.iter().map(TaskManager::id).collect();
        let gone: Vec<_> = old.into_keys().filter(|id| !new.contains(id)).collect();
        if fields.is_empty() && tasks.is_empty() && gone.is_empty() {
            return None;
        }
        let change = Change { fields, tasks, gone };
        Some(Telling::Change(String::from_utf8_lossy(&json(&change)).into()))
    }
}

impl TaskManager {
    fn id(&self) -> &str {
        &self.task.task_id
    }

    fn is_same(&self, other: &Self) -> bool {
        let (own, others) = (&self.task, &other.task);
        self.slots == other.slots
            && self.sandbox == other.sandbox
            && own.state == others.state
            && own.since == others.since
            && own.registration == others.registration
            && own.ending == others.ending
            && own.giving_way == others.giving_way
    }
}

/// Of our own types, which all have a form in JSON.
pub fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}
