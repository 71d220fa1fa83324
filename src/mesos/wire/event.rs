//! What the master says to a scheduler (`mesos.v1.scheduler.Event`).

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::cluster::MasterInfo;
use super::enumeration;
use super::id::{AgentId, ExecutorId, FrameworkId, OfferId};
use super::json;
use super::offer::{InverseOffer, Offer};
use super::status::{OperationStatus, TaskStatus};

/// `mesos.v1.scheduler.Event`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    #[prost(enumeration = "EventType", optional, tag = "1")]
    #[serde(with = "json::Name::<EventType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribed: Option<Subscribed>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offers: Option<Offers>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescind: Option<Rescind>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<ExecutorMessage>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverse_offers: Option<InverseOffers>,
    #[prost(message, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescind_inverse_offer: Option<RescindInverseOffer>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_operation_status: Option<UpdateOperationStatus>,
}

enumeration! {
    /// `mesos.v1.scheduler.Event.Type`
    EventType {
        Unknown = 0, "UNKNOWN";
        Subscribed = 1, "SUBSCRIBED";
        Offers = 2, "OFFERS";
        Rescind = 3, "RESCIND";
        Update = 4, "UPDATE";
        Message = 5, "MESSAGE";
        Failure = 6, "FAILURE";
        Error = 7, "ERROR";
        Heartbeat = 8, "HEARTBEAT";
        InverseOffers = 9, "INVERSE_OFFERS";
        RescindInverseOffer = 10, "RESCIND_INVERSE_OFFER";
        UpdateOperationStatus = 11, "UPDATE_OPERATION_STATUS";
    }
}

/// `mesos.v1.scheduler.Event.Subscribed`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscribed {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_id: Option<FrameworkId>,
    #[prost(double, optional, tag = "2")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval_seconds: Option<f64>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_info: Option<MasterInfo>,
}

/// `mesos.v1.scheduler.Event.Offers`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Offers {
    /// Each an encoded [`Offer`], to be read by an [`OfferView`](super::view::OfferView).
    #[prost(bytes = "bytes", repeated, tag = "1")]
    #[serde(with = "json::Encoded::<Offer>", skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Bytes>,
}

/// `mesos.v1.scheduler.Event.InverseOffers`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct InverseOffers {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inverse_offers: Vec<InverseOffer>,
}

/// `mesos.v1.scheduler.Event.Rescind`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Rescind {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
}

/// `mesos.v1.scheduler.Event.RescindInverseOffer`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RescindInverseOffer {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inverse_offer_id: Option<OfferId>,
}

/// `mesos.v1.scheduler.Event.Update`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
}

/// `mesos.v1.scheduler.Event.UpdateOperationStatus`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateOperationStatus {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<OperationStatus>,
}

/// `mesos.v1.scheduler.Event.Message`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutorMessage {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor_id: Option<ExecutorId>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}

/// `mesos.v1.scheduler.Event.Failure`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor_id: Option<ExecutorId>,
    #[prost(int32, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
}

/// `mesos.v1.scheduler.Event.Error`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Error {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
