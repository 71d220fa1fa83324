//! Secrets and credentials.

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;

/// `mesos.v1.Secret`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    #[prost(enumeration = "SecretType", optional, tag = "1")]
    #[serde(with = "json::Name::<SecretType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<SecretReference>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<SecretValue>,
}

enumeration! {
    /// `mesos.v1.Secret.Type`
    SecretType {
        Unknown = 0, "UNKNOWN";
        Reference = 1, "REFERENCE";
        Value = 2, "VALUE";
    }
}

/// `mesos.v1.Secret.Reference`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretReference {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// `mesos.v1.Secret.Value`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretValue {
    #[prost(bytes = "bytes", optional, tag = "1")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}

/// `mesos.v1.Credential`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}
