//! The life of a framework: subscribed, taken over, disconnected, changed, removed.

use std::collections::BTreeSet;

use crate::message::ToAgent;
use base::time::{Deadline, Moment};
use mesos::wire::call::{Subscribe, UpdateFramework};
use mesos::wire::constraints::OfferConstraints;
use mesos::wire::event::{Error, Event, EventType, Subscribed};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::FrameworkId;
use mesos::wire::status::TaskState;

use super::constraints::Constraints;
use super::framework::{self, Connection, Framework};
use super::offers::Announced;
use super::{Action, COMPLETED_FRAMEWORKS, Master, StreamId, heartbeat};

impl Master {
    /// Opens a stream, on which all that follows happens, refusals too.
    pub(super) fn subscribe(&mut self, subscribe: Subscribe, now: Moment) -> StreamId {
        let stream = StreamId(self.ids.uuid());
        let info = subscribe.framework_info.unwrap_or_default();
        let wishes = match self.refuse_subscription(&info, &subscribe.suppressed_roles) {
            Some(refusal) => Err(refusal),
            None => Wishes::read(subscribe.suppressed_roles, subscribe.offer_constraints.as_ref(), &info),
        };
        match wishes {
            Err(refusal) => self.end_stream(&stream, refusal),
            Ok(wishes) => self.admit(info, wishes, &stream, now),
        }
        stream
    }

    pub fn handle_stream_closed(&mut self, stream: &StreamId, now: Moment) {
        let Some(framework) = self.frameworks.values_mut().find(|f| f.stream() == Some(stream)) else {
            return;
        };
        let id = framework.id.clone();
        let until = Deadline::after(now, framework.failover_timeout());
        framework.connection = Connection::Disconnected { until };
        framework.filters.clear();
        tracing::info!(framework = id.text(), "disconnected");
        self.take_back(Announced::No, |offer| offer.framework == id);
        self.inverse_offers.retain(|_, offer| offer.framework != id);
        self.remove_overdue_frameworks(now);
    }

    pub(super) fn remove_overdue_frameworks(&mut self, now: Moment) {
        let overdue = |framework: &&Framework| match &framework.connection {
            Connection::Connected { .. } => false,
            Connection::Disconnected { until } => until.has_passed(now),
        };
        let ids: Vec<_> = self.frameworks.values().filter(overdue).map(|f| f.id.clone()).collect();
        for id in ids {
            tracing::info!(framework = id.text(), "did not come back in time");
            self.remove(&id, now);
        }
    }

    /// Ends a framework for good. Its tasks end without updates.
    pub(super) fn remove(&mut self, id: &FrameworkId, now: Moment) {
        let Some(mut framework) = self.frameworks.remove(id) else { return };
        tracing::info!(framework = id.text(), tasks = framework.tasks.len(), "removed");
        if let Some(stream) = framework.stream() {
            self.actions.push_back(Action::Close { stream: stream.clone() });
        }
        self.take_back(Announced::No, |offer| offer.framework == *id);
        self.inverse_offers.retain(|_, offer| offer.framework != *id);
        let mut agents = BTreeSet::new();
        for (task, mut ended) in std::mem::take(&mut framework.tasks) {
            agents.insert(ended.agent.clone());
            if let Some(held) = ended.held.take() {
                ended.latest = TaskState::Killed;
                self.release(&ended.agent, held);
            }
            framework.tasks.insert(task.clone(), ended);
            framework.complete(&task);
        }
        for agent in agents {
            self.tell(&agent, ToAgent::ShutDown { framework: id.clone() });
            self.finish_drain(&agent, now);
        }
        if self.completed.len() == COMPLETED_FRAMEWORKS {
            self.completed.pop_front();
        }
        self.completed.push_back(framework);
    }

    /// Changes a subscribed framework. Answers why not.
    pub(super) fn update_framework(
        &mut self,
        id: &FrameworkId,
        update: UpdateFramework,
    ) -> Result<(), String> {
        let info = update.framework_info.unwrap_or_default();
        let roles = self.settings.roles.as_ref();
        if let Some(refusal) = framework::refuse(&info, roles) {
            return Err(format!("Supplied FrameworkInfo is not valid: {refusal}"));
        }
        if let Some(refusal) = framework::refuse_suppression(&info, &update.suppressed_roles) {
            return Err(format!("'UpdateFramework' call is not valid: {refusal}"));
        }
        let wishes = Wishes::read(update.suppressed_roles, update.offer_constraints.as_ref(), &info)
            .map_err(|refusal| format!("'UpdateFramework' call is not valid: {refusal}"))?;
        let Some(known) = self.frameworks.get(id) else { return Ok(()) };
        if let Some(refusal) = refuse_change(&known.info, &info) {
            return Err(format!("FrameworkInfo update is not valid: {refusal}"));
        }
        self.change(id, info, wishes);
        Ok(())
    }

    fn refuse_subscription(&self, info: &FrameworkInfo, suppressed: &[String]) -> Option<String> {
        if let Some(refusal) = framework::refuse(info, self.settings.roles.as_ref()) {
            return Some(refusal);
        }
        let id = known_id(info);
        if let Some(id) = &id
            && self.completed.iter().any(|framework| framework.id == *id)
        {
            return Some("Framework has been removed".to_owned());
        }
        if let Some(refusal) = framework::refuse_suppression(info, suppressed) {
            return Some(refusal);
        }
        let known = self.frameworks.get(&id?)?;
        let is_other = known.info.principal != info.principal;
        is_other.then(|| "Changing framework's principal is not allowed.".to_owned())
    }

    fn admit(&mut self, mut info: FrameworkInfo, wishes: Wishes, stream: &StreamId, now: Moment) {
        let id = known_id(&info).unwrap_or_else(|| self.new_framework_id());
        info.id = Some(id.clone());
        let next_heartbeat = now + self.settings.timing.heartbeat;
        let connection = Connection::Connected { stream: stream.clone(), next_heartbeat };
        tracing::debug!(stream = stream.0, webui_url = info.webui_url, "accepted SUBSCRIBE");
        let Some(known) = self.frameworks.get_mut(&id) else {
            tracing::info!(framework = id.text(), name = info.name, "subscribed");
            let framework = Framework {
                suppressed: wishes.suppressed,
                constraints: wishes.constraints,
                ..Framework::new(id.clone(), info, connection, now)
            };
            self.frameworks.insert(id.clone(), framework);
            self.welcome(&id, stream);
            self.allocate(None, now);
            return;
        };
        tracing::info!(framework = id.text(), "subscribed again");
        match std::mem::replace(&mut known.connection, connection) {
            // The allocator never saw it leave: filters stay and offers wait for the next regular run.
            Connection::Connected { stream: old, .. } => {
                self.end_stream(&old, "Framework failed over".to_owned());
                self.inverse_offers.retain(|_, offer| offer.framework != id);
                self.take_back(Announced::No, |offer| offer.framework == id);
                self.welcome(&id, stream);
                self.change(&id, info, wishes);
            }
            Connection::Disconnected { .. } => {
                self.welcome(&id, stream);
                self.change(&id, info, wishes);
                self.allocate(None, now);
            }
        }
    }

    /// Replaces what a framework says of itself and what it does not want to hear of.
    fn change(&mut self, id: &FrameworkId, info: FrameworkInfo, wishes: Wishes) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let old_roles = framework.roles.clone();
        framework.replace_info(info);
        framework.constraints = wishes.constraints;
        let new = wishes.suppressed;
        let old = std::mem::replace(&mut framework.suppressed, new.clone());
        let roles = framework.roles.clone();
        framework.drop_filters(|role| !roles.contains(role) || (old.contains(role) && !new.contains(role)));
        let is_left = |role: &String| old_roles.contains(role) && !roles.contains(role);
        self.take_back(Announced::Yes, |offer| offer.framework == *id && is_left(&offer.role));
    }

    fn welcome(&mut self, id: &FrameworkId, stream: &StreamId) {
        let subscribed = Subscribed {
            framework_id: Some(id.clone()),
            heartbeat_interval_seconds: Some(self.settings.timing.heartbeat.as_secs_f64()),
            master_info: Some(self.info()),
        };
        let event = Event {
            r#type: Some(EventType::Subscribed as i32),
            subscribed: Some(subscribed),
            ..Event::default()
        };
        self.actions.push_back(Action::Send { stream: stream.clone(), event: Box::new(event) });
        self.actions.push_back(Action::Send { stream: stream.clone(), event: heartbeat() });
    }

    fn end_stream(&mut self, stream: &StreamId, message: String) {
        let event = Event {
            r#type: Some(EventType::Error as i32),
            error: Some(Error { message: Some(message) }),
            ..Event::default()
        };
        self.actions.push_back(Action::Send { stream: stream.clone(), event: Box::new(event) });
        self.actions.push_back(Action::Close { stream: stream.clone() });
    }

    fn new_framework_id(&mut self) -> FrameworkId {
        let id = FrameworkId::new(format!("{}-{:04}", self.id, self.frameworks_made));
        self.frameworks_made += 1;
        id
    }
}

/// What a framework wants to hear of.
struct Wishes {
    suppressed: BTreeSet<String>,
    constraints: Constraints,
}

impl Wishes {
    fn read(
        suppressed: Vec<String>,
        constraints: Option<&OfferConstraints>,
        info: &FrameworkInfo,
    ) -> Result<Self, String> {
        let constraints = Constraints::read(constraints, &framework::roles_of(info))?;
        Ok(Self { suppressed: suppressed.into_iter().collect(), constraints })
    }
}

/// The id it comes back with. An empty one is none.
fn known_id(info: &FrameworkInfo) -> Option<FrameworkId> {
    info.id.clone().filter(|id| !id.text().is_empty())
}

/// Why a framework may not change so.
fn refuse_change(old: &FrameworkInfo, new: &FrameworkInfo) -> Option<String> {
    if old.principal != new.principal {
        return Some("Changing framework's principal is not allowed.".to_owned());
    }
    let change = |what: &str, old: &str, new: &str| {
        let differs = old != new;
        differs.then(|| {
            format!(
                "Updating 'FrameworkInfo.{what}' is unsupported; attempted to update from '{old}' to '{new}'"
            )
        })
    };
    let text = |flag: Option<bool>| flag.unwrap_or_default().to_string();
    change("user", old.user.as_deref().unwrap_or_default(), new.user.as_deref().unwrap_or_default())
        .or_else(|| change("checkpoint", &text(old.checkpoint), &text(new.checkpoint)))
}
