//! Calls in the order of the real master's checks: who calls, on which stream, then what for.

use crate::message::{self, ToAgent};
use crate::order::{Call, Order};
use crate::request::refuse_principal;
use base::time::Moment;
use mesos::wire::call::{Acknowledge, Kill, ReconcileTask, Shutdown};
use mesos::wire::id::{FrameworkId, TaskId};

use super::framework::Framework;
use super::task::is_terminal;
use super::{Master, StreamId};

/// The HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 and a stream of events.
    Stream(StreamId),
    /// 202
    Accepted,
    /// 200
    Done,
    /// 400
    BadRequest(String),
    /// 403
    Forbidden(&'static str),
    /// 501
    NotImplemented,
}

impl Master {
    pub fn handle_call(&mut self, call: Call, now: Moment) -> Answer {
        match call {
            Call::Subscribe { mut subscribe, principal } => {
                // Who does not say who he is is who he has proved to be.
                let info = subscribe.framework_info.get_or_insert_default();
                info.principal = info.principal.take().or(principal);
                Answer::Stream(self.subscribe(*subscribe, now))
            }
            Call::Order { framework, order, stream, principal } => {
                match self.refuse_caller(&framework, stream.as_deref(), principal.as_deref()) {
                    Some(refusal) => refusal,
                    None => {
                        tracing::debug!(call = order.name(), stream, "accepted");
                        self.carry_out(&framework, *order, now)
                    }
                }
            }
        }
    }

    fn refuse_caller(
        &self,
        framework: &FrameworkId,
        stream: Option<&str>,
        principal: Option<&str>,
    ) -> Option<Answer> {
        let Some(known) = self.frameworks.get(framework) else {
            return Some(Answer::BadRequest("Framework cannot be found".to_owned()));
        };
        if let Some(refusal) = refuse_principal(principal, known.info.principal.as_deref()) {
            return Some(Answer::BadRequest(refusal));
        }
        let Some(StreamId(current)) = known.stream() else {
            return Some(Answer::Forbidden("Framework is not subscribed"));
        };
        let Some(stream) = stream else {
            let text = "All non-subscribe calls should include the 'Mesos-Stream-Id' header";
            return Some(Answer::BadRequest(text.to_owned()));
        };
        (stream != current).then(|| {
            let framework = framework.text();
            Answer::BadRequest(format!(
                "The stream ID '{stream}' included in this request didn't match \
                 the stream ID currently associated with framework ID {framework}"
            ))
        })
    }

    fn carry_out(&mut self, framework: &FrameworkId, order: Order, now: Moment) -> Answer {
        match order {
            Order::Teardown => self.remove(framework, now),
            Order::Accept(accept) => self.accept(framework, accept, now),
            Order::Decline(decline) => self.decline(framework, &decline, now),
            Order::Revive(roles) => self.revive(framework, roles, now),
            Order::Suppress(roles) => self.suppress(framework, roles),
            Order::Kill(kill) => self.kill(framework, kill, now),
            Order::ShutDownExecutor(shutdown) => self.shut_down_executor(framework, shutdown),
            Order::Acknowledge(acknowledge) => self.acknowledge(framework, acknowledge, now),
            Order::Reconcile(tasks) => self.reconcile(framework, &tasks, now),
            Order::AnswerInverseOffers(answer) => self.answer_inverse_offers(framework, &answer, now),
            Order::ReconcileOperations(operations) => self.reconcile_operations(framework, operations),
            Order::Ineffective => {}
            Order::UpdateFramework(update) => {
                let updated = self.update_framework(framework, *update);
                return updated.map_or_else(Answer::BadRequest, |()| Answer::Done);
            }
            Order::Unknown => return Answer::NotImplemented,
        }
        Answer::Accepted
    }

    fn revive(&mut self, id: &FrameworkId, roles: Vec<String>, now: Moment) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(roles) = concerned(framework, roles) else { return };
        framework.suppressed.retain(|role| !roles.contains(role));
        framework.drop_filters(|role| roles.iter().any(|concerned| concerned == role));
        self.allocate(None, now);
    }

    fn suppress(&mut self, id: &FrameworkId, roles: Vec<String>) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if let Some(roles) = concerned(framework, roles) {
            framework.suppressed.extend(roles);
        }
    }

    fn kill(&mut self, id: &FrameworkId, kill: Kill, now: Moment) {
        let task = kill.task_id.unwrap_or_default();
        let Some(known) = self.frameworks.get(id).and_then(|framework| framework.tasks.get(&task)) else {
            let unknown = ReconcileTask { task_id: Some(task), agent_id: kill.agent_id };
            self.reconcile(id, &[unknown], now);
            return;
        };
        let agent = known.agent.clone();
        if kill.agent_id.is_some_and(|named| named != agent) {
            tracing::warn!(task = task.text(), "not killed: the call names another agent than the task's");
            return;
        }
        tracing::debug!(task = task.text(), "to be killed");
        let grace = kill.kill_policy.and_then(|policy| policy.grace_period);
        let grace = grace.map(|grace| message::span(&grace));
        self.tell(&agent, ToAgent::Kill { framework: id.clone(), task, grace });
    }

    /// The executor of a command task carries the task's name and ends by killing it.
    fn shut_down_executor(&mut self, id: &FrameworkId, shutdown: Shutdown) {
        let task = TaskId { value: shutdown.executor_id.and_then(|executor| executor.value) };
        let agent = shutdown.agent_id.unwrap_or_default();
        let known = self.frameworks.get(id).and_then(|framework| framework.tasks.get(&task));
        if known.is_some_and(|task| task.agent == agent) {
            let grace = Some(self.settings.timing.shutdown_grace);
            self.tell(&agent, ToAgent::Kill { framework: id.clone(), task, grace });
        }
    }

    fn acknowledge(&mut self, id: &FrameworkId, acknowledge: Acknowledge, now: Moment) {
        let task = acknowledge.task_id.unwrap_or_default();
        let agent = acknowledge.agent_id.unwrap_or_default();
        let uuid = acknowledge.uuid.unwrap_or_default();
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let Some(forwarded) = framework.tasks.get(&task).and_then(|task| task.forwarded.as_ref()) else {
            tracing::debug!(task = task.text(), "acknowledged, but nothing was forwarded");
            return;
        };
        if is_terminal(forwarded.state) && forwarded.uuid == uuid {
            framework.complete(&task);
        }
        self.tell(&agent, ToAgent::Acknowledge { framework: id.clone(), task, uuid });
        self.finish_drain(&agent, now);
    }
}

/// The roles that are meant; none if one of them is not the framework's.
fn concerned(framework: &Framework, roles: Vec<String>) -> Option<Vec<String>> {
    if roles.is_empty() {
        return Some(framework.roles.iter().cloned().collect());
    }
    let foreign = roles.iter().find(|role| !framework.roles.contains(*role));
    if let Some(role) = foreign {
        tracing::warn!(framework = framework.id.text(), role, "not a role of the framework: call dropped");
        return None;
    }
    Some(roles)
}
