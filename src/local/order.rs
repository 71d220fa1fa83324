//! What a well-formed call asks for. One with a stream is handled apart from all others.

use crate::mesos::wire::call::{
    Accept, Acknowledge, Decline, Kill, ReconcileTask, Shutdown, Subscribe, UpdateFramework,
};
use crate::mesos::wire::id::FrameworkId;

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
    /// Accepted by the real master as well and without effect here: messages to executors, requests for
    /// resources, inverse offers, feedback on operations.
    Ineffective,
    /// The call type that Mesos reserves for "none".
    Unknown,
}
