//! Offers, inverse offers and filters.

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::address::Url;
use super::cluster::DomainInfo;
use super::id::{AgentId, ExecutorId, FrameworkId, OfferId};
use super::json;
use super::resource::{AllocationInfo, Attribute, Resource};
use super::time::Unavailability;

/// `mesos.v1.Offer`. Whoever gets offers reads them where they lie, by an [`OfferView`](super::view::OfferView).
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Offer {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<OfferId>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_id: Option<FrameworkId>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(string, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Each an encoded [`Resource`], to be read by a [`ResourceView`](super::view::ResourceView).
    #[prost(bytes = "bytes", repeated, tag = "5")]
    #[serde(with = "json::Encoded::<Resource>", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Bytes>,
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub executor_ids: Vec<ExecutorId>,
    /// Each an encoded [`Attribute`], to be read by an [`AttributeView`](super::view::AttributeView).
    #[prost(bytes = "bytes", repeated, tag = "7")]
    #[serde(with = "json::Encoded::<Attribute>", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Bytes>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailability: Option<Unavailability>,
    #[prost(message, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_info: Option<AllocationInfo>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainInfo>,
}

/// `mesos.v1.InverseOffer`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct InverseOffer {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<OfferId>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_id: Option<FrameworkId>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailability: Option<Unavailability>,
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
}

/// `mesos.v1.Filters`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Filters {
    #[prost(double, optional, tag = "1")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub refuse_seconds: Option<f64>,
}

/// `mesos.v1.Request`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceRequest {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
}
