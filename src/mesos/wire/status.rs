//! Task and operation status.

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::check::CheckStatusInfo;
use super::enumeration;
use super::id::{AgentId, ContainerId, ExecutorId, OperationId, ResourceProviderId, TaskId};
use super::json;
use super::label::Labels;
use super::network::NetworkInfo;
use super::resource::Resource;
use super::time::TimeInfo;

/// `mesos.v1.TaskStatus`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskStatus {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    #[prost(enumeration = "TaskState", optional, tag = "2")]
    #[serde(with = "json::Name::<TaskState>", skip_serializing_if = "Option::is_none")]
    pub state: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
    #[prost(string, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(double, optional, tag = "6")]
    #[serde(with = "json::double", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor_id: Option<ExecutorId>,
    #[prost(bool, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    #[prost(enumeration = "StatusSource", optional, tag = "9")]
    #[serde(with = "json::Name::<StatusSource>", skip_serializing_if = "Option::is_none")]
    pub source: Option<i32>,
    #[prost(enumeration = "Reason", optional, tag = "10")]
    #[serde(with = "json::Name::<Reason>", skip_serializing_if = "Option::is_none")]
    pub reason: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "11")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Bytes>,
    #[prost(message, optional, tag = "12")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    #[prost(message, optional, tag = "13")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_status: Option<ContainerStatus>,
    #[prost(message, optional, tag = "14")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable_time: Option<TimeInfo>,
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_status: Option<CheckStatusInfo>,
    #[prost(message, optional, tag = "16")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limitation: Option<TaskResourceLimitation>,
}

enumeration! {
    /// `mesos.v1.TaskStatus.Source`
    StatusSource {
        Master = 0, "SOURCE_MASTER";
        Agent = 1, "SOURCE_AGENT";
        Executor = 2, "SOURCE_EXECUTOR";
    }
}

enumeration! {
    /// `mesos.v1.TaskState`
    TaskState {
        Starting = 0, "TASK_STARTING";
        Running = 1, "TASK_RUNNING";
        Finished = 2, "TASK_FINISHED";
        Failed = 3, "TASK_FAILED";
        Killed = 4, "TASK_KILLED";
        Lost = 5, "TASK_LOST";
        Staging = 6, "TASK_STAGING";
        Error = 7, "TASK_ERROR";
        Killing = 8, "TASK_KILLING";
        Dropped = 9, "TASK_DROPPED";
        Unreachable = 10, "TASK_UNREACHABLE";
        Gone = 11, "TASK_GONE";
        GoneByOperator = 12, "TASK_GONE_BY_OPERATOR";
        Unknown = 13, "TASK_UNKNOWN";
    }
}

enumeration! {
    /// `mesos.v1.TaskStatus.Reason`
    Reason {
        CommandExecutorFailed = 0, "REASON_COMMAND_EXECUTOR_FAILED";
        ExecutorTerminated = 1, "REASON_EXECUTOR_TERMINATED";
        ExecutorUnregistered = 2, "REASON_EXECUTOR_UNREGISTERED";
        FrameworkRemoved = 3, "REASON_FRAMEWORK_REMOVED";
        GcError = 4, "REASON_GC_ERROR";
        InvalidFrameworkid = 5, "REASON_INVALID_FRAMEWORKID";
        InvalidOffers = 6, "REASON_INVALID_OFFERS";
        MasterDisconnected = 7, "REASON_MASTER_DISCONNECTED";
        ContainerLimitationMemory = 8, "REASON_CONTAINER_LIMITATION_MEMORY";
        Reconciliation = 9, "REASON_RECONCILIATION";
        AgentDisconnected = 10, "REASON_AGENT_DISCONNECTED";
        AgentRemoved = 11, "REASON_AGENT_REMOVED";
        AgentRestarted = 12, "REASON_AGENT_RESTARTED";
        AgentUnknown = 13, "REASON_AGENT_UNKNOWN";
        TaskInvalid = 14, "REASON_TASK_INVALID";
        TaskUnauthorized = 15, "REASON_TASK_UNAUTHORIZED";
        TaskUnknown = 16, "REASON_TASK_UNKNOWN";
        ContainerPreempted = 17, "REASON_CONTAINER_PREEMPTED";
        ResourcesUnknown = 18, "REASON_RESOURCES_UNKNOWN";
        ContainerLimitation = 19, "REASON_CONTAINER_LIMITATION";
        ContainerLimitationDisk = 20, "REASON_CONTAINER_LIMITATION_DISK";
        ContainerLaunchFailed = 21, "REASON_CONTAINER_LAUNCH_FAILED";
        ContainerUpdateFailed = 22, "REASON_CONTAINER_UPDATE_FAILED";
        ExecutorRegistrationTimeout = 23, "REASON_EXECUTOR_REGISTRATION_TIMEOUT";
        ExecutorReregistrationTimeout = 24, "REASON_EXECUTOR_REREGISTRATION_TIMEOUT";
        TaskGroupInvalid = 25, "REASON_TASK_GROUP_INVALID";
        TaskGroupUnauthorized = 26, "REASON_TASK_GROUP_UNAUTHORIZED";
        IoSwitchboardExited = 27, "REASON_IO_SWITCHBOARD_EXITED";
        TaskCheckStatusUpdated = 28, "REASON_TASK_CHECK_STATUS_UPDATED";
        TaskHealthCheckStatusUpdated = 29, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED";
        TaskKilledDuringLaunch = 30, "REASON_TASK_KILLED_DURING_LAUNCH";
        AgentRemovedByOperator = 31, "REASON_AGENT_REMOVED_BY_OPERATOR";
        AgentReregistered = 32, "REASON_AGENT_REREGISTERED";
        MaxCompletionTimeReached = 33, "REASON_MAX_COMPLETION_TIME_REACHED";
        AgentDraining = 34, "REASON_AGENT_DRAINING";
    }
}

/// `mesos.v1.ContainerStatus`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_infos: Vec<NetworkInfo>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_info: Option<CgroupInfo>,
    #[prost(uint32, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor_pid: Option<u32>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<ContainerId>,
}

/// `mesos.v1.CgroupInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CgroupInfo {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_cls: Option<NetCls>,
}

/// `mesos.v1.CgroupInfo.NetCls`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct NetCls {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classid: Option<u32>,
}

/// `mesos.v1.TaskResourceLimitation`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskResourceLimitation {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
}

/// `mesos.v1.OperationStatus`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationStatus {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    #[prost(enumeration = "OperationState", optional, tag = "2")]
    #[serde(with = "json::Name::<OperationState>", skip_serializing_if = "Option::is_none")]
    pub state: Option<i32>,
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[prost(message, repeated, tag = "4")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub converted_resources: Vec<Resource>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_provider_id: Option<ResourceProviderId>,
}

enumeration! {
    /// `mesos.v1.OperationState`
    OperationState {
        Unsupported = 0, "OPERATION_UNSUPPORTED";
        Pending = 1, "OPERATION_PENDING";
        Finished = 2, "OPERATION_FINISHED";
        Failed = 3, "OPERATION_FAILED";
        Error = 4, "OPERATION_ERROR";
        Dropped = 5, "OPERATION_DROPPED";
        Unreachable = 6, "OPERATION_UNREACHABLE";
        GoneByOperator = 7, "OPERATION_GONE_BY_OPERATOR";
        Recovering = 8, "OPERATION_RECOVERING";
        Unknown = 9, "OPERATION_UNKNOWN";
    }
}

/// `mesos.v1.UUID`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Uuid {
    #[prost(bytes = "bytes", optional, tag = "1")]
    #[serde(with = "json::base64", skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes>,
}
