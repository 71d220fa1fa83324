//! Faults that wait for a call, a message or their time.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::fault::Deed;
use crate::ids::Ids;
use crate::link::{Mishap, ToHost};
use crate::master::Answer;
use crate::message::{FromAgent, ToAgent};
use crate::order::Call;
use base::time::Moment;
use mesos::wire::id::AgentId;

use super::links::Links;
use super::rules::Rules;
use super::{Answered, Cluster, Mishaps};

impl Mishaps {
    pub fn new(ids: Ids) -> Self {
        let (links, rules) = (Links::default(), Rules::default());
        Self { ids, links, rules, phases: VecDeque::new(), hung: Vec::new() }
    }

    /// Whoever waits for an answer is told that there will be none.
    pub fn stop(&mut self) {
        self.hung.clear();
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let phase = self.phases.front().map(|(at, _)| *at);
        phase.into_iter().chain(self.links.poll_timeout()).min()
    }

    /// How often what an agent says arrives.
    pub fn arrivals(&mut self, from: &AgentId, event: &FromAgent) -> u32 {
        match event {
            _ if !self.links.is_up(from) => 0,
            FromAgent::Updated { .. } => self.rules.deliveries(),
            FromAgent::Pong | FromAgent::Registering(_) | FromAgent::Unregistering => 1,
        }
    }

    fn hang(&mut self, reply: oneshot::Sender<Answered>) {
        self.hung.retain(|reply| !reply.is_closed());
        self.hung.push(reply);
    }
}

impl Cluster {
    /// Gives back the call that is to be carried out as usual.
    pub(in crate::cluster) fn let_through(
        &mut self,
        call: Call,
        reply: oneshot::Sender<Answered>,
        now: Moment,
    ) -> Option<(Call, oneshot::Sender<Answered>)> {
        match self.mishaps.rules.deed(call.name()) {
            None => return Some((call, reply)),
            Some(Deed::Swallow) => drop(reply.send(Answered::Plainly(Answer::Accepted))),
            Some(Deed::Refuse { status, text }) => drop(reply.send(Answered::Otherwise { status, text })),
            Some(Deed::Hang) => self.mishaps.hang(reply),
            Some(Deed::Mute) => {
                drop(self.answer(call, now));
                self.mishaps.hang(reply);
            }
        }
        None
    }

    /// Gives back the message that arrives as it is.
    pub(in crate::cluster) fn carry(
        &mut self,
        to: &AgentId,
        message: ToAgent,
        now: Moment,
    ) -> Option<ToAgent> {
        if !self.mishaps.links.is_up(to) {
            return None;
        }
        match message {
            ToAgent::Acknowledge { .. } if self.mishaps.rules.loses_acknowledgement() => None,
            ToAgent::Run(run) => match (self.mishaps.rules.fate(&run), self.host.agent_mut(to)) {
                (None, _) => Some(ToAgent::Run(run)),
                (Some(fate), Some(agent)) => {
                    agent.handle_doomed_run(*run, fate, now);
                    None
                }
                (Some(fate), None) => {
                    self.order(to, ToHost::Mishap(Mishap::Doom { run, fate }), now);
                    None
                }
            },
            message => Some(message),
        }
    }

    /// Those whose time is over.
    pub(in crate::cluster) fn end_mishaps(&mut self, now: Moment) {
        while let Some((_, leadership)) = self.mishaps.phases.pop_front_if(|(at, _)| *at <= now) {
            self.leadership.send_replace(leadership);
        }
        for agent in self.mishaps.links.restored(now) {
            self.connect(&agent, now);
        }
    }

    /// An agent that was cut off is to register again.
    pub(super) fn connect(&mut self, id: &AgentId, now: Moment) {
        match self.host.agent_mut(id) {
            Some(agent) => agent.handle_connected(now),
            None => self.joined.close(id),
        }
    }
}
