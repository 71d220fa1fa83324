//! Calls of the operator: `POST /api/v1`.

use serde::Deserialize;

use crate::message::{self, AfterDrain, Drain, ToAgent};
use base::time::Moment;
use mesos::wire::id::{AgentId, FrameworkId};
use mesos::wire::time::DurationInfo;

use super::offers::Announced;
use super::quota::QuotaUpdate;
use super::{Answer, Duty, Master, Window};

/// In the JSON form of `mesos.v1.master.Call`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperatorCall {
    Teardown { teardown: FrameworkTarget },
    MarkAgentGone { mark_agent_gone: AgentTarget },
    DrainAgent { drain_agent: DrainTarget },
    DeactivateAgent { deactivate_agent: AgentTarget },
    ReactivateAgent { reactivate_agent: AgentTarget },
    UpdateQuota { update_quota: QuotaUpdate },
    UpdateMaintenanceSchedule { update_maintenance_schedule: ScheduleUpdate },
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FrameworkTarget {
    pub framework_id: FrameworkId,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentTarget {
    pub agent_id: AgentId,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DrainTarget {
    pub agent_id: AgentId,
    #[serde(default)]
    pub max_grace_period: Option<DurationInfo>,
    #[serde(default)]
    pub mark_gone: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ScheduleUpdate {
    pub schedule: Schedule,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Schedule {
    pub windows: Vec<Window>,
}

impl Master {
    pub fn handle_operator_call(&mut self, call: OperatorCall, now: Moment) -> Answer {
        match call {
            OperatorCall::Teardown { teardown } => {
                if !self.frameworks.contains_key(&teardown.framework_id) {
                    return Answer::BadRequest("No framework found with specified ID".to_owned());
                }
                self.remove(&teardown.framework_id, now);
            }
            OperatorCall::MarkAgentGone { mark_agent_gone: AgentTarget { agent_id } } => {
                if !self.is_known_agent(&agent_id) {
                    return unknown(&agent_id);
                }
                self.mark_gone(&agent_id, now);
            }
            OperatorCall::DrainAgent { drain_agent } => {
                let then = if drain_agent.mark_gone { AfterDrain::Gone } else { AfterDrain::Keep };
                let grace_most = drain_agent.max_grace_period.as_ref().map(message::span);
                let drain = Drain { grace_most, then };
                if !self.set_duty(&drain_agent.agent_id, Duty::Draining(drain)) {
                    return unknown(&drain_agent.agent_id);
                }
                self.tell(&drain_agent.agent_id, ToAgent::Drain(drain));
                self.finish_drain(&drain_agent.agent_id, now);
            }
            OperatorCall::DeactivateAgent { deactivate_agent: AgentTarget { agent_id } } => {
                if !self.set_duty(&agent_id, Duty::Deactivated) {
                    return unknown(&agent_id);
                }
            }
            OperatorCall::ReactivateAgent { reactivate_agent: AgentTarget { agent_id } } => {
                if !self.set_duty(&agent_id, Duty::Active) {
                    return unknown(&agent_id);
                }
                self.tell(&agent_id, ToAgent::Reactivate);
            }
            OperatorCall::UpdateQuota { update_quota } => return self.update_quota(update_quota),
            OperatorCall::UpdateMaintenanceSchedule { update_maintenance_schedule } => {
                self.update_schedule(update_maintenance_schedule.schedule.windows, now);
            }
        }
        Answer::Done
    }

    /// Ends a drain once no task is left, acknowledged ones not counted.
    pub(super) fn finish_drain(&mut self, id: &AgentId, now: Moment) {
        let mut tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
        let is_empty = tasks.all(|task| task.agent != *id);
        let Some(agent) = self.agents.get_mut(id).filter(|_| is_empty) else { return };
        let Duty::Draining(drain) = agent.duty else { return };
        agent.duty = Duty::Drained;
        if drain.then == AfterDrain::Gone {
            self.mark_gone(id, now);
        }
    }

    /// Whether there is such an agent.
    fn set_duty(&mut self, id: &AgentId, duty: Duty) -> bool {
        let away = self.unreachable.get_mut(id).map(|away| &mut away.duty);
        if let Some(absent) = self.recovered.get_mut(id).or(away) {
            *absent = duty;
            return true;
        }
        let Some(agent) = self.agents.get_mut(id) else { return false };
        agent.duty = duty;
        if duty != Duty::Active {
            self.take_back(Announced::Yes, |offer| offer.agent == *id);
        }
        true
    }

    fn is_known_agent(&self, id: &AgentId) -> bool {
        self.agents.contains_key(id) || self.recovered.contains_key(id) || self.unreachable.contains_key(id)
    }
}

fn unknown(agent: &AgentId) -> Answer {
    Answer::BadRequest(format!("Agent '{}' not found", agent.text()))
}
