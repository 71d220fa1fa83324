//! What the master tells us, typed: what a scheduler relies on is present once it is here.

use std::time::Duration;

use bytes::Bytes;

use super::wire;
use super::wire::event::EventType;
use super::wire::id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use super::wire::offer::InverseOffer;
use super::wire::status::{OperationStatus, Reason, StatusSource, TaskState, TaskStatus};
use super::wire::view::OfferView;
use base::addresses;

/// What masters send when they do not say; today's say the same.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// A wilder interval in SUBSCRIBED is not believed, so that the watchdog neither spins nor sleeps for ever.
const HEARTBEAT_INTERVALS: std::ops::RangeInclusive<f64> = 0.01..=3600.0;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new subscription: all offers of the one before are void.
    Subscribed {
        framework_id: FrameworkId,
        heartbeat: Duration,
        master: MasterSummary,
    },
    /// Each is one that an [`OfferView`] reads, with an id and an agent's id.
    Offers(Vec<Bytes>),
    Rescinded(OfferId),
    Updated(StatusUpdate),
    OperationUpdated(OperationStatus),
    /// Each has an id.
    InverseOffers(Vec<InverseOffer>),
    RescindedInverseOffer(OfferId),
    Message {
        agent_id: AgentId,
        executor_id: ExecutorId,
        data: Bytes,
    },
    /// Advice only, and not reliable: without an executor the agent is lost, with one the executor ended.
    /// `status` is what wait(2) gave.
    Failure {
        agent_id: Option<AgentId>,
        executor_id: Option<ExecutorId>,
        status: Option<i32>,
    },
    /// The end of this subscription (ERROR).
    Failed(String),
    Heartbeat,
    /// Something newer than we are; to be ignored.
    Unknown {
        number: Option<i32>,
    },
}

/// What is worth showing about the master that took our subscription. Empty where it did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterSummary {
    pub id: String,
    pub hostname: String,
    pub ip: String,
    pub port: u16,
    pub version: String,
    /// Of its fault domain, if it was given one.
    pub region: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatusUpdate {
    pub task_id: TaskId,
    /// `None` for a state that we do not know; it has to be acknowledged like any other.
    pub state: Option<TaskState>,
    pub agent_id: Option<AgentId>,
    pub executor_id: Option<ExecutorId>,
    pub reason: Option<Reason>,
    pub source: Option<StatusSource>,
    pub message: String,
    /// Present if and only if the update must be acknowledged.
    pub uuid: Option<[u8; 16]>,
    /// What the last health check said.
    pub healthy: Option<bool>,
    /// Of the task's container, as far as the agent told.
    pub container_ips: Vec<String>,
}

/// Why an event cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("{event} without {field}")]
    Missing { event: &'static str, field: &'static str },
    #[error("OFFERS with an offer that cannot be read")]
    Offer,
    #[error("UPDATE of task {} with a uuid of {length} bytes, expected 16", .task_id.text())]
    Uuid { task_id: TaskId, length: usize },
}

impl Event {
    pub fn from_wire(event: wire::event::Event) -> Result<Self, EventError> {
        let number = event.r#type;
        let Some(kind) = number.and_then(|number| EventType::try_from(number).ok()) else {
            return Ok(Self::Unknown { number });
        };
        let missing = |field| EventError::Missing { event: kind.name(), field };
        Ok(match kind {
            EventType::Unknown => Self::Unknown { number },
            EventType::Heartbeat => Self::Heartbeat,
            EventType::Subscribed => subscribed(event.subscribed.ok_or(missing("subscribed"))?)?,
            EventType::Offers => offers(event.offers.unwrap_or_default())?,
            EventType::Rescind => {
                let offer_id = event.rescind.and_then(|rescind| rescind.offer_id);
                Self::Rescinded(present(offer_id, OfferId::text).ok_or(missing("offer_id"))?)
            }
            EventType::Update => {
                let status = event.update.and_then(|update| update.status).ok_or(missing("status"))?;
                Self::Updated(status_update(status)?)
            }
            EventType::UpdateOperationStatus => {
                let status = event.update_operation_status.and_then(|update| update.status);
                Self::OperationUpdated(status.ok_or(missing("status"))?)
            }
            EventType::InverseOffers => inverse_offers(event.inverse_offers.unwrap_or_default())?,
            EventType::RescindInverseOffer => {
                let id = event.rescind_inverse_offer.and_then(|rescind| rescind.inverse_offer_id);
                Self::RescindedInverseOffer(present(id, OfferId::text).ok_or(missing("inverse_offer_id"))?)
            }
            EventType::Message => {
                let message = event.message.ok_or(missing("message"))?;
                Self::Message {
                    agent_id: present(message.agent_id, AgentId::text).ok_or(missing("agent_id"))?,
                    executor_id: present(message.executor_id, ExecutorId::text)
                        .ok_or(missing("executor_id"))?,
                    data: message.data.unwrap_or_default(),
                }
            }
            EventType::Failure => {
                let failure = event.failure.unwrap_or_default();
                Self::Failure {
                    agent_id: present(failure.agent_id, AgentId::text),
                    executor_id: present(failure.executor_id, ExecutorId::text),
                    status: failure.status,
                }
            }
            EventType::Error => Self::Failed(event.error.and_then(|error| error.message).unwrap_or_default()),
        })
    }
}

fn subscribed(subscribed: wire::event::Subscribed) -> Result<Event, EventError> {
    let heartbeat = subscribed
        .heartbeat_interval_seconds
        .filter(|seconds| HEARTBEAT_INTERVALS.contains(seconds))
        .map_or(HEARTBEAT_INTERVAL, Duration::from_secs_f64);
    let info = subscribed.master_info.unwrap_or_default();
    let address = info.address.unwrap_or_default();
    let port = address.port.and_then(|port| u16::try_from(port).ok());
    let master = MasterSummary {
        id: info.id.unwrap_or_default(),
        hostname: address.hostname.or(info.hostname).unwrap_or_default(),
        ip: address.ip.unwrap_or_default(),
        port: port.or_else(|| info.port.and_then(|port| u16::try_from(port).ok())).unwrap_or_default(),
        version: info.version.unwrap_or_default(),
        region: info.domain.and_then(|domain| domain.fault_domain?.region?.name),
    };
    let framework_id = present(subscribed.framework_id, FrameworkId::text)
        .ok_or(EventError::Missing { event: "SUBSCRIBED", field: "framework_id" })?;
    Ok(Event::Subscribed { framework_id, heartbeat, master })
}

fn offers(offers: wire::event::Offers) -> Result<Event, EventError> {
    for offer in &offers.offers {
        let offer = OfferView::read(offer).ok_or(EventError::Offer)?;
        if offer.id.is_empty() {
            return Err(EventError::Missing { event: "OFFERS", field: "id" });
        }
        if offer.agent_id.is_empty() {
            return Err(EventError::Missing { event: "OFFERS", field: "agent_id" });
        }
    }
    Ok(Event::Offers(offers.offers))
}

fn inverse_offers(offers: wire::event::InverseOffers) -> Result<Event, EventError> {
    if offers.inverse_offers.iter().any(|offer| is_missing(offer.id.as_ref(), OfferId::text)) {
        return Err(EventError::Missing { event: "INVERSE_OFFERS", field: "id" });
    }
    Ok(Event::InverseOffers(offers.inverse_offers))
}

fn status_update(status: TaskStatus) -> Result<StatusUpdate, EventError> {
    let task_id = present(status.task_id, TaskId::text)
        .ok_or(EventError::Missing { event: "UPDATE", field: "task_id" })?;
    let uuid = match status.uuid.filter(|uuid| !uuid.is_empty()) {
        None => None,
        Some(uuid) => match <[u8; 16]>::try_from(&uuid[..]) {
            Ok(uuid) => Some(uuid),
            Err(_) => return Err(EventError::Uuid { task_id, length: uuid.len() }),
        },
    };
    let networks = status.container_status.unwrap_or_default().network_infos;
    let addresses = networks.into_iter().flat_map(|network| network.ip_addresses);
    Ok(StatusUpdate {
        task_id,
        state: status.state.and_then(|number| TaskState::try_from(number).ok()),
        agent_id: present(status.agent_id, AgentId::text),
        executor_id: present(status.executor_id, ExecutorId::text),
        reason: status.reason.and_then(|number| Reason::try_from(number).ok()),
        source: status.source.and_then(|number| StatusSource::try_from(number).ok()),
        // A fetcher names the address that it failed with.
        message: addresses::shown_within(&status.message.unwrap_or_default()),
        uuid,
        healthy: status.healthy,
        container_ips: addresses.filter_map(|address| address.ip_address).collect(),
    })
}

/// An id that is there and not empty.
fn present<I>(id: Option<I>, text: fn(&I) -> &str) -> Option<I> {
    id.filter(|id| !text(id).is_empty())
}

fn is_missing<I>(id: Option<&I>, text: fn(&I) -> &str) -> bool {
    id.is_none_or(|id| text(id).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::event::{Error, Offers, Subscribed, Update};
    use crate::wire::offer::Offer;

    fn event(kind: EventType) -> wire::event::Event {
        wire::event::Event { r#type: Some(kind as i32), ..wire::event::Event::default() }
    }

    fn update(status: TaskStatus) -> Result<Event, EventError> {
        Event::from_wire(wire::event::Event {
            update: Some(Update { status: Some(status) }),
            ..event(EventType::Update)
        })
    }

    #[test]
    fn what_we_do_not_know_is_not_fatal() {
        let newer = wire::event::Event { r#type: Some(99), ..wire::event::Event::default() };
        assert_eq!(Event::from_wire(newer), Ok(Event::Unknown { number: Some(99) }));
        assert_eq!(Event::from_wire(wire::event::Event::default()), Ok(Event::Unknown { number: None }));
        let status = TaskStatus {
            task_id: Some(TaskId::new("t")),
            state: Some(99),
            reason: Some(99),
            source: Some(99),
            uuid: Some(Bytes::from_static(&[7; 16])),
            ..TaskStatus::default()
        };
        let Ok(Event::Updated(update)) = update(status) else { panic!("no update") };
        assert_eq!((update.state, update.reason, update.source), (None, None, None));
        assert_eq!(update.uuid, Some([7; 16]));
    }

    #[test]
    fn what_we_rely_on_must_be_there() {
        let subscribed = Subscribed { framework_id: Some(FrameworkId::new("")), ..Subscribed::default() };
        let offer = Offer { id: Some(OfferId::new("o")), ..Offer::default() };
        let no_task = TaskStatus { state: Some(1), ..TaskStatus::default() };
        let bad_uuid = TaskStatus {
            task_id: Some(TaskId::new("t")),
            uuid: Some(Bytes::from_static(b"short")),
            ..TaskStatus::default()
        };
        let parse = |wire| Event::from_wire(wire).expect_err("an error").to_string();
        assert_eq!(parse(event(EventType::Subscribed)), "SUBSCRIBED without subscribed");
        assert_eq!(
            parse(wire::event::Event { subscribed: Some(subscribed), ..event(EventType::Subscribed) }),
            "SUBSCRIBED without framework_id"
        );
        assert_eq!(
            parse(wire::event::Event {
                offers: Some(Offers { offers: wire::encoded(&[offer]) }),
                ..event(EventType::Offers)
            }),
            "OFFERS without agent_id"
        );
        let damaged = Offers { offers: vec![Bytes::from_static(b"\x0a\x7f")] };
        assert_eq!(
            parse(wire::event::Event { offers: Some(damaged), ..event(EventType::Offers) }),
            "OFFERS with an offer that cannot be read"
        );
        assert_eq!(parse(event(EventType::Rescind)), "RESCIND without offer_id");
        assert_eq!(update(no_task).expect_err("an error").to_string(), "UPDATE without task_id");
        assert_eq!(
            update(bad_uuid).expect_err("an error").to_string(),
            "UPDATE of task t with a uuid of 5 bytes, expected 16"
        );
    }

    #[test]
    fn an_update_of_the_master_needs_neither_agent_nor_acknowledgement() {
        let status = TaskStatus {
            task_id: Some(TaskId::new("t")),
            state: Some(TaskState::Unknown as i32),
            source: Some(StatusSource::Master as i32),
            uuid: Some(Bytes::new()),
            ..TaskStatus::default()
        };
        let Ok(Event::Updated(update)) = update(status) else { panic!("no update") };
        assert_eq!((update.agent_id, update.uuid), (None, None));
        assert_eq!((update.state, update.reason), (Some(TaskState::Unknown), None));
    }

    #[test]
    fn heartbeat_interval_has_a_default_and_bounds() {
        for (seconds, expected) in [
            (None, HEARTBEAT_INTERVAL),
            (Some(5.0), Duration::from_secs(5)),
            (Some(0.0), HEARTBEAT_INTERVAL),
            (Some(-1.0), HEARTBEAT_INTERVAL),
            (Some(f64::NAN), HEARTBEAT_INTERVAL),
            (Some(f64::INFINITY), HEARTBEAT_INTERVAL),
        ] {
            let subscribed = Subscribed {
                framework_id: Some(FrameworkId::new("f")),
                heartbeat_interval_seconds: seconds,
                master_info: None,
            };
            let wire = wire::event::Event { subscribed: Some(subscribed), ..event(EventType::Subscribed) };
            let Ok(Event::Subscribed { heartbeat, .. }) = Event::from_wire(wire) else {
                panic!("{seconds:?}")
            };
            assert_eq!(heartbeat, expected, "{seconds:?}");
        }
    }

    #[test]
    fn an_error_is_its_message() {
        let error = Some(Error { message: Some("Framework failed over".to_owned()) });
        assert_eq!(
            Event::from_wire(wire::event::Event { error, ..event(EventType::Error) }),
            Ok(Event::Failed("Framework failed over".to_owned()))
        );
    }
}
