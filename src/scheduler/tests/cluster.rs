//! The embedded Mesos' own models of master and agents, put together with what can happen to them: agents that
//! lose touch or die, masters that fail over and forget.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;

use crate::local::agent::{Action as AgentAction, Agent, ContainerId, End, ProcessEvent, Settings};
use crate::local::ids::Ids;
use crate::local::master::{self, Action, AgentDescription, Answer, Master, StreamId, is_terminal};
use crate::local::message::{FromAgent, ToAgent};
use crate::local::order::{Call as WireCall, Order};
use crate::local::request::{self, Head};
use crate::local::resources::parse;
use crate::local::timing::Timing;
use crate::mesos::call::Call;
use crate::mesos::wire::call::Decline;
use crate::mesos::wire::event::{Event, EventType, Rescind, Update};
use crate::mesos::wire::framework::FrameworkInfo;
use crate::mesos::wire::id::{AgentId, FrameworkId, OfferId, TaskId};
use crate::mesos::wire::offer::Filters;
use crate::mesos::wire::status::{Reason, StatusSource, TaskState, TaskStatus};
use crate::time::{BackoffPolicy, Moment};

/// After which the master calls an agent unreachable: five pings of 15 s.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(75);

/// Never: agents are lost and found by [`Cluster`] itself.
const PING: Duration = Duration::from_secs(1_000_000);

const CPUS: usize = 8;

pub struct Cluster {
    pub master: Option<Master>,
    pub hosts: Vec<Host>,
    /// Tasks that a master before this one launched: by id, with the number of their host.
    inherited: BTreeMap<TaskId, usize>,
    pub outbox: Vec<Out>,
    masters: u64,
    seed: u64,
    random: fastrand::Rng,
}

/// A machine with an agent and the tasks on it.
pub struct Host {
    /// For life, whatever the master of today calls it.
    pub id: AgentId,
    registered_as: Option<AgentId>,
    agent: Agent,
    processes: BTreeMap<ContainerId, Process>,
    pub link: Link,
    /// Since when the master of today has not heard of it.
    pub unheard_since: Option<Moment>,
    told_unreachable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    Cut {
        since: Moment,
    },
    /// The machine is gone for good.
    Dead,
}

struct Process {
    framework: FrameworkId,
    task: TaskId,
    /// From its start on.
    is_alive: bool,
    has_started: bool,
}

/// What is to be carried over the wires, or to happen to a process.
pub enum Out {
    Event { stream: StreamId, event: Box<Event> },
    Close { stream: StreamId },
    ToAgent { host: usize, message: ToAgent },
    FromAgent { host: usize, event: FromAgent },
    Process { host: usize, container: ContainerId, event: ProcessEvent },
}

impl Cluster {
    pub fn new(hosts: usize, seed: u64) -> Self {
        let mut cluster = Self {
            master: None,
            hosts: Vec::new(),
            inherited: BTreeMap::new(),
            outbox: Vec::new(),
            masters: 0,
            seed,
            random: fastrand::Rng::with_seed(seed ^ 0x5eed),
        };
        cluster.start_master(Moment::START);
        for _ in 0..hosts {
            cluster.add_host(Moment::START);
        }
        cluster
    }

    pub fn start_master(&mut self, now: Moment) {
        self.masters += 1;
        let settings = master::Settings {
            ip: [127, 0, 0, 1].into(),
            port: 5050,
            hostname: "master".to_owned(),
            domain: None,
            roles: None,
            timing: Timing { agent_ping: PING, ..Timing::REAL },
            epoch: 0.0,
        };
        self.master = Some(Master::new(settings, Ids::seeded(self.seed.wrapping_add(self.masters)), now));
    }

    /// The master dies. All streams end with it, and what it knew of tasks.
    pub fn stop_master(&mut self, now: Moment) -> Vec<StreamId> {
        let Some(master) = self.master.take() else { return Vec::new() };
        for host in &mut self.hosts {
            host.registered_as = None;
            host.told_unreachable = false;
            host.unheard_since.get_or_insert(now);
        }
        master.frameworks().filter_map(|framework| framework.stream().cloned()).collect()
    }

    pub fn add_host(&mut self, now: Moment) {
        let number = self.hosts.len();
        let id = AgentId::new(format!("host-{number}"));
        let settings = Settings {
            id: id.clone(),
            description: description(number, CPUS),
            work_dir: "/work".into(),
            timing: Timing {
                agent_ping: PING,
                // So that what was lost comes again within the time that runs have to settle.
                update_retry: BackoffPolicy {
                    first: Duration::from_secs(10),
                    most: Duration::from_secs(40),
                    jitter: 0.0,
                },
                ..Timing::REAL
            },
            epoch: 0.0,
        };
        let seed = self.seed.wrapping_mul(31).wrapping_add(number as u64);
        self.hosts.push(Host {
            id,
            registered_as: None,
            agent: Agent::new(settings, Ids::seeded(seed), now),
            processes: BTreeMap::new(),
            link: Link::Up,
            unheard_since: Some(now),
            told_unreachable: false,
        });
        self.register(number, now);
    }

    /// The agent reaches the master of today, which may never have heard of it.
    pub fn register(&mut self, number: usize, now: Moment) {
        let host = &mut self.hosts[number];
        let (Some(master), Link::Up, None) = (&mut self.master, host.link, &host.registered_as) else {
            return;
        };
        let alive: Vec<_> = host.processes.values().filter(|process| process.is_alive).collect();
        let description = description(number, CPUS.saturating_sub(alive.len()));
        self.inherited.extend(host.processes.values().map(|process| (process.task.clone(), number)));
        let removed: BTreeSet<_> =
            master.completed_frameworks().map(|framework| framework.id.clone()).collect();
        for process in alive.iter().filter(|process| removed.contains(&process.framework)) {
            let message = ToAgent::ShutDown { framework: process.framework.clone() };
            self.outbox.push(Out::ToAgent { host: number, message });
        }
        host.registered_as = Some(master.handle_agent_registered(description, now));
        host.unheard_since = None;
    }

    /// Nothing goes to or from the host any more; the master notices at once that the connection is gone.
    pub fn cut(&mut self, number: usize, link: Link, now: Moment) {
        let host = &mut self.hosts[number];
        host.link = link;
        host.unheard_since.get_or_insert(now);
        if link == Link::Dead {
            host.processes.values_mut().for_each(|process| process.is_alive = false);
        }
        let Some(id) = host.registered_as.clone() else { return };
        let Some(master) = &self.master else { return };
        let offers: Vec<_> =
            master.offers().filter(|offer| offer.agent == id).map(|offer| offer.id.clone()).collect();
        for offer in offers {
            self.rescind(&offer, now);
        }
    }

    /// The pings have run out.
    pub fn call_unreachable(&mut self, number: usize) {
        self.hosts[number].told_unreachable = true;
        for (stream, task) in self.tasks_on(number) {
            let state = TaskState::Unreachable;
            self.tell(stream, number, task, state, Reason::AgentRemoved);
        }
    }

    pub fn is_registered(&self, number: usize) -> bool {
        self.hosts[number].registered_as.is_some()
    }

    /// The link is whole again.
    pub fn mend(&mut self, number: usize, now: Moment) {
        let host = &mut self.hosts[number];
        host.link = Link::Up;
        if host.registered_as.is_none() {
            self.register(number, now);
            return;
        }
        host.unheard_since = None;
        let was_told = std::mem::take(&mut host.told_unreachable);
        for (stream, task) in self.tasks_on(number) {
            let host = &self.hosts[number];
            let known = host.processes.values().find(|process| process.task == task);
            match known {
                Some(process) if process.is_alive && was_told => {
                    self.tell(stream, number, task, TaskState::Running, Reason::AgentReregistered);
                }
                Some(_) => {}
                // Its order was lost on the way.
                None => self.drop_task(number, task, now),
            }
        }
    }

    pub fn rescind(&mut self, id: &OfferId, now: Moment) {
        let Some(master) = &self.master else { return };
        let Some(offer) = master.offers().find(|offer| offer.id == *id) else { return };
        let framework = offer.framework.clone();
        let Some(stream) = self.stream_of(&framework) else { return };
        let rescind = Event {
            r#type: Some(EventType::Rescind as i32),
            rescind: Some(Rescind { offer_id: Some(id.clone()) }),
            ..Event::default()
        };
        self.outbox.push(Out::Event { stream: stream.clone(), event: Box::new(rescind) });
        self.take_back(framework, stream, vec![id.clone()], now);
    }

    /// Ends whoever is subscribed.
    pub fn tear_down(&mut self, now: Moment) {
        let Some(master) = &mut self.master else { return };
        let subscribed =
            master.frameworks().find_map(|known| Some((known.id.clone(), known.stream()?.0.clone())));
        if let Some((framework, stream)) = subscribed {
            let order = Box::new(Order::Teardown);
            master.handle_call(
                WireCall::Order { framework, order, stream: Some(stream), principal: None },
                now,
            );
        }
    }

    pub fn offers(&self) -> Vec<OfferId> {
        self.master.iter().flat_map(Master::offers).map(|offer| offer.id.clone()).collect()
    }

    pub fn subscribe(
        &mut self,
        info: FrameworkInfo,
        suppressed: Vec<String>,
        now: Moment,
    ) -> Option<StreamId> {
        let call = crate::mesos::call::subscribe(info, suppressed);
        match self.hand_in(&call.encode_to_vec(), None, now)? {
            Answer::Stream(stream) => Some(stream),
            other => panic!("{other:?}"),
        }
    }

    /// A call reaches the master. `None` without a master.
    pub fn call(&mut self, framework: &str, stream: &StreamId, call: Call, now: Moment) -> Option<Answer> {
        let framework = FrameworkId::new(framework);
        let is_current = self.stream_of(&framework).as_ref() == Some(stream);
        match &call {
            Call::Kill { task_id, agent_id, .. } if is_current && self.is_inherited(task_id) => {
                let message = ToAgent::Kill { framework, task: task_id.clone(), grace: None };
                self.order_host(agent_id.as_ref(), message);
                return Some(Answer::Accepted);
            }
            Call::Acknowledge { agent_id, task_id, uuid } if is_current && self.is_inherited(task_id) => {
                let uuid = bytes::Bytes::copy_from_slice(uuid);
                let message = ToAgent::Acknowledge { framework, task: task_id.clone(), uuid };
                self.order_host(Some(agent_id), message);
                return Some(Answer::Accepted);
            }
            Call::Reconcile { tasks } if is_current && tasks.is_empty() => self.tell_inherited(&framework),
            _ => {}
        }
        let bytes = self.in_words_of_today(call).into_wire(framework).encode_to_vec();
        self.hand_in(&bytes, Some(stream), now)
    }

    pub fn close(&mut self, stream: &StreamId, now: Moment) {
        if let Some(master) = &mut self.master {
            master.handle_stream_closed(stream, now);
        }
    }

    pub fn reach_agent(&mut self, number: usize, message: ToAgent, now: Moment) {
        let host = &mut self.hosts[number];
        if host.link == Link::Up {
            host.agent.handle_message(message, now);
        }
    }

    pub fn reach_master(&mut self, number: usize, event: FromAgent, now: Moment) {
        let host = &self.hosts[number];
        if let (Some(master), Link::Up, Some(id)) = (&mut self.master, host.link, &host.registered_as) {
            master.handle_agent_event(&id.clone(), event, now);
        }
    }

    pub fn process(&mut self, number: usize, container: &ContainerId, event: ProcessEvent, now: Moment) {
        let host = &mut self.hosts[number];
        let Some(process) = host.processes.get_mut(container) else { return };
        if host.link == Link::Dead || !process.is_alive {
            return;
        }
        match event {
            ProcessEvent::Started { .. } => process.has_started = true,
            ProcessEvent::FailedToStart { .. } | ProcessEvent::Ended(_) => process.is_alive = false,
        }
        host.agent.handle_process(container, event, now);
    }

    /// One of the living tasks, for a fault to pick.
    pub fn living(&self) -> Vec<(usize, ContainerId)> {
        let living = |(number, host): (usize, &Host)| {
            let alive = host.processes.iter().filter(|(_, process)| process.is_alive && process.has_started);
            alive.map(|(container, _)| (number, container.clone())).collect::<Vec<_>>()
        };
        self.hosts.iter().enumerate().flat_map(living).collect()
    }

    /// The ids of a framework's tasks whose process lives, wherever.
    pub fn alive(&self, framework: &str) -> BTreeSet<String> {
        let processes = self.hosts.iter().flat_map(|host| host.processes.values());
        processes
            .filter(|process| process.is_alive && process.framework.text() == framework)
            .map(|process| process.task.text().to_owned())
            .collect()
    }

    pub fn alive_on(&self, number: usize) -> impl Iterator<Item = &str> {
        let processes = self.hosts[number].processes.values();
        processes.filter(|process| process.is_alive).map(|process| process.task.text())
    }

    /// When master or agents want to be woken.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let agents = self.hosts.iter().filter(|host| host.link == Link::Up);
        let agents = agents.filter_map(|host| host.agent.poll_timeout());
        agents.chain(self.master.iter().filter_map(Master::poll_timeout)).min()
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if let Some(master) = &mut self.master {
            master.handle_timeout(now);
        }
        for host in self.hosts.iter_mut().filter(|host| host.link == Link::Up) {
            if host.agent.poll_timeout().is_some_and(|due| due <= now) {
                host.agent.handle_timeout(now);
            }
        }
    }

    /// Puts all that master and agents have to say into the outbox.
    pub fn collect(&mut self, now: Moment) {
        while let Some(action) = self.master.as_mut().and_then(Master::next_action) {
            match action {
                Action::Send { stream, event } => self.send(stream, *event, now),
                Action::Close { stream } => self.outbox.push(Out::Close { stream }),
                Action::Tell { agent, message } => {
                    if let Some(host) =
                        self.hosts.iter().position(|host| host.registered_as.as_ref() == Some(&agent))
                    {
                        self.outbox.push(Out::ToAgent { host, message });
                    }
                }
            }
        }
        for number in 0..self.hosts.len() {
            self.collect_from(number);
        }
    }

    fn collect_from(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        while let Some(action) = host.agent.next_action() {
            self.outbox.push(match action {
                AgentAction::Report(event) => Out::FromAgent { host: number, event },
                AgentAction::Start(start) => {
                    let variable = |name: &str| {
                        let found = start.environment.iter().find(|(known, _)| known == name);
                        found.map(|(_, value)| value.clone()).expect("set by the agent")
                    };
                    let process = Process {
                        framework: FrameworkId::new(variable("MESOS_FRAMEWORK_ID")),
                        task: TaskId::new(variable("MESOS_EXECUTOR_ID")),
                        is_alive: true,
                        has_started: false,
                    };
                    host.processes.insert(start.container.clone(), process);
                    let event = ProcessEvent::Started { pid: 1 };
                    Out::Process { host: number, container: start.container, event }
                }
                AgentAction::Signal { container, .. } => {
                    let end = End::Signalled { number: 15, dumped_core: false };
                    Out::Process { host: number, container, event: ProcessEvent::Ended(end) }
                }
            });
        }
    }

    /// An event on its way out, in words that outlive the master, and without what it cannot know.
    fn send(&mut self, stream: StreamId, mut event: Event, now: Moment) {
        if let Some(offers) = &mut event.offers {
            let (mut framework, mut withheld) = (None, Vec::new());
            offers.offers.retain_mut(|offer| {
                let host =
                    self.hosts.iter().find(|host| host.registered_as == offer.agent_id).expect("a host");
                offer.agent_id = Some(host.id.clone());
                if host.link != Link::Up {
                    framework = offer.framework_id.clone();
                    withheld.extend(offer.id.clone());
                }
                host.link == Link::Up
            });
            let is_empty = offers.offers.is_empty();
            if let Some(framework) = framework {
                self.take_back(framework, stream.clone(), withheld, now);
            }
            if is_empty {
                return;
            }
        }
        if let Some(status) = event.update.as_mut().and_then(|update| update.status.as_mut()) {
            let named = |host: &&Host| {
                host.registered_as == status.agent_id || Some(&host.id) == status.agent_id.as_ref()
            };
            if let Some(number) = self.hosts.iter().position(|host| named(&host)) {
                status.agent_id = Some(self.hosts[number].id.clone());
                let is_answer = status.reason == Some(Reason::Reconciliation as i32);
                if is_answer && !self.correct(number, status) {
                    return;
                }
            }
        }
        self.outbox.push(Out::Event { stream, event: Box::new(event) });
    }

    /// What the real master would answer about a task of an agent that it has lost or not yet seen. False for
    /// nothing at all.
    fn correct(&mut self, number: usize, status: &mut TaskStatus) -> bool {
        let host = &self.hosts[number];
        let task = status.task_id.clone().unwrap_or_default();
        if host.told_unreachable {
            status.state = Some(TaskState::Unreachable as i32);
        } else if host.registered_as.is_none() {
            status.state = Some(TaskState::Unknown as i32);
            return self.random.bool();
        } else if self.is_inherited(&task) {
            let is_alive = host.processes.values().any(|process| process.task == task && process.is_alive);
            let state = if is_alive { TaskState::Running } else { TaskState::Gone };
            status.state = Some(state as i32);
        }
        true
    }

    fn tell_inherited(&mut self, framework: &FrameworkId) {
        let Some(stream) = self.stream_of(framework) else { return };
        for (task, number) in self.inherited.clone() {
            let mut processes = self.hosts[number].processes.values();
            let is_alive = processes
                .any(|process| process.task == task && process.is_alive && process.framework == *framework);
            if is_alive && self.hosts[number].link == Link::Up {
                self.tell(stream.clone(), number, task, TaskState::Running, Reason::Reconciliation);
            }
        }
    }

    /// What the master knows to be on a host and not ended, each with the stream of its framework.
    fn tasks_on(&self, number: usize) -> Vec<(StreamId, TaskId)> {
        let host = &self.hosts[number];
        let (Some(master), Some(id)) = (&self.master, &host.registered_as) else { return Vec::new() };
        let mut found = Vec::new();
        for framework in master.frameworks() {
            let Some(stream) = framework.stream() else { continue };
            let launched =
                framework.tasks.values().filter(|task| task.agent == *id && !is_terminal(task.latest));
            let inherited = host.processes.values().filter(|process| {
                let may_live = process.is_alive || host.link == Link::Dead;
                process.framework == framework.id && may_live && self.is_inherited(&process.task)
            });
            found.extend(launched.map(|task| (stream.clone(), task.id())));
            found.extend(inherited.map(|process| (stream.clone(), process.task.clone())));
        }
        found
    }

    fn tell(&mut self, stream: StreamId, number: usize, task: TaskId, state: TaskState, reason: Reason) {
        let status = TaskStatus {
            task_id: Some(task),
            agent_id: Some(self.hosts[number].id.clone()),
            state: Some(state as i32),
            reason: Some(reason as i32),
            source: Some(StatusSource::Master as i32),
            ..TaskStatus::default()
        };
        let event = Event {
            r#type: Some(EventType::Update as i32),
            update: Some(Update { status: Some(status) }),
            ..Event::default()
        };
        self.outbox.push(Out::Event { stream, event: Box::new(event) });
    }

    /// Master and agent find out together that a task never arrived.
    fn drop_task(&mut self, number: usize, task: TaskId, now: Moment) {
        let (Some(master), Some(id)) = (&mut self.master, &self.hosts[number].registered_as) else { return };
        let owner = master.frameworks().find(|framework| framework.tasks.contains_key(&task));
        let Some(framework) = owner.map(|framework| framework.id.clone()) else { return };
        let status = TaskStatus {
            task_id: Some(task),
            agent_id: Some(id.clone()),
            state: Some(TaskState::Dropped as i32),
            reason: Some(Reason::Reconciliation as i32),
            ..TaskStatus::default()
        };
        let event = FromAgent::Updated { framework, status: Box::new(status), latest: TaskState::Dropped };
        master.handle_agent_event(&id.clone(), event, now);
    }

    fn take_back(&mut self, framework: FrameworkId, stream: StreamId, offer_ids: Vec<OfferId>, now: Moment) {
        let filters = Some(Filters { refuse_seconds: Some(30.0) });
        let order = Box::new(Order::Decline(Decline { offer_ids, filters }));
        if let Some(master) = &mut self.master {
            master.handle_call(
                WireCall::Order { framework, order, stream: Some(stream.0), principal: None },
                now,
            );
        }
    }

    fn in_words_of_today(&self, mut call: Call) -> Call {
        let today = |id: &AgentId| {
            let host = self.hosts.iter().find(|host| host.id == *id);
            host.and_then(|host| host.registered_as.clone()).unwrap_or_else(|| id.clone())
        };
        match &mut call {
            Call::Accept { launch, .. } => {
                for id in launch.iter_mut().filter_map(|task| task.agent_id.as_mut()) {
                    *id = today(id);
                }
            }
            Call::Kill { agent_id: Some(id), .. } | Call::Acknowledge { agent_id: id, .. } => *id = today(id),
            Call::Reconcile { tasks } => {
                for id in tasks.iter_mut().filter_map(|(_, id)| id.as_mut()) {
                    *id = today(id);
                }
            }
            _ => {}
        }
        call
    }

    fn hand_in(&mut self, bytes: &[u8], stream: Option<&StreamId>, now: Moment) -> Option<Answer> {
        let protobuf = Some("application/x-protobuf".to_owned());
        let head = Head {
            method: "POST".to_owned(),
            content_type: protobuf.clone(),
            accept: protobuf,
            stream: stream.map(|stream| stream.0.clone()),
            authorization: None,
        };
        let (call, _) = request::read(&head, bytes, None).expect("a valid call");
        Some(self.master.as_mut()?.handle_call(call, now))
    }

    fn order_host(&mut self, id: Option<&AgentId>, message: ToAgent) {
        if let Some(host) = self.hosts.iter().position(|host| Some(&host.id) == id) {
            self.outbox.push(Out::ToAgent { host, message });
        }
    }

    fn is_inherited(&self, task: &TaskId) -> bool {
        self.inherited.contains_key(task)
    }

    fn stream_of(&self, framework: &FrameworkId) -> Option<StreamId> {
        let mut frameworks = self.master.iter().flat_map(Master::frameworks);
        frameworks.find(|known| known.id == *framework)?.stream().cloned()
    }
}

fn description(number: usize, cpus: usize) -> AgentDescription {
    AgentDescription {
        hostname: format!("h{number}"),
        // The master takes one at the address of another for its successor.
        ip: format!("127.0.0.{}", number + 1),
        port: 5051,
        attributes: Vec::new(),
        domain: None,
        resources: parse(&format!("cpus:{cpus};mem:4096")).expect("resources"),
    }
}
