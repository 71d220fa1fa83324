//! What is asked of a log, at a dispatcher and at an AppMaster alike.

use std::sync::Arc;

use base::log;
use bytes::Bytes;
use futures_util::{Stream, stream};
use mesos::client::operator::Operator;
use serde::{Deserialize, Serialize};

use super::find::{self, FindError};
use super::name::{LogName, NoLog};
use super::reader::{LogError, Place, Reader, Wanted};

/// Of `GET …/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct LogsQuery {
    /// The task of an AppMaster or TaskManager, or the beginning of its id, or the number at its end; without it, or with `jobmanager`, the AppMaster
    /// that leads, else the last one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// `stdout`, `stderr` or another log in the sandbox, such as `flink.log`; without it `stdout`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where to begin, in bytes
    pub offset: u64,
    /// So many bytes at most
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// So many of the last lines, in place of `offset`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Go on with what is written, until the task has ended
    pub follow: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Read(#[from] LogError),
}

/// Whose matter it is that there is no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was asked for is not clear.
    Question,
    /// There is none.
    NotFound,
    /// Master or agent do not answer, or refuse.
    Mesos,
}

impl OpenError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Find(FindError::Ambiguous { .. }) => Fault::Question,
            Self::Find(FindError::NoAppMaster | FindError::NoTask { .. })
            | Self::Read(LogError::NoFile { .. } | LogError::NoAgent { .. }) => Fault::NotFound,
            Self::Find(FindError::Master { .. })
            | Self::Read(LogError::Master(_) | LogError::Files { .. }) => Fault::Mesos,
        }
    }
}

impl LogsQuery {
    /// What of it is about the file.
    pub fn wanted(&self) -> Result<Wanted, NoLog> {
        let name = self.file.as_deref().map_or_else(|| Ok(LogName::stdout()), str::parse)?;
        let Self { offset, length, tail, follow, .. } = *self;
        Ok(Wanted { name, offset, length, tail, follow })
    }
}

/// The log of the task that `word` means, to be read from where it is wanted; see [`find::find`].
pub async fn open(
    operator: Arc<Operator>,
    appmasters: Vec<Place>,
    frameworks: &[String],
    word: Option<&str>,
    wanted: Wanted,
) -> Result<Reader, OpenError> {
    let place = find::find(&operator, appmasters, frameworks, word).await?;
    Ok(Reader::open(operator, place, wanted).await?)
}

/// All of it. What breaks off is told in the log of this program.
pub fn chunks(reader: Reader) -> impl Stream<Item = Result<Bytes, LogError>> + Send {
    stream::unfold(Some(reader), async |reader| {
        let mut reader = reader?;
        match reader.next().await {
            Ok(chunk) => Some((Ok(chunk?), Some(reader))),
            Err(error) => {
                tracing::warn!("a log that was being read breaks off: {}", log::chain(&error));
                Some((Err(error), None))
            }
        }
    })
}
