//! What a well-formed call asks for. One with a stream is handled apart from all others.

use mesos::wire::call::{
    Accept, Acknowledge, Decline, Kill, ReconcileOperation, ReconcileTask, Shutdown, Subscribe,
    UpdateFramework,
};
use mesos::wire::id::{FrameworkId, OfferId};
use mesos::wire::offer::Filters;

#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Subscribe {
        subscribe: Box<Subscribe>,
        principal: Option<String>,
    },
    Order {
        framework: FrameworkId,
        order: Box<Order>,
        /// The `Mesos-Stream-Id` header.
        stream: Option<String>,
        /// Who the caller has proved to be; nobody without authentication.
        principal: Option<String>,
    },
}

impl Call {
    /// Its name in the protocol; those without effect share one.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::Order { order, .. } => order.name(),
        }
    }
}

impl Order {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Teardown => "TEARDOWN",
            Self::Accept(_) => "ACCEPT",
            Self::Decline(_) => "DECLINE",
            Self::Revive(_) => "REVIVE",
            Self::Suppress(_) => "SUPPRESS",
            Self::Kill(_) => "KILL",
            Self::ShutDownExecutor(_) => "SHUTDOWN",
            Self::Acknowledge(_) => "ACKNOWLEDGE",
            Self::Reconcile(_) => "RECONCILE",
            Self::UpdateFramework(_) => "UPDATE_FRAMEWORK",
            Self::AnswerInverseOffers(_) => "ACCEPT_INVERSE_OFFERS",
            Self::ReconcileOperations(_) => "RECONCILE_OPERATIONS",
            Self::Ineffective | Self::Unknown => "UNKNOWN",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct InverseAnswer {
    pub is_accepted: bool,
    pub offers: Vec<OfferId>,
    pub filters: Option<Filters>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Teardown,
    Accept(Accept),
    Decline(Decline),
    /// No roles: all of them.
    Revive(Vec<String>),
    Suppress(Vec<String>),
    Kill(Kill),
    ShutDownExecutor(Shutdown),
    Acknowledge(Acknowledge),
    /// No tasks: all that the master knows.
    Reconcile(Vec<ReconcileTask>),
    UpdateFramework(Box<UpdateFramework>),
    /// Yes or no makes no difference here, as with the real master's allocator.
    AnswerInverseOffers(InverseAnswer),
    ReconcileOperations(Vec<ReconcileOperation>),
    /// Accepted by the real master as well and without effect here: messages to executors, of which command
    /// tasks have none that listens, requests for resources, which its allocator ignores, and acknowledgements
    /// of operations, of which none asks for one.
    Ineffective,
    /// The call type that Mesos reserves for "none".
    Unknown,
}
