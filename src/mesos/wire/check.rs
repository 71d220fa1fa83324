//! Health checks, checks and what they report.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::command::CommandInfo;
use super::enumeration;
use super::json;
use super::network::NetworkProtocol;

/// `mesos.v1.HealthCheck`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheckInfo>,
    #[prost(double, optional, tag = "2")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    #[prost(double, optional, tag = "3")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<f64>,
    #[prost(double, optional, tag = "4")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    #[prost(uint32, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_failures: Option<u32>,
    #[prost(double, optional, tag = "6")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<f64>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandInfo>,
    #[prost(enumeration = "HealthCheckType", optional, tag = "8")]
    #[serde(with = "json::Name::<HealthCheckType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheckInfo>,
}

enumeration! {
    /// `mesos.v1.HealthCheck.Type`
    HealthCheckType {
        Unknown = 0, "UNKNOWN";
        Command = 1, "COMMAND";
        Http = 2, "HTTP";
        Tcp = 3, "TCP";
    }
}

/// `mesos.v1.HealthCheck.HTTPCheckInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpCheckInfo {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    #[prost(uint32, repeated, packed = "false", tag = "4")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u32>,
    #[prost(enumeration = "NetworkProtocol", optional, tag = "5")]
    #[serde(with = "json::Name::<NetworkProtocol>", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
}

/// `mesos.v1.HealthCheck.TCPCheckInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpCheckInfo {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    #[prost(enumeration = "NetworkProtocol", optional, tag = "2")]
    #[serde(with = "json::Name::<NetworkProtocol>", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<i32>,
}

/// `mesos.v1.CheckInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckInfo {
    #[prost(enumeration = "CheckType", optional, tag = "1")]
    #[serde(with = "json::Name::<CheckType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CheckCommand>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<CheckHttp>,
    #[prost(double, optional, tag = "4")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    #[prost(double, optional, tag = "5")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<f64>,
    #[prost(double, optional, tag = "6")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<CheckTcp>,
}

enumeration! {
    /// `mesos.v1.CheckInfo.Type`
    CheckType {
        Unknown = 0, "UNKNOWN";
        Command = 1, "COMMAND";
        Http = 2, "HTTP";
        Tcp = 3, "TCP";
    }
}

/// `mesos.v1.CheckInfo.Command`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckCommand {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandInfo>,
}

/// `mesos.v1.CheckInfo.Http`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckHttp {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `mesos.v1.CheckInfo.Tcp`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckTcp {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
}

/// `mesos.v1.CheckStatusInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckStatusInfo {
    #[prost(enumeration = "CheckType", optional, tag = "1")]
    #[serde(with = "json::Name::<CheckType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CheckStatusCommand>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<CheckStatusHttp>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<CheckStatusTcp>,
}

/// `mesos.v1.CheckStatusInfo.Command`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckStatusCommand {
    #[prost(int32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// `mesos.v1.CheckStatusInfo.Http`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckStatusHttp {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u32>,
}

/// `mesos.v1.CheckStatusInfo.Tcp`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckStatusTcp {
    #[prost(bool, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<bool>,
}
