//! What happened: events of each cluster, and the audit of all orders.

use base::events::Level;
use manifest::{Change, Effect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::Cluster;
use super::limits::{self, MAX_FIELDS, MAX_TEXT};
use super::order::Order;
use super::stored::Write;
use super::{Action, Dispatcher};
use domain::time::Timestamp;

/// Something that has happened to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows from event to event, whatever the cluster, over restarts too.
    pub id: u64,
    pub at: Timestamp,
    pub cluster: String,
    /// `applied`, `state`, `attempt`, …
    pub kind: String,
    pub level: Level,
    pub text: String,
}

/// What was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Create,
    Change,
    Suspend,
    Resume,
    Restart,
    Freeze,
    Thaw,
    Delete,
    #[serde(rename = "restart_taskmanager")]
    RestartTaskManager,
    /// The field says which.
    #[serde(rename = "submit_job")]
    SubmitJob,
    /// The field says what.
    #[serde(rename = "ask_jobmanager")]
    AskJobManager,
    /// Of no cluster; the field says which artifact.
    PushArtifact,
    RemoveArtifact,
    /// The dispatcher itself: nothing of the cluster is left.
    Forget,
}

/// One change that somebody has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Grows from entry to entry.
    pub id: u64,
    pub at: Timestamp,
    /// Who; none is the dispatcher itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Empty where it is of none.
    pub cluster: String,
    pub verb: Verb,
    /// The last one of the cluster after the change; 0 without a cluster.
    pub revision: u64,
    /// Fields that are others than before, masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Change>,
    /// How many more fields are others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_fields: usize,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// So many entries go at most with one new one, where fewer are to be kept than before.
const MOST_FORGOTTEN: usize = 16;

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Delete => "delete",
            Self::RestartTaskManager => "restart_taskmanager",
            Self::SubmitJob => "submit_job",
            Self::AskJobManager => "ask_jobmanager",
            Self::PushArtifact => "push_artifact",
            Self::RemoveArtifact => "remove_artifact",
            Self::Forget => "forget",
        }
    }

    fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Change => "changed",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::Restart => "restarted",
            Self::Freeze => "frozen",
            Self::Thaw => "thawed",
            Self::Delete => "deleted",
            Self::RestartTaskManager => "restart ordered",
            Self::SubmitJob => "submission ordered",
            Self::AskJobManager => "asked",
            Self::PushArtifact => "pushed",
            Self::RemoveArtifact => "removed",
            Self::Forget => "gone",
        }
    }

    /// Whether the scheduler is told of it.
    pub(crate) fn concerns_group(self) -> bool {
        match self {
            Self::Create
            | Self::Change
            | Self::Suspend
            | Self::Resume
            | Self::Restart
            | Self::Thaw
            | Self::Delete
            | Self::Forget => true,
            Self::Freeze
            | Self::RestartTaskManager
            | Self::SubmitJob
            | Self::AskJobManager
            | Self::PushArtifact
            | Self::RemoveArtifact => false,
        }
    }

    /// `cluster orders: frozen by ann`
    fn told(self, fields: &[Change], order: Option<&Order>) -> String {
        let mut text = match (self, fields.first()) {
            (Self::RestartTaskManager, Some(which)) => format!("restart of {} ordered", which.field),
            (Self::SubmitJob, Some(which)) => format!("submission of {} ordered", which.field),
            _ => self.past().to_owned(),
        };
        if let Some(order) = order {
            text.push_str(&format!(" by {}", order.user()));
            if let Some(message) = &order.message {
                text.push_str(&format!(": {message}"));
            }
        }
        text
    }
}

impl Cluster {
    /// Takes note of an event, which is stored with the next write of them.
    pub fn note(
        &mut self,
        id: u64,
        kind: &str,
        level: Level,
        text: &str,
        at: Timestamp,
        most: usize,
    ) -> Event {
        let text = limits::cut(text, MAX_TEXT);
        let event = Event { id, at, cluster: self.name.clone(), kind: kind.to_owned(), level, text };
        self.events.push_back(event.clone());
        while self.events.len() > most {
            self.events.pop_front();
        }
        event
    }
}

/// What an order concerns that changes no field.
pub(crate) fn which(what: String) -> Change {
    Change { field: what, old: None, new: None, effect: Effect::Nothing }
}

impl Dispatcher {
    pub(crate) fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// An event about an order, to be told when the order is stored.
    pub(crate) fn event_of(
        &mut self,
        name: &str,
        verb: Verb,
        fields: &[Change],
        order: Option<&Order>,
        now: Timestamp,
    ) -> Option<Action> {
        let id = self.next_number();
        let most = self.limits.events;
        let cluster = self.clusters.get_mut(name)?;
        let text = verb.told(fields, order);
        Some(Action::Event(cluster.note(id, verb.word(), Level::Info, &text, now, most)))
    }

    /// What has to be written for an entry of the audit, with those that go for it.
    pub(crate) fn audit_of(
        &mut self,
        name: &str,
        verb: Verb,
        revision: u64,
        fields: &[Change],
        order: Option<&Order>,
        now: Timestamp,
    ) -> Vec<Write> {
        let id = self.next_number();
        let entry = AuditEntry {
            id,
            at: now,
            user: order.map(Order::user),
            from: order.map(Order::from),
            cluster: name.to_owned(),
            verb,
            revision,
            fields: fields.iter().take(MAX_FIELDS).map(shortened).collect(),
            more_fields: fields.len().saturating_sub(MAX_FIELDS),
            message: order.and_then(|order| order.message.clone()),
        };
        let mut writes = vec![Write::audit(id, &entry)];
        self.audit.insert(id, Some(entry));
        let surplus = self.audit.len().saturating_sub(self.limits.audit.max(1)).min(MOST_FORGOTTEN);
        for _ in 0..surplus {
            if let Some((number, _)) = self.audit.pop_first() {
                writes.push(Write::forget_audit(number));
            }
        }
        writes
    }
}

fn shortened(change: &Change) -> Change {
    let text = |text: &Option<String>| text.as_ref().map(|text| limits::cut(text, MAX_TEXT));
    Change {
        field: limits::cut(&change.field, MAX_TEXT),
        old: text(&change.old),
        new: text(&change.new),
        effect: change.effect,
    }
}
