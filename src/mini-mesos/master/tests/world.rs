//! A master with two agents and what it says, as short lines.

use std::time::Duration;

use bytes::Bytes;

use crate::ids::Ids;
use crate::master::{Action, AgentDescription, Answer, Master, Settings, StreamId};
use crate::message::{FromAgent, ToAgent};
use crate::order::{Call, Order};
use crate::resources::parse;
use crate::timing::Timing;
use base::time::Moment;
use mesos::wire::call::{Accept, Acknowledge, Decline, Subscribe};
use mesos::wire::command::CommandInfo;
use mesos::wire::event::{Event, UpdateOperationStatus};
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use mesos::wire::id::{AgentId, FrameworkId, OfferId, TaskId};
use mesos::wire::offer::{Filters, Offer};
use mesos::wire::operation::{Launch, Operation, OperationType};
use mesos::wire::status::{OperationState, Reason, TaskState, TaskStatus};
use mesos::wire::task::TaskInfo;

pub struct World {
    pub master: Master,
    pub now: Moment,
    uuids: u128,
}

impl World {
    /// Agents `S0` and `S1`, each with these resources.
    pub fn new(resources: &str) -> Self {
        Self::seeded(resources, 1)
    }

    pub fn seeded(resources: &str, seed: u64) -> Self {
        let settings = Settings {
            ip: [127, 0, 0, 1].into(),
            port: 5050,
            hostname: "localhost".to_owned(),
            domain: None,
            roles: None,
            // Nobody answers pings here unless a test does.
            timing: Timing { agent_ping: Duration::MAX, ..Timing::REAL },
            epoch: 0.0,
        };
        let mut master = Master::new(settings, Ids::seeded(seed), Moment::START);
        for port in [5051, 5052] {
            let description = AgentDescription {
                hostname: "localhost".to_owned(),
                ip: "127.0.0.1".to_owned(),
                port,
                number: 1,
                attributes: Vec::new(),
                domain: None,
                resources: parse(resources).expect("resources"),
            };
            master.handle_agent_registered(description, Moment::START);
        }
        Self { master, now: Moment::START, uuids: 0 }
    }

    pub fn subscribe(&mut self, info: FrameworkInfo) -> StreamId {
        self.subscribe_suppressed(info, &[])
    }

    pub fn subscribe_suppressed(&mut self, info: FrameworkInfo, suppressed: &[&str]) -> StreamId {
        let subscribe = Subscribe {
            framework_info: Some(info),
            suppressed_roles: suppressed.iter().map(|&role| role.to_owned()).collect(),
            offer_constraints: None,
        };
        match self
            .master
            .handle_call(Call::Subscribe { subscribe: Box::new(subscribe), principal: None }, self.now)
        {
            Answer::Stream(stream) => stream,
            other => panic!("{other:?}"),
        }
    }

    /// A call of the framework with this number, on its current stream.
    pub fn call(&mut self, framework: usize, order: Order) -> Answer {
        let id = self.framework_id(framework);
        let known = self.master.frameworks().find(|known| known.id == id);
        let stream = known.and_then(|known| known.stream()).map(|stream| stream.0.clone());
        let call = Call::Order { framework: id, order: Box::new(order), stream, principal: None };
        self.master.handle_call(call, self.now)
    }

    pub fn decline(&mut self, framework: usize, offer: &str, seconds: f64) {
        let filters = Some(Filters { refuse_seconds: Some(seconds) });
        let decline = Decline { offer_ids: vec![self.offer_id(offer)], filters };
        assert_eq!(self.call(framework, Order::Decline(decline)), Answer::Accepted);
    }

    /// Launches tasks on offers; the rest of them is not filtered.
    pub fn launch(&mut self, framework: usize, offers: &[&str], tasks: Vec<TaskInfo>) {
        let operation = Operation {
            r#type: Some(OperationType::Launch as i32),
            launch: Some(Launch { task_infos: tasks }),
            ..Operation::default()
        };
        let accept = Accept {
            offer_ids: offers.iter().map(|offer| self.offer_id(offer)).collect(),
            operations: vec![operation],
            filters: Some(Filters { refuse_seconds: Some(0.0) }),
        };
        assert_eq!(self.call(framework, Order::Accept(accept)), Answer::Accepted);
    }

    /// Carries out operations on one offer of the first framework.
    pub fn operate(&mut self, offer: &str, operations: Vec<Operation>) {
        let accept = Accept { offer_ids: vec![self.offer_id(offer)], operations, filters: None };
        assert_eq!(self.call(0, Order::Accept(accept)), Answer::Accepted);
    }

    /// What the agent of a task reports.
    pub fn report(&mut self, framework: usize, task: &str, state: TaskState) -> Bytes {
        let framework = self.framework_id(framework);
        let task = TaskId::new(task);
        let known = self.master.frameworks().find(|known| known.id == framework).expect("a framework");
        let agent = known.tasks.get(&task).expect("a task").agent.clone();
        self.uuids += 1;
        let uuid = Bytes::copy_from_slice(&self.uuids.to_be_bytes());
        let status = TaskStatus {
            task_id: Some(task),
            agent_id: Some(agent.clone()),
            state: Some(state as i32),
            uuid: Some(uuid.clone()),
            ..TaskStatus::default()
        };
        let event = FromAgent::Updated { framework, status: Box::new(status), latest: state };
        self.master.handle_agent_event(&agent, event, self.now);
        uuid
    }

    pub fn acknowledge(&mut self, framework: usize, agent: &str, task: &str, uuid: Bytes) {
        let acknowledge = Acknowledge {
            agent_id: Some(self.agent_id(agent)),
            task_id: Some(TaskId::new(task)),
            uuid: Some(uuid),
        };
        assert_eq!(self.call(framework, Order::Acknowledge(acknowledge)), Answer::Accepted);
    }

    /// Lets time pass, with every timer at its moment.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(at) = self.master.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.master.handle_timeout(at);
        }
        self.now = end;
    }

    /// All that the master has to say, without heartbeats, ids shortened.
    pub fn said(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.master.next_action() {
            let line = match action {
                Action::Send { event, .. } => self.describe(&event),
                Action::Close { .. } => Some("close".to_owned()),
                Action::Tell { agent, message } => Some(self.told(&agent, &message)),
            };
            lines.extend(line);
        }
        lines
    }

    pub fn quietly(&mut self) {
        self.said();
    }

    pub fn task(&self, name: &str, agent: &str, resources: &str) -> TaskInfo {
        let resources = parse(resources).expect("resources");
        TaskInfo {
            name: Some(name.to_owned()),
            task_id: Some(TaskId::new(name)),
            agent_id: Some(self.agent_id(agent)),
            resources: resources.to_wire(crate::resources::Format::Refined),
            command: Some(CommandInfo { value: Some("true".to_owned()), ..CommandInfo::default() }),
            ..TaskInfo::default()
        }
    }

    pub fn framework_id(&self, number: usize) -> FrameworkId {
        FrameworkId::new(format!("{}-{number:04}", self.master.id()))
    }

    pub fn agent_id(&self, agent: &str) -> AgentId {
        AgentId::new(format!("{}-{agent}", self.master.id()))
    }

    fn offer_id(&self, offer: &str) -> OfferId {
        OfferId::new(format!("{}-{offer}", self.master.id()))
    }

    fn short(&self, id: &str) -> String {
        id.replace(&format!("{}-", self.master.id()), "")
    }

    fn describe(&self, event: &Event) -> Option<String> {
        if let Some(subscribed) = &event.subscribed {
            let id = subscribed.framework_id.as_ref().map(FrameworkId::text).unwrap_or_default();
            return Some(format!("subscribed {}", self.short(id)));
        }
        if let Some(offers) = &event.offers {
            let offers: Vec<Offer> = mesos::wire::decoded(&offers.offers).expect("well-formed");
            let mut lines: Vec<_> = offers
                .iter()
                .map(|offer| {
                    let resources: Vec<_> = mesos::wire::decoded(&offer.resources).expect("well-formed");
                    let resources = crate::resources::Resources::from_wire(&resources);
                    let resources = resources.expect("well-formed").unallocated().to_string();
                    let agent = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
                    let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref());
                    let id = offer.id.as_ref().map(OfferId::text).unwrap_or_default();
                    let (id, agent) = (self.short(id), self.short(agent));
                    (agent.clone(), format!("{id} {agent} {}: {resources}", role.unwrap_or("-")))
                })
                .collect();
            lines.sort();
            let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
            return Some(format!("offers {}", lines.join(" | ")));
        }
        if let Some(rescind) = &event.rescind {
            let id = rescind.offer_id.as_ref().map(OfferId::text).unwrap_or_default();
            return Some(format!("rescind {}", self.short(id)));
        }
        if let Some(error) = &event.error {
            return Some(format!("error {}", error.message.as_deref().unwrap_or_default()));
        }
        if let Some(UpdateOperationStatus { status: Some(status) }) = &event.update_operation_status {
            let state = status.state.and_then(|n| OperationState::try_from(n).ok()).map(OperationState::name);
            let message = status.message.as_deref().unwrap_or_default();
            return Some(format!("operation {} {message}", state.unwrap_or_default()).trim_end().to_owned());
        }
        if let Some(failure) = &event.failure {
            let agent = failure.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
            return Some(format!("failure {}", self.short(agent)));
        }
        let status = event.update.as_ref()?.status.as_ref()?;
        let task = status.task_id.as_ref().map(TaskId::text).unwrap_or_default();
        let state = status.state.and_then(|n| TaskState::try_from(n).ok()).map(TaskState::name);
        let reason = status.reason.and_then(|n| Reason::try_from(n).ok()).map_or("", Reason::name);
        let message = self.short(status.message.as_deref().unwrap_or_default());
        let line = format!("update {task} {} {reason} {message}", state.unwrap_or_default());
        Some(line.trim_end().to_owned())
    }

    fn told(&self, agent: &AgentId, message: &ToAgent) -> String {
        let agent = self.short(agent.text());
        match message {
            ToAgent::Run(run) => {
                let task = run.task.task_id.as_ref().map(TaskId::text).unwrap_or_default();
                format!("{agent}: run {task} for {}", run.role)
            }
            ToAgent::Kill { task, grace, .. } => format!("{agent}: kill {} {grace:?}", task.text()),
            ToAgent::Acknowledge { task, .. } => format!("{agent}: acknowledge {}", task.text()),
            ToAgent::ShutDown { framework } => format!("{agent}: shut down {}", self.short(framework.text())),
            ToAgent::Ping { is_connected } => format!("{agent}: ping {is_connected}"),
            ToAgent::Registered { missing } => format!("{agent}: registered, {} missing", missing.len()),
            ToAgent::Resources(resources) => format!("{agent}: resources {resources}"),
            ToAgent::Drain(_) => format!("{agent}: drain"),
            ToAgent::Reactivate => format!("{agent}: reactivate"),
            ToAgent::Dismiss => format!("{agent}: dismiss"),
        }
    }
}

pub const MODERN: [CapabilityType; 3] =
    [CapabilityType::MultiRole, CapabilityType::ReservationRefinement, CapabilityType::PartitionAware];

pub fn info(roles: &[&str], capabilities: &[CapabilityType]) -> FrameworkInfo {
    let capability = |kind: &CapabilityType| Capability { r#type: Some(*kind as i32) };
    FrameworkInfo {
        user: Some("root".to_owned()),
        name: Some("test".to_owned()),
        failover_timeout: Some(10.0),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        capabilities: capabilities.iter().map(capability).collect(),
        ..FrameworkInfo::default()
    }
}

pub fn modern(roles: &[&str]) -> FrameworkInfo {
    info(roles, &MODERN)
}
