//! Service discovery.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;
use super::label::Labels;

/// `mesos.v1.DiscoveryInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoveryInfo {
    #[prost(enumeration = "Visibility", optional, tag = "1")]
    #[serde(with = "json::Name::<Visibility>", skip_serializing_if = "Option::is_none")]
    pub visibility: Option<i32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[prost(string, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[prost(string, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Ports>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
}

enumeration! {
    /// `mesos.v1.DiscoveryInfo.Visibility`
    Visibility {
        Framework = 0, "FRAMEWORK";
        Cluster = 1, "CLUSTER";
        External = 2, "EXTERNAL";
    }
}

/// `mesos.v1.Ports`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Ports {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// `mesos.v1.Port`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[prost(enumeration = "Visibility", optional, tag = "4")]
    #[serde(with = "json::Name::<Visibility>", skip_serializing_if = "Option::is_none")]
    pub visibility: Option<i32>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
}
