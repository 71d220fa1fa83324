//! Agents without processes. To the master each is one that has come from another host; its tasks run as soon as they are launched,
//! and each of them reports to the dispatcher as an AppMaster does.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use base::events::Journal;
use bytes::Bytes;
use dial::{Carried, Home, Ledger, Standing, Status, Told, What};
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::{StatusSource, TaskState, TaskStatus};
use mini_mesos::link::{self, Greeting, Link, ToHost};
use mini_mesos::master::AgentDescription;
use mini_mesos::message::{FromAgent, Run, ToAgent};
use mini_mesos::resources;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

/// Clusters that each agent has room for, and some more.
const CLUSTERS_EACH: usize = 10;
const ROOM: &str = "cpus:10;mem:40000;disk:10000;ports:[31000-31099]";

/// One that only comes and goes.
const NO_ROOM: &str = "cpus:0.1;mem:32;ports:[31000-31000]";

/// Nobody listens there.
const FIRST_PORT: usize = 40_000;

/// What has become of all tasks.
#[derive(Default)]
pub struct Counts {
    pub launched: AtomicUsize,
    /// The dispatcher has acknowledged that they run.
    pub running: AtomicUsize,
    pub ended: AtomicUsize,
}

pub struct Agents {
    pub counts: Arc<Counts>,
    visits: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Agents {
    /// On a thread of their own, for as many clusters as there will be, of the master at `port`.
    pub fn start(port: u16, clusters: usize) -> Self {
        let counts = Arc::new(Counts::default());
        let (visits, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let counted = Arc::clone(&counts);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, async {
                let master = format!("127.0.0.1:{port}");
                for number in 0..=clusters.div_ceil(CLUSTERS_EACH) {
                    let link = join(&master, number, ROOM).await;
                    spawn_local(Agent::new(&link, &counted).work(link));
                }
                // Dropped, all that runs here ends.
                for number in 0.. {
                    let Some(done) = asked.recv().await else { return };
                    visit(&master, number).await;
                    let _nobody_waits = done.send(());
                }
            });
        });
        Self { counts, visits }
    }

    /// One more agent comes, whose offer is of no use to anybody, and goes.
    pub async fn visit(&self) {
        let (done, is_done) = oneshot::channel();
        self.visits.send(done).expect("agents run");
        is_done.await.expect("agents run");
    }
}

impl Counts {
    pub fn of(count: &AtomicUsize) -> usize {
        count.load(Ordering::Relaxed)
    }
}

async fn join(master: &str, number: usize, room: &str) -> Link {
    let description = AgentDescription {
        hostname: format!("agent-{number}"),
        ip: "127.0.0.1".to_owned(),
        // Who comes to an address takes the place of whoever was there.
        port: u16::try_from(FIRST_PORT + number).expect("a port"),
        number: 1,
        attributes: Vec::new(),
        domain: None,
        resources: resources::parse(room).expect("resources"),
    };
    link::dial(master.to_owned(), Greeting::New(description)).await.expect("the master takes it")
}

async fn visit(master: &str, number: usize) {
    let Link { reports, carrier, orders, .. } = join(master, 10_000 + number, NO_ROOM).await;
    // Until its offer has come to the dispatcher and back.
    tokio::time::sleep(super::alone::VISIT).await;
    reports.send(FromAgent::Unregistering).await.expect("a link");
    drop(reports);
    let _ended_by_either = carrier.await;
    drop(orders);
}

struct Agent {
    id: AgentId,
    tasks: BTreeMap<TaskId, Task>,
    reports: mpsc::Sender<FromAgent>,
    counts: Arc<Counts>,
}

struct Task {
    framework: FrameworkId,
    /// Not acknowledged, the oldest first, which is sent.
    updates: VecDeque<TaskStatus>,
    latest: TaskState,
    /// Where it dials home.
    appmaster: JoinHandle<()>,
}

impl Agent {
    fn new(link: &Link, counts: &Arc<Counts>) -> Self {
        let (id, reports) = (link.welcome.id.clone(), link.reports.clone());
        Self { id, tasks: BTreeMap::new(), reports, counts: Arc::clone(counts) }
    }

    async fn work(mut self, link: Link) {
        let Link { mut orders, .. } = link;
        while let Some(order) = orders.recv().await {
            let ToHost::Tell(message) = order else { continue };
            match message {
                ToAgent::Run(run) => self.run(*run),
                ToAgent::Kill { task, .. } => self.end(&task),
                ToAgent::Acknowledge { task, uuid, .. } => self.acknowledge(&task, &uuid),
                ToAgent::Ping { is_connected } => {
                    assert!(is_connected, "the master takes an agent for gone that answers each ping");
                    self.tell(FromAgent::Pong);
                    let waiting: Vec<_> = self.tasks.keys().cloned().collect();
                    waiting.iter().for_each(|task| self.send(task));
                }
                ToAgent::ShutDown { framework } => {
                    self.tasks.retain(|_, task| task.framework != framework);
                }
                ToAgent::Registered { .. }
                | ToAgent::Resources(_)
                | ToAgent::Drain(_)
                | ToAgent::Reactivate
                | ToAgent::Dismiss => {}
            }
        }
    }

    fn run(&mut self, run: Run) {
        self.counts.launched.fetch_add(1, Ordering::Relaxed);
        let id = run.task.task_id.clone().expect("it has one");
        let updates = [TaskState::Starting, TaskState::Running].map(|state| self.status(&id, state));
        let appmaster = spawn_local(dial_home(given(&run)));
        let task =
            Task { framework: run.framework, updates: updates.into(), latest: TaskState::Running, appmaster };
        self.tasks.insert(id.clone(), task);
        self.send(&id);
    }

    fn end(&mut self, id: &TaskId) {
        let killed = self.status(id, TaskState::Killed);
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.appmaster.abort();
        task.latest = TaskState::Killed;
        task.updates.push_back(killed);
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        if self.tasks[id].updates.len() == 1 {
            self.send(id);
        }
    }

    fn acknowledge(&mut self, id: &TaskId, uuid: &Bytes) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let is_head = task.updates.front().is_some_and(|status| status.uuid.as_ref() == Some(uuid));
        let Some(told) = task.updates.pop_front_if(|_| is_head) else { return };
        if told.state == Some(TaskState::Running as i32) {
            self.counts.running.fetch_add(1, Ordering::Relaxed);
        }
        if task.updates.is_empty() && task.latest == TaskState::Killed {
            self.tasks.remove(id);
        } else {
            self.send(id);
        }
    }

    /// The oldest update that is not acknowledged, if there is one.
    fn send(&self, id: &TaskId) {
        let Some(task) = self.tasks.get(id) else { return };
        let Some(status) = task.updates.front() else { return };
        let (framework, status) = (task.framework.clone(), Box::new(status.clone()));
        self.tell(FromAgent::Updated { framework, status, latest: task.latest });
    }

    fn tell(&self, report: FromAgent) {
        // The master ends before the agents do.
        let _is_over = self.reports.try_send(report);
    }

    fn status(&self, id: &TaskId, state: TaskState) -> TaskStatus {
        let timestamp = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
        TaskStatus {
            task_id: Some(id.clone()),
            state: Some(state as i32),
            agent_id: Some(self.id.clone()),
            timestamp: Some(timestamp),
            source: Some(StatusSource::Executor as i32),
            uuid: Some(Bytes::copy_from_slice(&fastrand::u128(..).to_be_bytes())),
            ..TaskStatus::default()
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.appmaster.abort();
    }
}

/// What an AppMaster finds in its command line and its environment.
struct Given {
    artifacts: String,
    task_id: String,
    attempt: String,
    token: String,
    dispatchers: String,
}

fn given(run: &Run) -> Given {
    let command = run.task.command.as_ref().expect("a command");
    let place = command.arguments.iter().position(|word| word == "--artifacts").expect("it is told where");
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    let told: BTreeMap<_, _> =
        variables.filter_map(|variable| Some((variable.name.as_deref()?, variable.value.clone()?))).collect();
    let variable = |name: &str| told.get(name).cloned().unwrap_or_else(|| panic!("{name} is not told"));
    Given {
        artifacts: command.arguments[place + 1].clone(),
        task_id: variable("FLINK_ON_MESOS_TASK"),
        attempt: variable("FLINK_ON_MESOS_ATTEMPT"),
        token: variable("FLINK_ON_MESOS_TOKEN"),
        dispatchers: variable("FLINK_ON_MESOS_DISPATCHERS"),
    }
}

/// Fetches the configuration, and then asks for orders until it is ended.
async fn dial_home(given: Given) {
    let url = format!("{}{}", given.artifacts, artifact::configuration_path(&given.task_id));
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let fetched = client.get(url).bearer_auth(&given.token).send().await.expect("the dispatcher is there");
    let configuration =
        fetched.error_for_status().expect("a configuration").bytes().await.expect("all of it");
    assert!(!configuration.is_empty());
    // As a process that goes on as another one.
    drop(client);
    let home = Home::of(Told {
        dispatchers: &given.dispatchers,
        certificates: None,
        task_id: &given.task_id,
        attempt: &given.attempt,
        token: &given.token,
    });
    let home = home.expect("a home");
    let cluster = Cluster { framework_name: given.task_id.clone() };
    let superseded = dial::keep(&home, &cluster, Nothing, &Journal::default()).await.expect("a client");
    panic!("{}: {superseded}", given.task_id);
}

/// One that is as it should be.
struct Cluster {
    framework_name: String,
}

impl dial::Cluster for Cluster {
    async fn status(&self) -> Option<Status> {
        Some(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            standing: Standing::Alone,
            framework_name: self.framework_name.clone(),
            framework_id: Some("f0bd9f3c-4d8e-4a8e-9c1c-2f2d62c5a7a1-0042".to_owned()),
            subscribed: true,
            flink_url: Some("http://agent-1.example.org:31001".to_owned()),
            status_url: Some("http://agent-1.example.org:31004".to_owned()),
            target: 1,
            running: 1,
            jobs_running: Some(1),
            waiting: None,
        })
    }

    async fn carry_out(&self, what: &What) -> Carried {
        Carried::Refused { why: format!("nobody orders to {what} here") }
    }
}

struct Nothing;

impl dial::Memory for Nothing {
    fn load(&mut self) -> io::Result<Option<Ledger>> {
        Ok(None)
    }

    fn save(&mut self, _: &Ledger) -> io::Result<()> {
        Ok(())
    }
}
