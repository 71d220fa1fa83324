//! Points and spans of time, in nanoseconds.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::json;

/// `mesos.v1.Unavailability`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Unavailability {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<TimeInfo>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<DurationInfo>,
}

/// `mesos.v1.TimeInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeInfo {
    #[prost(int64, optional, tag = "1")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub nanoseconds: Option<i64>,
}

/// `mesos.v1.DurationInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DurationInfo {
    #[prost(int64, optional, tag = "1")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub nanoseconds: Option<i64>,
}
