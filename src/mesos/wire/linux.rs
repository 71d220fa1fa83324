//! Linux specifics of containers.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;

/// `mesos.v1.LinuxInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LinuxInfo {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability_info: Option<CapabilityInfo>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounding_capabilities: Option<CapabilityInfo>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_capabilities: Option<CapabilityInfo>,
    #[prost(bool, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_pid_namespace: Option<bool>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompInfo>,
    #[prost(enumeration = "IpcMode", optional, tag = "6")]
    #[serde(with = "json::Name::<IpcMode>", skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<i32>,
    #[prost(uint32, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u32>,
    #[prost(bool, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_cgroups: Option<bool>,
}

enumeration! {
    /// `mesos.v1.LinuxInfo.IpcMode`
    IpcMode {
        Unknown = 0, "UNKNOWN";
        Private = 1, "PRIVATE";
        ShareParent = 2, "SHARE_PARENT";
    }
}

/// `mesos.v1.SeccompInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SeccompInfo {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_name: Option<String>,
    #[prost(bool, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfined: Option<bool>,
}

/// `mesos.v1.CapabilityInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CapabilityInfo {
    #[prost(enumeration = "LinuxCapability", repeated, packed = "false", tag = "1")]
    #[serde(with = "json::Names::<LinuxCapability>", skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<i32>,
}

enumeration! {
    /// `mesos.v1.CapabilityInfo.Capability`
    LinuxCapability {
        Unknown = 0, "UNKNOWN";
        Chown = 1000, "CHOWN";
        DacOverride = 1001, "DAC_OVERRIDE";
        DacReadSearch = 1002, "DAC_READ_SEARCH";
        Fowner = 1003, "FOWNER";
        Fsetid = 1004, "FSETID";
        Kill = 1005, "KILL";
        Setgid = 1006, "SETGID";
        Setuid = 1007, "SETUID";
        Setpcap = 1008, "SETPCAP";
        LinuxImmutable = 1009, "LINUX_IMMUTABLE";
        NetBindService = 1010, "NET_BIND_SERVICE";
        NetBroadcast = 1011, "NET_BROADCAST";
        NetAdmin = 1012, "NET_ADMIN";
        NetRaw = 1013, "NET_RAW";
        IpcLock = 1014, "IPC_LOCK";
        IpcOwner = 1015, "IPC_OWNER";
        SysModule = 1016, "SYS_MODULE";
        SysRawio = 1017, "SYS_RAWIO";
        SysChroot = 1018, "SYS_CHROOT";
        SysPtrace = 1019, "SYS_PTRACE";
        SysPacct = 1020, "SYS_PACCT";
        SysAdmin = 1021, "SYS_ADMIN";
        SysBoot = 1022, "SYS_BOOT";
        SysNice = 1023, "SYS_NICE";
        SysResource = 1024, "SYS_RESOURCE";
        SysTime = 1025, "SYS_TIME";
        SysTtyConfig = 1026, "SYS_TTY_CONFIG";
        Mknod = 1027, "MKNOD";
        Lease = 1028, "LEASE";
        AuditWrite = 1029, "AUDIT_WRITE";
        AuditControl = 1030, "AUDIT_CONTROL";
        Setfcap = 1031, "SETFCAP";
        MacOverride = 1032, "MAC_OVERRIDE";
        MacAdmin = 1033, "MAC_ADMIN";
        Syslog = 1034, "SYSLOG";
        WakeAlarm = 1035, "WAKE_ALARM";
        BlockSuspend = 1036, "BLOCK_SUSPEND";
        AuditRead = 1037, "AUDIT_READ";
        Perfmon = 1038, "PERFMON";
        Bpf = 1039, "BPF";
        CheckpointRestore = 1040, "CHECKPOINT_RESTORE";
    }
}

/// `mesos.v1.RLimitInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RLimitInfo {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<RLimit>,
}

/// `mesos.v1.RLimitInfo.RLimit`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RLimit {
    #[prost(enumeration = "RLimitType", optional, tag = "1")]
    #[serde(with = "json::Name::<RLimitType>", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<i32>,
    #[prost(uint64, optional, tag = "2")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub hard: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    #[serde(with = "json::integer", skip_serializing_if = "Option::is_none")]
    pub soft: Option<u64>,
}

enumeration! {
    /// `mesos.v1.RLimitInfo.RLimit.Type`
    RLimitType {
        Unknown = 0, "UNKNOWN";
        As = 1, "RLMT_AS";
        Core = 2, "RLMT_CORE";
        Cpu = 3, "RLMT_CPU";
        Data = 4, "RLMT_DATA";
        Fsize = 5, "RLMT_FSIZE";
        Locks = 6, "RLMT_LOCKS";
        Memlock = 7, "RLMT_MEMLOCK";
        Msgqueue = 8, "RLMT_MSGQUEUE";
        Nice = 9, "RLMT_NICE";
        Nofile = 10, "RLMT_NOFILE";
        Nproc = 11, "RLMT_NPROC";
        Rss = 12, "RLMT_RSS";
        Rtprio = 13, "RLMT_RTPRIO";
        Rttime = 14, "RLMT_RTTIME";
        Sigpending = 15, "RLMT_SIGPENDING";
        Stack = 16, "RLMT_STACK";
    }
}

/// `mesos.v1.TTYInfo`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TtyInfo {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_size: Option<WindowSize>,
}

/// `mesos.v1.TTYInfo.WindowSize`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowSize {
    #[prost(uint32, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<u32>,
}
