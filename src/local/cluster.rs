//! The driver: one task that owns master and agents, hands messages between them, keeps the streams and the
//! clock. Its sources are requests, the ends of processes and timers.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};

use crate::mesos::wire::event::Event;
use crate::time::Clock;

use super::master::{Action, Answer, Master, StreamId};
use super::order::Call;
use super::state;

/// Events that wait for a slow client; one that falls further behind is cut off, as a full socket would do.
const EVENTS_WAITING_MOST: usize = 4096;

/// Requests that wait for their turn; more are held back in their connections.
pub const INPUTS_WAITING_MOST: usize = 256;

pub enum Input {
    Called { call: Box<Call>, reply: oneshot::Sender<Answered> },
    StreamClosed(StreamId),
    AskedForState(oneshot::Sender<serde_json::Value>),
    AskedForMetrics(oneshot::Sender<serde_json::Value>),
}

pub enum Answered {
    Plainly(Answer),
    WithEvents(Events),
}

pub struct Events {
    pub stream: StreamId,
    pub receiver: mpsc::Receiver<Box<Event>>,
}
