//! `FrameworkInfo` and its capabilities.

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::id::FrameworkId;
use super::json;
use super::label::Labels;
use super::resource::Scalar;

/// `mesos.v1.FrameworkInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameworkInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<FrameworkId>,
    #[prost(double, optional, tag = "4")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub failover_timeout: Option<f64>,
    #[prost(bool, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<bool>,
    #[prost(string, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[prost(string, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[prost(string, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[prost(string, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webui_url: Option<String>,
    #[prost(message, repeated, tag = "10")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    #[prost(string, repeated, tag = "12")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    #[prost(btree_map = "string, message", tag = "13")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offer_filters: BTreeMap<String, OfferFilters>,
}

/// `mesos.v1.FrameworkInfo.Capability`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Capability {
    #[prost(enumeration = "CapabilityType", optional, tag = "1")]
    #[serde(with = "json::Name::<CapabilityType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
}

enumeration! {
    /// `mesos.v1.FrameworkInfo.Capability.Type`
    CapabilityType {
        Unknown = 0, "UNKNOWN";
        RevocableResources = 1, "REVOCABLE_RESOURCES";
        TaskKillingState = 2, "TASK_KILLING_STATE";
        GpuResources = 3, "GPU_RESOURCES";
        SharedResources = 4, "SHARED_RESOURCES";
        PartitionAware = 5, "PARTITION_AWARE";
        MultiRole = 6, "MULTI_ROLE";
        ReservationRefinement = 7, "RESERVATION_REFINEMENT";
        RegionAware = 8, "REGION_AWARE";
    }
}

/// `mesos.v1.OfferFilters`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct OfferFilters {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_allocatable_resources: Option<MinAllocatableResources>,
}

/// `mesos.v1.OfferFilters.MinAllocatableResources`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MinAllocatableResources {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantities: Vec<ResourceQuantities>,
}

/// `mesos.v1.OfferFilters.ResourceQuantities`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceQuantities {
    #[prost(btree_map = "string, message", tag = "1")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quantities: BTreeMap<String, Scalar>,
}
