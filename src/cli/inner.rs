//! How this program starts itself in other roles.

use std::ffi::OsString;

use clap::Args;

use domain::succession::Succession;
use tls::Fingerprint;

#[derive(Clone, Copy, Debug, Args)]
pub struct InitOptions {
    #[arg(long)]
    pub plan_fd: i32,
}

/// How init starts what watches over a TaskManager's claim.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ClaimOptions {
    pub task_id: String,
    pub succession: Succession,
    /// Where the AppMaster answers.
    pub artifacts: String,
    /// The SHA-256 of the certificate that it has there.
    pub certificate: Option<Fingerprint>,
}

impl ClaimOptions {
    pub fn words(&self) -> Vec<OsString> {
        let Self { task_id, succession, artifacts, certificate } = self;
        let certificate = certificate.map(|certificate| certificate.to_string());
        let words = [task_id.clone(), succession.to_string(), artifacts.clone()];
        words.into_iter().chain(certificate).map(OsString::from).collect()
    }

    /// None if the parser has to say what is wrong.
    pub(super) fn from_words(words: &[OsString]) -> Option<Self> {
        let text = |at: usize| words.get(at).and_then(|word| word.to_str());
        let certificate = match words.get(3) {
            Some(word) => Some(word.to_str()?.parse().ok()?),
            None => None,
        };
        let [task_id, succession, artifacts] = [text(0)?, text(1)?, text(2)?];
        let (task_id, artifacts) = (task_id.to_owned(), artifacts.to_owned());
        Some(Self { task_id, succession: succession.parse().ok()?, artifacts, certificate })
            .filter(|_| words.len() <= 4)
    }
}

/// How init starts the worker.
#[derive(Clone, Debug, Args)]
pub struct WorkerOptions {
    /// The memory file with all that the AppMaster has read and worked out.
    #[arg(long)]
    pub settings_fd: i32,
    /// The embedded Mesos and its tasks are on this machine.
    #[arg(long)]
    pub local: bool,
    /// Nothing runs any more but what there is to do at the end.
    #[arg(long)]
    pub farewell: bool,
    /// How long the framework may take to be torn down, in milliseconds.
    #[arg(long)]
    pub farewell_ms: u64,
    /// The memory file with the state, or the lock of the directory with the state.
    #[arg(long)]
    pub state_fd: i32,
    /// Where init writes how the JobManager has ended.
    #[arg(long)]
    pub jobmanager_end_fd: i32,
    /// The memory file with the dispatcher's orders that were carried out.
    #[arg(long)]
    pub orders_fd: Option<i32>,
    #[arg(long)]
    pub artifacts_fd: i32,
    #[arg(long)]
    pub status_fd: Option<i32>,
    #[arg(long)]
    pub socket_fd: Option<i32>,
}
