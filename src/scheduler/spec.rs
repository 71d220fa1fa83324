//! What the tasks of each group need, and the limits and waits of the scheduler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::time::BackoffPolicy;
use mesos::wire::command::Uri;
use mesos::wire::container::ContainerInfo;
use mesos::wire::label::Label;

use domain::constraint::Constraint;
use domain::group::GroupName;
#[cfg(test)]
use domain::need::Milli;
use domain::need::Need;

/// Fixed for the life of a worker, but for the groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Tasks of one group are alike; groups come and go while the scheduler works.
    pub groups: BTreeMap<GroupName, GroupSpec>,
    /// Tasks wait for a JobManager and register with it.
    pub has_jobmanager: bool,
    /// The roles that offers come for.
    pub roles: Vec<String>,
    /// As whom the framework registers, and the keys that say so.
    pub identity: String,
    /// What is told where masters have given no reason: who did not answer.
    pub silence: String,
    /// How long an agent's resources stay away after we declined them.
    pub refuse: Duration,
    /// Between SIGTERM and SIGKILL of a task.
    pub kill_grace: Duration,
    pub patience: Patience,
    /// Since 1970 at [`Moment::START`], for the times that Mesos tells.
    pub epoch: Duration,
}

/// What the tasks of one group have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// What one of its tasks is called, such as `TaskManager`.
    pub noun: &'static str,
    /// Grows whenever the tasks have to begin anew: the end of a task of an older one is not the group's. Always 0 of
    /// TaskManagers.
    pub generation: u64,
    /// What runs of it goes on, and nothing is launched or ended.
    pub is_paused: bool,
    /// None is launched while one that shall not run any more is still there. Otherwise one that gives way goes on until another
    /// runs.
    pub waits_for_ends: bool,
    pub need: Need,
    /// The same for many groups.
    pub template: Arc<Template>,
    /// The one role whose offers it takes; any of the framework's without.
    pub role: Option<String>,
    pub placement: Placement,
    /// Agents for which one of these does not hold get none.
    pub hard: Vec<Constraint>,
    /// Agents for which more of these hold come first.
    pub soft: Vec<Constraint>,
    /// How many tasks to keep unless `scale` or the jobs say otherwise.
    pub target: u32,
    /// Whether the jobs say it.
    pub follows_jobs: bool,
    /// How long the first tasks wait for offers that hold them all; `None` starts each as soon as it fits.
    pub gang: Option<Duration>,
    /// Between the end of a task that failed and its replacement.
    pub relaunch: BackoffPolicy,
    /// More failed tasks than this are too many.
    pub max_failures: Option<u32>,
    /// Only failures of so long ago count against it; `None` counts all.
    pub failures_within: Option<Duration>,
    pub after_too_many: TooMany,
    /// A task that ends with one of these codes has done what the group is for: the group has ended, and gets no other.
    pub final_codes: Vec<u8>,
}

/// What becomes of a group of which too many tasks have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// The framework ends.
    EndFramework,
    /// None is launched for so long, and then the group begins anew.
    Rest(Duration),
}

/// Where nobody calls it otherwise.
pub(super) const TASK: &str = "task";

impl GroupSpec {
    /// How long a task that failed waits for its replacement, where nobody says otherwise.
    pub const RELAUNCH: BackoffPolicy =
        BackoffPolicy { first: Duration::from_millis(500), most: Duration::from_secs(60), jitter: 0.2 };

    /// Of a group of which nothing is known but that what runs of it shall go on.
    pub fn paused() -> Self {
        Self {
            noun: TASK,
            generation: 0,
            is_paused: true,
            waits_for_ends: false,
            need: Need { scalars: Vec::new(), ports: 0 },
            template: Arc::default(),
            role: None,
            placement: Placement::Spread,
            hard: Vec::new(),
            soft: Vec::new(),
            target: 0,
            follows_jobs: false,
            gang: None,
            relaunch: Self::RELAUNCH,
            max_failures: None,
            failures_within: None,
            after_too_many: TooMany::EndFramework,
            final_codes: Vec::new(),
        }
    }
}

impl Spec {
    /// The group of a cluster's TaskManagers alone.
    pub fn taskmanagers(&self) -> Option<&GroupSpec> {
        self.groups.get(&GroupName::TASKMANAGERS)
    }

    /// The same with other TaskManagers.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut GroupSpec)) -> Self {
        if let Some(taskmanagers) = self.groups.get_mut(&GroupName::TASKMANAGERS) {
            change(taskmanagers);
        }
        self
    }
}

#[cfg(test)]
impl Spec {
    /// For `target` TaskManagers of one cpu, anywhere.
    pub fn of_one_cpu(target: u32) -> Self {
        Self {
            groups: BTreeMap::from([(GroupName::TASKMANAGERS, GroupSpec::of_cpus(target, Milli::whole(1)))]),
            has_jobmanager: true,
            roles: vec!["*".into()],
            identity: "role *".into(),
            silence: "no answer from m1:5050".into(),
            refuse: Duration::from_secs(5),
            kill_grace: Duration::from_secs(30),
            patience: Patience::default(),
            epoch: Duration::ZERO,
        }
    }
}

#[cfg(test)]
impl GroupSpec {
    pub fn of_cpus(target: u32, cpus: Milli) -> Self {
        Self {
            noun: "TaskManager",
            is_paused: false,
            need: Need { scalars: vec![("cpus".into(), cpus)], ports: 0 },
            template: Arc::new(Template { delivery: Some(Delivery::default()), ..Template::default() }),
            target,
            ..Self::paused()
        }
    }
}

/// What is the same in the `TaskInfo` of every task of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The program to execute on the agent.
    pub program: String,
    /// The container begins with it of itself.
    pub is_entrypoint: bool,
    /// `argv` without what differs from task to task, `argv[0]` included.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// The variable in which a task finds the token that gets it its configuration.
    pub token_variable: String,
    /// What differs from task to task, in this order.
    pub own: Vec<Own>,
    pub user: Option<String>,
    pub labels: Vec<Label>,
    pub container: Option<ContainerInfo>,
    /// A shell runs the command.
    pub shell: Option<Shell>,
    /// None until it is known: nothing is launched before.
    pub delivery: Option<Delivery>,
}

/// What a task is told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub name: Name,
    pub value: OwnValue,
}

/// By what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `-D key=value` among its arguments.
    Property(String),
    /// A variable of its environment.
    Variable(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnValue {
    TaskId,
    /// How often one of the group was launched, this one included.
    Attempt,
    Host(Host),
    /// One of those that it was given, by its place among them.
    Port(usize),
}

impl Own {
    pub fn property(key: &str, value: OwnValue) -> Self {
        Self { name: Name::Property(key.to_owned()), value }
    }

    pub fn variable(name: &str, value: OwnValue) -> Self {
        Self { name: Name::Variable(name.to_owned()), value }
    }

    /// What each TaskManager is told: one name serves Mesos, Flink and our status, so the task id is its resource id.
    pub fn of_taskmanager(host: Option<Host>, port_keys: &[String]) -> Vec<Self> {
        let id = Self::property("taskmanager.resource-id", OwnValue::TaskId);
        let host = host.map(|host| Self::property("taskmanager.host", OwnValue::Host(host)));
        let ports =
            port_keys.iter().enumerate().map(|(place, key)| Self::property(key, OwnValue::Port(place)));
        std::iter::once(id).chain(host).chain(ports).collect()
    }
}

/// What a task is given of files, whose addresses are made of their content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    /// Added to the task's own: by what it checks them.
    pub arguments: Vec<String>,
    /// What the agent fetches into the sandbox.
    pub uris: Vec<Uri>,
}

/// Shell text around a TaskManager's command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shell {
    /// Runs before it; its failure fails the task.
    pub bootstrap: Option<String>,
    /// Runs in its place, and finds it in [`COMMAND_VARIABLE`].
    pub command: Option<String>,
}

/// In which a command of the user's finds the one that it takes the place of, quoted for a shell.
pub const COMMAND_VARIABLE: &str = "FLINK_ON_MESOS_TASKMANAGER";

/// By what name others reach a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// The agent's host name.
    #[default]
    Agent,
    /// `_TASK_` stands for the task id.
    Pattern(String),
}

/// Which of several agents that fit gets the next TaskManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The one with the fewest.
    Spread,
    /// The one with the most.
    Pack,
}

/// How long the scheduler waits for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// A TaskManager that ran this long has not failed at its start: the next failure waits the first time
    /// again.
    pub healthy_after: Duration,
    /// A task that Mesos calls unreachable, lost or unknown is not replaced before this: its agent may come
    /// back, with the TaskManager alive. A master that was restarted knows no task until then.
    pub lost: Duration,
    /// The same for one that the JobManager has heard and does not hear any more.
    pub unreachable: Duration,
    /// A task that Mesos does not find is kept so long after the JobManager has heard it.
    pub kept: Duration,
    /// Flink's `heartbeat.interval` and `heartbeat.timeout`: how often the JobManager hears a TaskManager, and after
    /// what silence it drops it.
    pub heartbeat_interval: Duration,
    pub heartbeat_timeout: Duration,
    /// A TaskManager that runs and has not registered with the JobManager for so long is replaced, Flink's
    /// `resourcemanager.taskmanager-registration.timeout`.
    pub register: Duration,
    /// The same while the master does not answer about it at all.
    pub unanswered: Duration,
    /// Without any update this long after ACCEPT the master is asked what became of the task.
    pub launch: Duration,
    /// Between two questions about tasks that the master has not answered yet.
    pub reconcile: BackoffPolicy,
    /// Between two REVIVEs that no offer follows.
    pub revive: BackoffPolicy,
    /// Between two reconciliations of everything.
    pub reconcile_every: Duration,
    /// How long the first registration may take, `mesos.registration.timeout`.
    pub registration: Duration,
    /// Between two KILLs of a task that does not end.
    pub kill_again: Duration,
    /// Between a call that failed and the next one.
    pub call_again: BackoffPolicy,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            healthy_after: Duration::from_secs(60),
            // The master gives an agent 75 s of missed pings, and 10 min after its own restart.
            lost: Duration::from_secs(75),
            unreachable: Duration::from_secs(5),
            // Several answers of the JobManager may get lost.
            kept: Duration::from_secs(25),
            heartbeat_interval: Duration::from_secs(10),
            heartbeat_timeout: Duration::from_secs(50),
            register: Duration::from_secs(5 * 60),
            unanswered: Duration::from_secs(15 * 60),
            launch: Duration::from_secs(60),
            reconcile: BackoffPolicy {
                first: Duration::from_secs(5),
                most: Duration::from_secs(60),
                jitter: 0.2,
            },
            // Agents that are full offer nothing, and REVIVE makes the master forget what was declined.
            revive: BackoffPolicy {
                first: Duration::from_secs(15),
                most: Duration::from_secs(300),
                jitter: 0.2,
            },
            // What Mesos recommends to frameworks.
            reconcile_every: Duration::from_secs(15 * 60),
            registration: Duration::from_secs(60),
            kill_again: Duration::from_secs(15),
            call_again: BackoffPolicy {
                first: Duration::from_millis(250),
                most: Duration::from_secs(30),
                jitter: 0.2,
            },
        }
    }
}
