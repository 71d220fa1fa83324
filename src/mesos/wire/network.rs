//! Container networks.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;
use super::label::Labels;

/// `mesos.v1.NetworkInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkInfo {
    #[prost(string, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<IpAddress>,
    #[prost(string, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<NetworkPortMapping>,
}

enumeration! {
    /// `mesos.v1.NetworkInfo.Protocol`
    NetworkProtocol {
        Ipv4 = 1, "IPv4";
        Ipv6 = 2, "IPv6";
    }
}

/// `mesos.v1.NetworkInfo.IPAddress`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct IpAddress {
    #[prost(enumeration = "NetworkProtocol", optional, tag = "1")]
    #[serde(with = "json::Name::<NetworkProtocol>", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// `mesos.v1.NetworkInfo.PortMapping`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkPortMapping {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_port: Option<u32>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}
