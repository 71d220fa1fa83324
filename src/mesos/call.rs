//! What we tell the master, typed, and its form on the wire.

use std::time::Duration;

use bytes::Bytes;

use super::wire;
use super::wire::call::CallType;
use super::wire::command::KillPolicy;
use super::wire::framework::FrameworkInfo;
use super::wire::id::{AgentId, FrameworkId, OfferId, TaskId};
use super::wire::offer::Filters;
use super::wire::operation::{Launch, Operation, OperationType};
use super::wire::task::TaskInfo;
use super::wire::time::DurationInfo;

/// Any call but SUBSCRIBE, which the client makes by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Launches tasks on offers of one agent and role, and declines what they leave for `refuse`.
    Accept { offer_ids: Vec<OfferId>, launch: Vec<TaskInfo>, refuse: Duration },
    /// Gives offers back and asks not to see the same resources for `refuse`.
    Decline { offer_ids: Vec<OfferId>, refuse: Duration },
    /// Agrees to be away from agents when their maintenance begins, and asks not to be asked again for `refuse`.
    AcceptInverseOffers { offer_ids: Vec<OfferId>, refuse: Duration },
    /// Asks for offers again; without roles, for all of ours.
    Revive { roles: Vec<String> },
    /// Asks for no further offers; without roles, for all of ours.
    Suppress { roles: Vec<String> },
    /// `grace` is what the task has from SIGTERM to SIGKILL; `None` leaves it to what was said at launch.
    Kill { task_id: TaskId, agent_id: Option<AgentId>, grace: Option<Duration> },
    /// For an update with a uuid only: the others have no sender that waits.
    Acknowledge { agent_id: AgentId, task_id: TaskId, uuid: [u8; 16] },
    /// Asks for the state of these tasks; without tasks, of all that the master knows.
    Reconcile { tasks: Vec<(TaskId, Option<AgentId>)> },
    /// Ends the framework and all its tasks; its id cannot be used again.
    Teardown,
}

impl Call {
    /// Mesos' name for the call, as `ACCEPT`.
    pub fn name(&self) -> &'static str {
        self.r#type().name()
    }

    pub fn into_wire(self, framework_id: FrameworkId) -> wire::call::Call {
        let call = wire::call::Call {
            framework_id: Some(framework_id),
            r#type: Some(self.r#type() as i32),
            ..wire::call::Call::default()
        };
        match self {
            Self::Accept { offer_ids, launch, refuse } => {
                let operations = launch.into_iter().map(launch_operation).collect();
                let accept = wire::call::Accept { offer_ids, operations, filters: Some(filters(refuse)) };
                wire::call::Call { accept: Some(accept), ..call }
            }
            Self::Decline { offer_ids, refuse } => {
                let decline = wire::call::Decline { offer_ids, filters: Some(filters(refuse)) };
                wire::call::Call { decline: Some(decline), ..call }
            }
            Self::AcceptInverseOffers { offer_ids, refuse } => {
                let filters = Some(filters(refuse));
                let accept = wire::call::AcceptInverseOffers { inverse_offer_ids: offer_ids, filters };
                wire::call::Call { accept_inverse_offers: Some(accept), ..call }
            }
            Self::Revive { roles } => wire::call::Call { revive: Some(wire::call::Revive { roles }), ..call },
            Self::Suppress { roles } => {
                wire::call::Call { suppress: Some(wire::call::Suppress { roles }), ..call }
            }
            Self::Kill { task_id, agent_id, grace } => {
                let kill_policy = grace.map(|grace| KillPolicy { grace_period: Some(duration(grace)) });
                let kill = wire::call::Kill { task_id: Some(task_id), agent_id, kill_policy };
                wire::call::Call { kill: Some(kill), ..call }
            }
            Self::Acknowledge { agent_id, task_id, uuid } => {
                let uuid = Some(Bytes::copy_from_slice(&uuid));
                let acknowledge =
                    wire::call::Acknowledge { agent_id: Some(agent_id), task_id: Some(task_id), uuid };
                wire::call::Call { acknowledge: Some(acknowledge), ..call }
            }
            Self::Reconcile { tasks } => {
                let tasks = tasks.into_iter().map(|(task_id, agent_id)| wire::call::ReconcileTask {
                    task_id: Some(task_id),
                    agent_id,
                });
                let reconcile = wire::call::Reconcile { tasks: tasks.collect() };
                wire::call::Call { reconcile: Some(reconcile), ..call }
            }
            Self::Teardown => call,
        }
    }

    fn r#type(&self) -> CallType {
        match self {
            Self::Accept { .. } => CallType::Accept,
            Self::Decline { .. } => CallType::Decline,
            Self::AcceptInverseOffers { .. } => CallType::AcceptInverseOffers,
            Self::Revive { .. } => CallType::Revive,
            Self::Suppress { .. } => CallType::Suppress,
            Self::Kill { .. } => CallType::Kill,
            Self::Acknowledge { .. } => CallType::Acknowledge,
            Self::Reconcile { .. } => CallType::Reconcile,
            Self::Teardown => CallType::Teardown,
        }
    }
}

/// The call that opens the stream of events. A framework with an id takes its tasks over.
pub fn subscribe(framework: FrameworkInfo, suppressed_roles: Vec<String>) -> wire::call::Call {
    wire::call::Call {
        framework_id: framework.id.clone(),
        r#type: Some(CallType::Subscribe as i32),
        subscribe: Some(wire::call::Subscribe {
            framework_info: Some(framework),
            suppressed_roles,
            offer_constraints: None,
        }),
        ..wire::call::Call::default()
    }
}

/// An operation for each task: one that is malformed fails all tasks of its operation.
fn launch_operation(task: TaskInfo) -> Operation {
    Operation {
        r#type: Some(OperationType::Launch as i32),
        launch: Some(Launch { task_infos: vec![task] }),
        ..Operation::default()
    }
}

fn filters(refuse: Duration) -> Filters {
    Filters { refuse_seconds: Some(refuse.as_secs_f64()) }
}

fn duration(span: Duration) -> DurationInfo {
    DurationInfo { nanoseconds: Some(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)) }
}
