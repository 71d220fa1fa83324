//! Dialling home: an AppMaster that a dispatcher has launched asks it for orders, and tells how it is with each question. The
//! dispatcher holds the answer back until there is something to order, [`HOLD`] at most, so no port of the AppMaster takes
//! orders.
//!
//! `POST /v1/appmasters/<task id>` with the task's token as bearer has a [`Report`] as body, and an [`Envelope`] as answer.

#![forbid(unsafe_code)]

mod client;
mod driver;
mod home;
mod ledger;
mod parting;

use std::fmt;
use std::time::Duration;

use domain::job::{Rules, SessionJob};
use domain::remains::Remains;
use serde::{Deserialize, Serialize};

pub use domain::carried::Carried;
pub use driver::{Cluster, Memory, Superseded, keep};
pub use home::{Home, HomeError, Told};
pub use ledger::Ledger;
pub use parting::remains;

/// Fields and orders may be added to a version; an older side passes over what it does not know.
pub const PROTOCOL: u32 = 1;

/// A dispatcher answers after so long at the latest.
pub const HOLD: Duration = Duration::from_secs(20);

/// One answer has so many orders at most; others come with the next one.
pub const MAX_ORDERS: usize = 32;

/// A longer answer is none of a dispatcher.
pub const MAX_ANSWER_BYTES: usize = 256 << 10;

/// Where the reports of a task go, below a dispatcher's address.
pub fn path(task_id: &str) -> String {
    format!("/v1/appmasters/{task_id}")
}

/// What an AppMaster tells with each question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub protocol: u32,
    pub task_id: String,
    /// As the dispatcher counts the AppMasters of one cluster.
    pub attempt: u32,
    /// How long the answer may be held back; 0 where the AppMaster only wants to know whether somebody answers.
    pub hold_ms: u64,
    /// None while the worker cannot tell.
    pub status: Option<Status>,
    /// What came of orders, until the dispatcher says that it has stored that.
    pub outcomes: Vec<Outcome>,
    /// Where it was told last that dispatchers are; when that is no longer so, it is answered at once.
    #[serde(default)]
    pub dispatchers: Vec<String>,
    /// It is being stopped, and asks what shall remain of its cluster.
    #[serde(default)]
    pub leaves: bool,
}

/// The status of a cluster in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    pub standing: Standing,
    pub framework_name: String,
    pub framework_id: Option<String>,
    pub subscribed: bool,
    /// The REST API of the JobManager that leads, where it is known.
    pub flink_url: Option<String>,
    pub status_url: Option<String>,
    /// How many TaskManagers to keep, and how many run.
    pub target: u32,
    pub running: u32,
    /// None while the JobManager does not tell.
    pub jobs_running: Option<u32>,
    /// Why TaskManagers are missing, if any are.
    pub waiting: Option<String>,
}

/// How an AppMaster stands to the others of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There are no others.
    Alone,
    Leader,
    /// It leads, but does nothing until ZooKeeper answers.
    Suspended,
    Standby,
    /// It takes no part in the election.
    Away,
    /// One that a newer program knows.
    #[serde(other)]
    Unknown,
}

impl Standing {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Leader => "leader",
            Self::Suspended => "suspended",
            Self::Standby => "standby",
            Self::Away => "away",
            Self::Unknown => "unknown",
        }
    }
}

/// What a dispatcher answers, with any HTTP status. A status alone means nothing but that there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub protocol: u32,
    /// Whom it is for.
    pub task_id: String,
    /// Where all dispatchers are, as far as the one that answers knows: reports may go to any of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dispatchers: Vec<String>,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Orders {
        /// Those without a stored outcome, whether they were sent before or not.
        orders: Vec<Order>,
        /// The outcomes of orders up to this id are stored.
        #[serde(default)]
        stored: u64,
        /// Of the cluster, if this AppMaster is being stopped.
        #[serde(default)]
        remains: Remains,
    },
    /// Another attempt is the current one: this AppMaster leaves at once, and tears nothing down.
    Superseded { attempt: u32 },
}

/// Ids are the dispatcher's, begin with 1 and grow from order to order to one task. An order is carried out once, however
/// often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum What {
    /// How many TaskManagers to keep.
    Scale { taskmanagers: u32 },
    /// Replace a TaskManager: start a new one, stop the old one once it has registered.
    Replace { taskmanager: String },
    /// Give the session a job, unless its JobManager has one of this id.
    Submit {
        job_id: String,
        job: SessionJob,
        /// For a jar that is on a server.
        #[serde(default)]
        rules: Rules,
    },
    /// End the cluster and its framework; unless it is forced, only where no job runs. The end of the task may be its only
    /// outcome.
    End {
        #[serde(default)]
        force: bool,
    },
    /// One that a newer dispatcher knows.
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of the order.
    pub id: u64,
    #[serde(flatten)]
    pub result: Carried,
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale { taskmanagers } => write!(out, "keep {taskmanagers} TaskManagers"),
            Self::Replace { taskmanager } => write!(out, "replace the TaskManager {taskmanager}"),
            Self::Submit { job_id, .. } => write!(out, "submit job {job_id}"),
            Self::End { force: true } => out.write_str("end the cluster even if jobs run"),
            Self::End { force: false } => out.write_str("end the cluster"),
            Self::Unknown => out.write_str("do something that this version does not know"),
        }
    }
}

#[cfg(test)]
mod tests;
