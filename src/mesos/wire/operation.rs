//! What may be done with an offer.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::id::OperationId;
use super::json;
use super::resource::{DiskSourceType, Resource, Scalar};
use super::task::{ExecutorInfo, TaskGroupInfo, TaskInfo};

/// `mesos.v1.Offer.Operation`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    #[prost(enumeration = "OperationType", optional, tag = "1")]
    #[serde(with = "json::Name::<OperationType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreserve: Option<Unreserve>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroy: Option<Destroy>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_group: Option<LaunchGroup>,
    #[prost(message, optional, tag = "12")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<OperationId>,
    #[prost(message, optional, tag = "13")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grow_volume: Option<GrowVolume>,
    #[prost(message, optional, tag = "14")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink_volume: Option<ShrinkVolume>,
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_disk: Option<CreateDisk>,
    #[prost(message, optional, tag = "16")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroy_disk: Option<DestroyDisk>,
}

enumeration! {
    /// `mesos.v1.Offer.Operation.Type`
    OperationType {
        Unknown = 0, "UNKNOWN";
        Launch = 1, "LAUNCH";
        Reserve = 2, "RESERVE";
        Unreserve = 3, "UNRESERVE";
        Create = 4, "CREATE";
        Destroy = 5, "DESTROY";
        LaunchGroup = 6, "LAUNCH_GROUP";
        GrowVolume = 11, "GROW_VOLUME";
        ShrinkVolume = 12, "SHRINK_VOLUME";
        CreateDisk = 13, "CREATE_DISK";
        DestroyDisk = 14, "DESTROY_DISK";
    }
}

/// `mesos.v1.Offer.Operation.Launch`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_infos: Vec<TaskInfo>,
}

/// `mesos.v1.Offer.Operation.LaunchGroup`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LaunchGroup {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<ExecutorInfo>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_group: Option<TaskGroupInfo>,
}

/// `mesos.v1.Offer.Operation.Reserve`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Reserve {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<Resource>,
}

/// `mesos.v1.Offer.Operation.Unreserve`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Unreserve {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
}

/// `mesos.v1.Offer.Operation.Create`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Create {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Resource>,
}

/// `mesos.v1.Offer.Operation.Destroy`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Destroy {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Resource>,
}

/// `mesos.v1.Offer.Operation.GrowVolume`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct GrowVolume {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Resource>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addition: Option<Resource>,
}

/// `mesos.v1.Offer.Operation.ShrinkVolume`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ShrinkVolume {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Resource>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtract: Option<Scalar>,
}

/// `mesos.v1.Offer.Operation.CreateDisk`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateDisk {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Resource>,
    #[prost(enumeration = "DiskSourceType", optional, tag = "2")]
    #[serde(with = "json::Name::<DiskSourceType>", skip_serializing_if = "Option::is_none")]
    pub target_type: Option<i32>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_profile: Option<String>,
}

/// `mesos.v1.Offer.Operation.DestroyDisk`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DestroyDisk {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Resource>,
}
