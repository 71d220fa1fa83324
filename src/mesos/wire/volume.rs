//! Images and volumes.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;
use super::label::{Labels, Parameters};
use super::secret::{Credential, Secret};

/// `mesos.v1.Image`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    #[prost(enumeration = "ImageType", optional, tag = "1")]
    #[serde(with = "json::Name::<ImageType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appc: Option<AppcImage>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerImage>,
    #[prost(bool, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
}

enumeration! {
    /// `mesos.v1.Image.Type`
    ImageType {
        Appc = 1, "APPC";
        Docker = 2, "DOCKER";
    }
}

/// `mesos.v1.Image.Docker`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerImage {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Secret>,
}

/// `mesos.v1.Image.Appc`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct AppcImage {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
}

/// `mesos.v1.Volume`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_path: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    #[prost(enumeration = "VolumeMode", optional, tag = "3")]
    #[serde(with = "json::Name::<VolumeMode>", skip_serializing_if = "Option::is_none")]
    pub mode: Option<i32>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<VolumeSource>,
}

enumeration! {
    /// `mesos.v1.Volume.Mode`
    VolumeMode {
        Rw = 1, "RW";
        Ro = 2, "RO";
    }
}

/// `mesos.v1.Volume.Source`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSource {
    #[prost(enumeration = "VolumeSourceType", optional, tag = "1")]
    #[serde(with = "json::Name::<VolumeSourceType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_volume: Option<DockerVolume>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_path: Option<SandboxPath>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<HostPath>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi_volume: Option<CSIVolume>,
}

enumeration! {
    /// `mesos.v1.Volume.Source.Type`
    VolumeSourceType {
        Unknown = 0, "UNKNOWN";
        DockerVolume = 1, "DOCKER_VOLUME";
        SandboxPath = 2, "SANDBOX_PATH";
        Secret = 3, "SECRET";
        HostPath = 4, "HOST_PATH";
        CsiVolume = 5, "CSI_VOLUME";
    }
}

/// `mesos.v1.Volume.Source.DockerVolume`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerVolume {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_options: Option<Parameters>,
}

/// `mesos.v1.Volume.Source.HostPath`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct HostPath {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_propagation: Option<MountPropagation>,
}

/// `mesos.v1.Volume.Source.SandboxPath`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SandboxPath {
    #[prost(enumeration = "SandboxPathType", optional, tag = "1")]
    #[serde(with = "json::Name::<SandboxPathType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

enumeration! {
    /// `mesos.v1.Volume.Source.SandboxPath.Type`
    SandboxPathType {
        Unknown = 0, "UNKNOWN";
        Own = 1, "SELF";
        Parent = 2, "PARENT";
    }
}

/// `mesos.v1.Volume.Source.CSIVolume`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CSIVolume {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_name: Option<String>,
}

/// `mesos.v1.MountPropagation`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MountPropagation {
    #[prost(enumeration = "MountPropagationMode", optional, tag = "1")]
    #[serde(with = "json::Name::<MountPropagationMode>", skip_serializing_if = "Option::is_none")]
    pub mode: Option<i32>,
}

enumeration! {
    /// `mesos.v1.MountPropagation.Mode`
    MountPropagationMode {
        Unknown = 0, "UNKNOWN";
        HostToContainer = 1, "HOST_TO_CONTAINER";
        Bidirectional = 2, "BIDIRECTIONAL";
    }
}
