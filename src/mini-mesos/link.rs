//! The link between a master and an agent on another host: a connection to the master's port, upgraded from HTTP,
//! that carries RecordIO of JSON both ways. The agent greets first; the master welcomes or refuses it.

mod dial;
#[cfg(feature = "faults")]
mod mishap;

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use mesos::recordio::{self, Decoder, RecordError};
use mesos::wire::id::AgentId;

use super::master::AgentDescription;
use super::message::ToAgent;

pub use dial::{DialError, Link, dial};
#[cfg(feature = "faults")]
pub use mishap::Mishap;

/// Where the master waits for it.
pub const PATH: &str = "/mini/agent";

/// What stands in the `Upgrade` header before the version.
pub const NAME: &str = "flink-on-mesos-agent";

/// Of the records; both sides have to have the same.
pub const VERSION: u32 = 1;

/// Records that wait for a slow peer; one that falls further behind is cut off.
pub const MAX_RECORDS_WAITING: usize = 4096;

/// The longest record: an agent that registers names every task with its framework, some 10 KB each.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// How long one record may take to leave; a peer that reads nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

const READ_BYTES: usize = 64 << 10;

/// The first record from the agent; all others are [`FromAgent`](super::message::FromAgent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Greeting {
    /// One without an id, which registers with it.
    New(AgentDescription),
    /// One that a master has named; its registration comes next.
    Known(AgentId),
}

/// A record from the master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToHost {
    Welcome(Welcome),
    Refused {
        why: String,
    },
    Tell(ToAgent),
    #[cfg(feature = "faults")]
    Mishap(Mishap),
}

/// The answer to a greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub id: AgentId,
    /// Between two pings.
    pub agent_ping: Duration,
    pub agent_pings_missed_most: u32,
    /// How many times as fast the master's time passes.
    pub time_scale: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("cannot read from the link")]
    Read(#[source] io::Error),
    #[error("cannot write to the link")]
    Write(#[source] io::Error),
    #[error("the other side has read nothing for {} s", WRITE_TIMEOUT.as_secs())]
    Stuck,
    #[error("what came over the link is not of this protocol")]
    Record(#[from] RecordError),
    #[error("the link carries a record of another kind")]
    Kind(#[source] serde_json::Error),
}

/// The records that arrive.
pub struct Records<R> {
    reader: R,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> Records<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, decoder: Decoder::with_limit(MAX_RECORD_BYTES) }
    }

    /// The next one, or `None` at the end. Nothing is lost when nobody waits to the end.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LinkError> {
        loop {
            if let Some(record) = self.decoder.next_record()? {
                return serde_json::from_slice(&record).map(Some).map_err(LinkError::Kind);
            }
            let mut chunk = BytesMut::with_capacity(READ_BYTES);
            if self.reader.read_buf(&mut chunk).await.map_err(LinkError::Read)? == 0 {
                return Ok(None);
            }
            self.decoder.push(chunk.freeze());
        }
    }
}

/// Sends what comes out of the channel until that is closed.
pub async fn send_all<T: Serialize>(
    mut writer: impl AsyncWrite + Unpin,
    mut outgoing: mpsc::Receiver<T>,
) -> Result<(), LinkError> {
    while let Some(record) = outgoing.recv().await {
        send(&mut writer, &record).await?;
    }
    // The other side may have closed it first.
    let _ = writer.shutdown().await;
    Ok(())
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), record: &impl Serialize) -> Result<(), LinkError> {
    let record = serde_json::to_vec(record).map_err(LinkError::Kind)?;
    let mut bytes = BytesMut::new();
    recordio::encode(&record, &mut bytes);
    let written = async {
        writer.write_all(&bytes).await?;
        writer.flush().await
    };
    timeout(WRITE_TIMEOUT, written).await.map_err(|_| LinkError::Stuck)?.map_err(LinkError::Write)
}

/// As in the `Upgrade` header.
pub fn protocol() -> String {
    format!("{NAME}/{VERSION}")
}

#[cfg(test)]
mod tests {
    use crate::message::{FromAgent, Registration, Reported};
    use crate::resources::{parse, parse_attributes};
    use mesos::wire::framework::FrameworkInfo;
    use mesos::wire::status::{TaskState, TaskStatus};
    use mesos::wire::task::TaskInfo;

    use super::*;
    use crate::message::Run;
    use mesos::wire::id::{FrameworkId, TaskId};

    fn registration() -> FromAgent {
        let task = TaskInfo {
            task_id: Some(TaskId::new("t")),
            data: Some(bytes::Bytes::from_static(&[0, 255])),
            ..TaskInfo::default()
        };
        let status = TaskStatus {
            uuid: Some(bytes::Bytes::from_static(&[7; 16])),
            timestamp: Some(1.5),
            ..TaskStatus::default()
        };
        let run = Run {
            framework: FrameworkId::new("f"),
            info: Box::new(FrameworkInfo { name: Some("Flink".to_owned()), ..FrameworkInfo::default() }),
            task,
            role: "flink".to_owned(),
        };
        let resources = parse("cpus:1.5;cpus(flink):2;ports:[1-4];mem:64").expect("resources");
        let description = AgentDescription {
            hostname: "h".to_owned(),
            ip: "127.0.0.2".to_owned(),
            port: 5051,
            number: 1,
            attributes: parse_attributes("rack:r1;generation:2").expect("attributes"),
            domain: None,
            resources: resources.allocated_to("flink"),
        };
        let tasks = vec![Reported { run, latest: TaskState::Running, status: Some(status) }];
        FromAgent::Registering(Box::new(Registration { id: AgentId::new("S0"), description, tasks }))
    }

    #[tokio::test]
    async fn records_arrive_as_they_were_sent() {
        // So small that each record is in pieces.
        let (near, far) = tokio::io::duplex(16);
        let (sender, outgoing) = mpsc::channel(2);
        let sent = registration();
        assert!(sender.try_send(sent.clone()).is_ok() && sender.try_send(FromAgent::Pong).is_ok());
        drop(sender);
        let sending = tokio::spawn(send_all(near, outgoing));
        let mut records = Records::new(far);
        for expected in [Some(sent), Some(FromAgent::Pong), None] {
            assert_eq!(records.next::<FromAgent>().await.expect("a link"), expected);
        }
        sending.await.expect("no panic").expect("all sent");
    }

    #[tokio::test]
    async fn what_is_no_record_or_too_long_ends_the_link() {
        for (bytes, why) in [
            (&b"GET / HTTP/1.1"[..], "what came over the link is not of this protocol"),
            (b"99999999999\n", "what came over the link is not of this protocol"),
            (b"2\n{}", "the link carries a record of another kind"),
        ] {
            let error = Records::new(bytes).next::<FromAgent>().await.expect_err("no record");
            assert_eq!(error.to_string(), why);
        }
    }
}
