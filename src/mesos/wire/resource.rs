//! Resources, reservations, disks, values and attributes. Every field is present: an offered
//! resource goes back into LAUNCH exactly as it came, else the master does not find it in the offer.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::id::ResourceProviderId;
use super::json;
use super::label::Labels;
use super::volume::Volume;

/// `mesos.v1.Resource`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(enumeration = "ValueType", optional, tag = "2")]
    #[serde(with = "json::Name::<ValueType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalar: Option<Scalar>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Set>,
    #[prost(string, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Boxed, as [`Self::reservation`] is: large, and seldom there.
    #[prost(message, optional, boxed, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Box<DiskInfo>>,
    #[prost(message, optional, boxed, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Box<ReservationInfo>>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocable: Option<RevocableInfo>,
    #[prost(message, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedInfo>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_info: Option<AllocationInfo>,
    #[prost(message, optional, tag = "12")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ResourceProviderId>,
    #[prost(message, repeated, tag = "13")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<ReservationInfo>,
}

/// `mesos.v1.Resource.AllocationInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct AllocationInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// `mesos.v1.Resource.ReservationInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ReservationInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[prost(enumeration = "ReservationType", optional, tag = "4")]
    #[serde(with = "json::Name::<ReservationType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
}

enumeration! {
    /// `mesos.v1.Resource.ReservationInfo.Type`
    ReservationType {
        Unknown = 0, "UNKNOWN";
        Static = 1, "STATIC";
        Dynamic = 2, "DYNAMIC";
    }
}

/// `mesos.v1.Resource.DiskInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskInfo {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistence: Option<Persistence>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<DiskSource>,
}

/// `mesos.v1.Resource.DiskInfo.Persistence`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Persistence {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// `mesos.v1.Resource.DiskInfo.Source`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskSource {
    #[prost(enumeration = "DiskSourceType", optional, tag = "1")]
    #[serde(with = "json::Name::<DiskSourceType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<DiskSourcePath>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<DiskSourceMount>,
    #[prost(string, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Labels>,
    #[prost(string, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[prost(string, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

enumeration! {
    /// `mesos.v1.Resource.DiskInfo.Source.Type`
    DiskSourceType {
        Unknown = 0, "UNKNOWN";
        Path = 1, "PATH";
        Mount = 2, "MOUNT";
        Block = 3, "BLOCK";
        Raw = 4, "RAW";
    }
}

/// `mesos.v1.Resource.DiskInfo.Source.Path`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskSourcePath {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// `mesos.v1.Resource.DiskInfo.Source.Mount`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskSourceMount {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// `mesos.v1.Resource.RevocableInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RevocableInfo {}

/// `mesos.v1.Resource.SharedInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SharedInfo {}

enumeration! {
    /// `mesos.v1.Value.Type`
    ValueType {
        Scalar = 0, "SCALAR";
        Ranges = 1, "RANGES";
        Set = 2, "SET";
        Text = 3, "TEXT";
    }
}

/// `mesos.v1.Value.Scalar`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Scalar {
    #[prost(double, optional, tag = "1")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// `mesos.v1.Value.Range`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Range {
    #[prost(uint64, optional, tag = "1")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub begin: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

/// `mesos.v1.Value.Ranges`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Ranges {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub range: Vec<Range>,
}

/// `mesos.v1.Value.Set`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Set {
    #[prost(string, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<String>,
}

/// `mesos.v1.Value.Text`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `mesos.v1.Attribute`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Attribute {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(enumeration = "ValueType", optional, tag = "2")]
    #[serde(with = "json::Name::<ValueType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalar: Option<Scalar>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Ranges>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Set>,
}
