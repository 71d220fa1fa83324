//! Containers.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;
use super::label::Parameter;
use super::linux::{LinuxInfo, RLimitInfo, TtyInfo};
use super::network::NetworkInfo;
use super::volume::{Image, Volume};

/// `mesos.v1.ContainerInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerInfo {
    #[prost(enumeration = "ContainerType", optional, tag = "1")]
    #[serde(with = "json::Name::<ContainerType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerInfo>,
    #[prost(string, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesos: Option<MesosInfo>,
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_infos: Vec<NetworkInfo>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux_info: Option<LinuxInfo>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rlimit_info: Option<RLimitInfo>,
    #[prost(message, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty_info: Option<TtyInfo>,
}

enumeration! {
    /// `mesos.v1.ContainerInfo.Type`
    ContainerType {
        Docker = 1, "DOCKER";
        Mesos = 2, "MESOS";
    }
}

/// `mesos.v1.ContainerInfo.DockerInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[prost(enumeration = "DockerNetwork", optional, tag = "2")]
    #[serde(with = "json::Name::<DockerNetwork>", skip_serializing_if = "Option::is_none")]
    pub network: Option<i32>,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<DockerPortMapping>,
    #[prost(bool, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    #[prost(bool, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_pull_image: Option<bool>,
    #[prost(string, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_driver: Option<String>,
}

enumeration! {
    /// `mesos.v1.ContainerInfo.DockerInfo.Network`
    DockerNetwork {
        Host = 1, "HOST";
        Bridge = 2, "BRIDGE";
        None = 3, "NONE";
        User = 4, "USER";
    }
}

/// `mesos.v1.ContainerInfo.DockerInfo.PortMapping`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerPortMapping {
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

/// `mesos.v1.ContainerInfo.MesosInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MesosInfo {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
}
