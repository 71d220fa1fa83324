//! What `mishaps` is where nothing can be made to go wrong, as in releases.

#![expect(clippy::unused_self, reason = "the other one needs it")]

use tokio::sync::oneshot;

use crate::ids::Ids;
use crate::message::{FromAgent, ToAgent};
use crate::order::Call;
use base::time::Moment;
use mesos::wire::event::Event;
use mesos::wire::id::AgentId;

use super::{Answered, Cluster, Record};

pub struct Mishaps;

impl Mishaps {
    pub fn new(_: Ids) -> Self {
        Self
    }

    pub fn stop(&mut self) {}

    pub fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    pub fn arrivals(&mut self, _: &AgentId, _: &FromAgent) -> u32 {
        1
    }
}

pub enum Flow {
    Open,
}

impl Flow {
    pub fn record(&self, event: Box<Event>) -> Option<Record> {
        Some(Record::Whole(event))
    }

    pub fn ends(&self) -> bool {
        false
    }
}

impl Cluster {
    pub(super) fn let_through(
        &mut self,
        call: Call,
        reply: oneshot::Sender<Answered>,
        _: Moment,
    ) -> Option<(Call, oneshot::Sender<Answered>)> {
        Some((call, reply))
    }

    pub(super) fn carry(&mut self, _: &AgentId, message: ToAgent, _: Moment) -> Option<ToAgent> {
        Some(message)
    }

    pub(super) fn end_mishaps(&mut self, _: Moment) {}
}
