//! The one call of the operator's API that a scheduler makes: which frameworks the master knows.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::framework::FrameworkInfo;
use super::json;
use super::resource::Resource;
use super::time::TimeInfo;

/// `mesos.v1.master.Call`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    #[prost(enumeration = "CallType", optional, tag = "1")]
    #[serde(with = "json::Name::<CallType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
}

enumeration! {
    /// `mesos.v1.master.Call.Type`
    CallType {
        GetFrameworks = 11, "GET_FRAMEWORKS";
    }
}

/// `mesos.v1.master.Response`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Response {
    #[prost(enumeration = "ResponseType", optional, tag = "1")]
    #[serde(with = "json::Name::<ResponseType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get_frameworks: Option<GetFrameworks>,
}

enumeration! {
    /// `mesos.v1.master.Response.Type`
    ResponseType {
        GetFrameworks = 10, "GET_FRAMEWORKS";
    }
}

/// `mesos.v1.master.Response.GetFrameworks`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct GetFrameworks {
    /// Those that are disconnected too.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frameworks: Vec<Framework>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub completed_frameworks: Vec<Framework>,
}

/// `mesos.v1.master.Response.GetFrameworks.Framework`, without its offers
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Framework {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework_info: Option<FrameworkInfo>,
    #[prost(bool, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    #[prost(bool, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_time: Option<TimeInfo>,
    /// Held by its tasks.
    #[prost(message, repeated, tag = "9")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allocated_resources: Vec<Resource>,
    #[prost(message, repeated, tag = "10")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offered_resources: Vec<Resource>,
    #[prost(bool, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
}
