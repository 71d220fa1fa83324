//! The embedded Mesos' own models of master and agents, the machines under them, and the wires between. Nothing here
//! knows what a master or an agent would do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;

use super::jobmanager::JobManager;
use base::time::{BackoffPolicy, Moment};
use mesos::call::Call;
use mesos::wire::event::Event;
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::{AgentId, FrameworkId, OfferId};
use mini_mesos::agent::{
    Action as AgentAction, Agent, ContainerId, Containment, End, KillSignal, ProcessEvent, Settings, Start,
};
use mini_mesos::ids::Ids;
use mini_mesos::master::{self, Action, AgentDescription, Answer, Master, OperatorCall, Registry, StreamId};
use mini_mesos::message::{FromAgent, ToAgent};
use mini_mesos::request::{self, Head};
use mini_mesos::resources::parse;
use mini_mesos::timing::Timing;

/// An agent that was not heard of for so long may be given up.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(75);

/// From the start of a TaskManager's process until it has found the JobManager.
const REGISTERING: Duration = Duration::from_secs(5);

/// The real times, but for those that only cost steps.
const TIMING: Timing = Timing {
    heartbeat: Duration::from_secs(1_000_000),
    // As long as five pings of 15 s.
    agent_ping: Duration::from_millis(37_500),
    agent_pings_missed_most: 2,
    // So that what was lost comes again within the time that runs have to settle.
    update_retry: BackoffPolicy {
        first: Duration::from_secs(10),
        most: Duration::from_secs(40),
        jitter: 0.0,
    },
    // Without one an offer whose answer got lost would be gone for good.
    offer_timeout: Some(Duration::from_secs(60)),
    ..Timing::REAL
};

const CPUS: usize = 8;

pub struct Cluster {
    master: Master,
    /// Between the end of a master and the next one nobody hears anything.
    leads: bool,
    pub hosts: Vec<Host>,
    pub outbox: Vec<Out>,
    pub jobmanager: JobManager,
    ids: Ids,
}

/// A machine with an agent and the tasks on it.
pub struct Host {
    agent: Agent,
    processes: BTreeMap<ContainerId, Process>,
    pub link: Link,
    /// TaskManagers on it do not reach the JobManager.
    is_jobmanager_lost: bool,
    /// Which connection to a master this is: what was on its way on an earlier one is lost.
    connection: u32,
    /// Since when the master has not heard of it.
    pub unheard_since: Option<Moment>,
    /// An operator says that it is gone, whatever is true.
    pub is_written_off: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    Cut,
    /// The machine is gone for good.
    Dead,
}

struct Process {
    framework: FrameworkId,
    task: String,
    has_started: bool,
    /// From its start on.
    is_alive: bool,
    /// It lives and does nothing, as after SIGSTOP.
    is_frozen: bool,
    /// When it has found the JobManager.
    registers_at: Option<Moment>,
}

/// What is to be carried over the wires, or to happen to a process.
pub enum Out {
    Event { stream: StreamId, event: Box<Event> },
    Close { stream: StreamId },
    ToAgent { host: usize, connection: u32, message: ToAgent },
    FromAgent { host: usize, connection: u32, event: FromAgent },
    Start { host: usize, container: ContainerId },
    Signal { host: usize, container: ContainerId, signal: KillSignal },
}

impl Cluster {
    pub fn new(hosts: usize, seed: u64) -> Self {
        let mut ids = Ids::seeded(seed ^ 0x5eed);
        let settings = master::Settings {
            ip: [127, 0, 0, 1].into(),
            port: 5050,
            hostname: "master".to_owned(),
            domain: None,
            roles: None,
            timing: TIMING,
            epoch: 0.0,
        };
        let master = Master::new(settings, ids.fork(), Moment::START);
        let mut cluster = Self {
            master,
            leads: true,
            hosts: Vec::new(),
            outbox: Vec::new(),
            jobmanager: JobManager::default(),
            ids,
        };
        for _ in 0..hosts {
            cluster.add_host(Moment::START);
        }
        cluster
    }

    /// The leading master, if there is one.
    pub fn master(&self) -> Option<&Master> {
        self.leads.then_some(&self.master)
    }

    fn master_mut(&mut self) -> Option<&mut Master> {
        self.leads.then_some(&mut self.master)
    }

    /// The master dies. All streams end with it.
    pub fn stop_master(&mut self) -> Vec<StreamId> {
        self.leads = false;
        for host in &mut self.hosts {
            host.connection += 1;
        }
        self.master.frameworks().filter_map(|framework| framework.stream().cloned()).collect()
    }

    /// Another takes over. No agent has found it yet.
    pub fn start_master(&mut self, registry: Registry, now: Moment) {
        self.master = self.master.successor(registry, self.ids.fork(), now);
        self.leads = true;
        for host in self.hosts.iter_mut().filter(|host| host.link == Link::Up) {
            host.link = Link::Cut;
        }
    }

    /// False when there is no master that could take it.
    pub fn add_host(&mut self, now: Moment) -> bool {
        let description = description(self.hosts.len());
        let Some(agent) = self.register_new(description, now) else { return false };
        self.hosts.push(Host {
            agent,
            processes: BTreeMap::new(),
            link: Link::Up,
            is_jobmanager_lost: false,
            connection: 0,
            unheard_since: None,
            is_written_off: false,
        });
        true
    }

    /// The agent loses all that it knew, its tasks among it, and comes as a new one.
    pub fn replace_agent(&mut self, number: usize, now: Moment) {
        let description = description(number);
        if self.hosts[number].link == Link::Up
            && let Some(agent) = self.register_new(description, now)
        {
            let host = &mut self.hosts[number];
            host.connection += 1;
            host.agent = agent;
            host.is_written_off = false;
            host.end_all();
        }
    }

    fn register_new(&mut self, description: AgentDescription, now: Moment) -> Option<Agent> {
        let id = self.master_mut()?.handle_agent_registered(description.clone(), now);
        let settings = Settings {
            id,
            description,
            work_dir: "/work".into(),
            timing: TIMING,
            epoch: 0.0,
            containment: Containment::default(),
        };
        Some(Agent::new(settings, self.ids.fork(), now))
    }

    /// Nothing goes to or from the host any more.
    pub fn cut(&mut self, number: usize, is_jobmanager_lost: bool) {
        let host = &mut self.hosts[number];
        host.link = Link::Cut;
        host.is_jobmanager_lost = is_jobmanager_lost;
        host.connection += 1;
    }

    /// The machine and all on it are gone.
    pub fn end_host(&mut self, number: usize) {
        self.cut(number, true);
        self.hosts[number].link = Link::Dead;
        self.hosts[number].end_all();
    }

    /// The master notices that the connection is broken.
    pub fn notice(&mut self, number: usize, now: Moment) {
        let id = self.agent_id(number);
        if let Some(master) = self.master_mut() {
            master.handle_agent_disconnected(&id, now);
        }
    }

    pub fn mend(&mut self, number: usize, now: Moment) {
        let host = &mut self.hosts[number];
        if host.link == Link::Dead {
            return;
        }
        host.link = Link::Up;
        host.is_jobmanager_lost = false;
        host.connection += 1;
        host.agent.handle_connected(now);
    }

    /// The agent leaves in good order.
    pub fn unregister(&mut self, number: usize, now: Moment) {
        self.hosts[number].agent.handle_unregister(now);
    }

    pub fn operate(&mut self, call: OperatorCall, now: Moment) {
        if let Some(master) = self.master_mut() {
            master.handle_operator_call(call, now);
        }
    }

    /// Takes all offers back; most of them race an ACCEPT.
    pub fn rescind(&mut self) {
        if let Some(master) = self.master_mut() {
            master.rescind(None);
        }
    }

    /// Whoever is subscribed.
    pub fn subscribed(&self) -> Option<FrameworkId> {
        self.master()?.frameworks().find(|known| known.stream().is_some()).map(|known| known.id.clone())
    }

    pub fn offers(&self) -> Vec<OfferId> {
        self.master().into_iter().flat_map(Master::offers).map(|offer| offer.id.clone()).collect()
    }

    pub fn agent_id(&self, number: usize) -> AgentId {
        self.hosts[number].agent.settings().id.clone()
    }

    pub fn subscribe(
        &mut self,
        info: FrameworkInfo,
        suppressed: Vec<String>,
        now: Moment,
    ) -> Option<StreamId> {
        let call = mesos::call::subscribe(info, suppressed);
        match self.hand_in(&call.encode_to_vec(), None, now)? {
            Answer::Stream(stream) => Some(stream),
            other => panic!("{other:?}"),
        }
    }

    /// A call reaches the master. `None` without a master.
    pub fn call(&mut self, framework: &str, stream: &StreamId, call: Call, now: Moment) -> Option<Answer> {
        let bytes = call.into_wire(FrameworkId::new(framework)).encode_to_vec();
        self.hand_in(&bytes, Some(stream), now)
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
        Some(self.master_mut()?.handle_call(call, now))
    }

    pub fn close(&mut self, stream: &StreamId, now: Moment) {
        if let Some(master) = self.master_mut() {
            master.handle_stream_closed(stream, now);
        }
    }

    pub fn reach_agent(&mut self, number: usize, connection: u32, message: ToAgent, now: Moment) {
        let host = &mut self.hosts[number];
        if host.link == Link::Up && host.connection == connection {
            host.agent.handle_message(message, now);
        }
    }

    pub fn reach_master(&mut self, number: usize, connection: u32, event: FromAgent, now: Moment) {
        let host = &self.hosts[number];
        let (is_connected, id) =
            (host.link == Link::Up && host.connection == connection, self.agent_id(number));
        if let Some(master) = self.master_mut().filter(|_| is_connected) {
            master.handle_agent_event(&id, event, now);
        }
    }

    pub fn process(&mut self, number: usize, container: &ContainerId, event: ProcessEvent, now: Moment) {
        let host = &mut self.hosts[number];
        let Some(process) = host.processes.get_mut(container).filter(|process| process.is_alive) else {
            return;
        };
        match event {
            ProcessEvent::Started { .. } => {
                process.has_started = true;
                process.registers_at = Some(now + REGISTERING);
            }
            ProcessEvent::FailedToStart { .. } | ProcessEvent::Ended(_) => process.is_alive = false,
        }
        host.agent.handle_process(container, event, now);
    }

    /// Those that have started, for a fault to pick.
    pub fn running(&self) -> Vec<(usize, ContainerId)> {
        let running = |(number, host): (usize, &Host)| {
            let running =
                host.processes.iter().filter(|(_, process)| process.is_alive && process.has_started);
            running.map(|(container, _)| (number, container.clone())).collect::<Vec<_>>()
        };
        self.hosts.iter().enumerate().flat_map(running).collect()
    }

    /// How many processes were ever started.
    pub fn started(&self) -> usize {
        self.hosts.iter().map(|host| host.processes.len()).sum()
    }

    /// The ids of a framework's tasks whose process lives, wherever.
    pub fn alive(&self, framework: &str) -> BTreeSet<String> {
        let processes = self.hosts.iter().flat_map(|host| host.processes.values());
        processes
            .filter(|process| process.is_alive && process.framework.text() == framework)
            .map(|process| process.task.clone())
            .collect()
    }

    pub fn alive_on(&self, number: usize) -> impl Iterator<Item = &str> {
        let processes = self.hosts[number].processes.values();
        processes.filter(|process| process.is_alive).map(|process| process.task.as_str())
    }

    /// The TaskManagers that reach the JobManager, of whatever framework.
    fn reaching(&self, now: Moment) -> BTreeSet<String> {
        let reaches = |process: &&Process| {
            process.is_alive && !process.is_frozen && process.registers_at.is_some_and(|at| at <= now)
        };
        let hosts = self.hosts.iter().filter(|host| !host.is_jobmanager_lost);
        let processes = hosts.flat_map(|host| host.processes.values().filter(reaches));
        processes.map(|process| process.task.clone()).collect()
    }

    /// A process stops for a while or for good, or goes on.
    pub fn freeze(&mut self, number: usize, container: &ContainerId, is_frozen: bool) {
        if let Some(process) = self.hosts[number].processes.get_mut(container) {
            process.is_frozen = is_frozen;
        }
    }

    pub fn is_frozen(&self, number: usize, container: &ContainerId) -> bool {
        self.hosts[number].processes.get(container).is_some_and(|process| process.is_frozen)
    }

    /// The ids of a framework's tasks whose process lives and does nothing.
    pub fn frozen(&self, framework: &str) -> BTreeSet<String> {
        let processes = self.hosts.iter().flat_map(|host| host.processes.values());
        let is_frozen = |process: &&Process| process.is_alive && process.is_frozen;
        let own = processes.filter(is_frozen).filter(|process| process.framework.text() == framework);
        own.map(|process| process.task.clone()).collect()
    }

    /// Whose task it is.
    pub fn framework_of(&self, task: &str) -> Option<&str> {
        let processes = self.hosts.iter().flat_map(|host| host.processes.values());
        processes.filter(|process| process.task == task).map(|process| process.framework.text()).next_back()
    }

    /// Takes note of whom master and JobManager do not hear.
    pub fn listen(&mut self, now: Moment) {
        let reaching = self.reaching(now);
        self.jobmanager.listen(&reaching, now);
        for number in 0..self.hosts.len() {
            let id = self.agent_id(number);
            let is_connected =
                |agent: &master::Agent| agent.id == id && agent.link == master::Link::Connected;
            let is_known = self.master().is_some_and(|master| master.agents().any(is_connected));
            let host = &mut self.hosts[number];
            let is_heard = is_known && host.link == Link::Up;
            host.unheard_since = (!is_heard).then(|| host.unheard_since.unwrap_or(now));
        }
    }

    /// When master or agents want to be woken.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let agents = self.hosts.iter().filter(|host| host.link != Link::Dead);
        let agents = agents.filter_map(|host| host.agent.poll_timeout());
        agents.chain(self.master().and_then(Master::poll_timeout)).min()
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if let Some(master) = self.master_mut() {
            master.handle_timeout(now);
        }
        for host in self.hosts.iter_mut().filter(|host| host.link != Link::Dead) {
            if host.agent.poll_timeout().is_some_and(|due| due <= now) {
                host.agent.handle_timeout(now);
            }
        }
    }

    /// Puts all that master and agents have to say into the outbox.
    pub fn collect(&mut self) {
        while let Some(action) = self.master_mut().and_then(Master::next_action) {
            match action {
                Action::Send { stream, event } => self.outbox.push(Out::Event { stream, event }),
                Action::Close { stream } => self.outbox.push(Out::Close { stream }),
                Action::Tell { agent, message } => {
                    let known = self.hosts.iter().position(|host| host.agent.settings().id == agent);
                    if let Some(host) = known {
                        let connection = self.hosts[host].connection;
                        self.outbox.push(Out::ToAgent { host, connection, message });
                    }
                }
            }
        }
        for (number, host) in self.hosts.iter_mut().enumerate() {
            while let Some(action) = host.agent.next_action() {
                if let AgentAction::MakeSandbox { container, .. } = &action {
                    host.agent.handle_sandbox(container, Ok(()), Moment::START);
                    continue;
                }
                self.outbox.push(host.carry_out(number, action));
            }
        }
    }
}

impl Host {
    fn carry_out(&mut self, number: usize, action: AgentAction) -> Out {
        match action {
            AgentAction::Report(event) => Out::FromAgent { host: number, connection: self.connection, event },
            AgentAction::Signal { container, signal } => Out::Signal { host: number, container, signal },
            AgentAction::MakeSandbox { .. } => unreachable!("answered at once"),
            AgentAction::Start(start) => {
                let process = Process {
                    framework: FrameworkId::new(variable(&start, "MESOS_FRAMEWORK_ID")),
                    task: variable(&start, "MESOS_EXECUTOR_ID").to_owned(),
                    has_started: false,
                    is_alive: true,
                    is_frozen: false,
                    registers_at: None,
                };
                self.processes.insert(start.container.clone(), process);
                Out::Start { host: number, container: start.container }
            }
            AgentAction::Look { .. } | AgentAction::LookAway(_) => {
                unreachable!("the AppMaster asks for no checks")
            }
        }
    }

    fn end_all(&mut self) {
        self.processes.values_mut().for_each(|process| process.is_alive = false);
    }
}

/// How a process ends that was told to.
pub fn end_of(signal: KillSignal) -> ProcessEvent {
    let number = match signal {
        KillSignal::Terminate => 15,
        KillSignal::Kill => 9,
    };
    ProcessEvent::Ended(End::Signalled { number, dumped_core: false })
}

fn variable<'a>(start: &'a Start, name: &str) -> &'a str {
    let found = start.environment.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).expect("set by the agent")
}

fn description(number: usize) -> AgentDescription {
    AgentDescription {
        hostname: format!("h{number}"),
        // The master takes one at the address of another for its successor.
        ip: format!("127.0.0.{}", number + 1),
        port: 5051,
        number: 1,
        attributes: Vec::new(),
        domain: None,
        resources: parse(&format!("cpus:{CPUS};mem:4096")).expect("resources"),
    }
}
