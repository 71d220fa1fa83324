//! The calls of an agent's operator API that show what is in sandboxes.

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;
use super::time::TimeInfo;

/// `mesos.v1.agent.Call`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    #[prost(enumeration = "CallType", optional, tag = "1")]
    #[serde(with = "json::Name::<CallType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_files: Option<ListFiles>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_file: Option<ReadFile>,
}

enumeration! {
    /// `mesos.v1.agent.Call.Type`
    CallType {
        ListFiles = 7, "LIST_FILES";
        ReadFile = 8, "READ_FILE";
    }
}

/// `mesos.v1.agent.Call.ListFiles`
#[derive(Clone, PartialEq, Eq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ListFiles {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `mesos.v1.agent.Call.ReadFile`
#[derive(Clone, PartialEq, Eq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadFile {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// An agent reads 16 pages at most.
    #[prost(uint64, optional, tag = "3")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// `mesos.v1.agent.Response`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Response {
    #[prost(enumeration = "ResponseType", optional, tag = "1")]
    #[serde(with = "json::Name::<ResponseType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_files: Option<FilesListed>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_file: Option<FileRead>,
}

enumeration! {
    /// `mesos.v1.agent.Response.Type`
    ResponseType {
        ListFiles = 6, "LIST_FILES";
        ReadFile = 7, "READ_FILE";
    }
}

/// `mesos.v1.agent.Response.ListFiles`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FilesListed {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_infos: Vec<FileInfo>,
}

/// `mesos.v1.FileInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FileInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[prost(int32, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nlink: Option<i32>,
    #[prost(uint64, optional, tag = "3")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it was written to last.
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime: Option<TimeInfo>,
    #[prost(uint32, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    #[prost(string, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[prost(string, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
}

/// `mesos.v1.agent.Response.ReadFile`
#[derive(Clone, PartialEq, Eq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRead {
    /// Of the whole file.
    #[prost(uint64, optional, tag = "1")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}
