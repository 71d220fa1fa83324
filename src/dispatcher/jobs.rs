//! Jobs that sessions are given. Who hands one in says its id, and hands it in again as often as they like: it is one job.

use base::digest::Digest;
use domain::carried::Carried;
use domain::job::{self, SessionJob};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Dispatcher;
use super::apply::Outcome;
use super::cluster::Cluster;
use super::instructions::{Instruction, PendingOrder};
use super::journal::{Verb, which};
use super::limits::{self, MAX_TEXT};
use super::order::Order;
use super::refusal::Refusal;

/// Of one session: an AppMaster is told all of them at once.
pub const MAX_UNSUBMITTED: usize = 8;

/// Of a job in JSON: so many of them fit into one answer to an AppMaster.
const MAX_JOB_BYTES: usize = 16 << 10;

/// Of one session; of older ones Flink alone knows.
const MAX_JOBS: usize = 32;

/// A job that a session was given, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submission {
    /// In Flink.
    pub id: String,
    pub jar: String,
    /// SHA-256 of all that was handed in.
    #[schema(value_type = String)]
    pub digest: Digest,
    pub user: String,
    pub at: Timestamp,
    pub state: SubmissionState,
    /// Why it was refused, or has to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// It is stored, and the AppMaster has not said that Flink has it.
    Pending,
    /// Flink has taken it.
    Submitted,
    /// Flink or the AppMaster has refused it; it never ran.
    Refused,
}

impl Dispatcher {
    /// The session's AppMaster gives the job to its JobManager. The same job again changes nothing.
    pub fn submit_job(
        &mut self,
        name: &str,
        id: &str,
        job: SessionJob,
        order: &Order,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if !job::is_id(id) {
            return Err(Refusal::JobId { id: id.chars().take(MAX_TEXT).collect() });
        }
        let bytes = encoded(&job).len();
        if bytes > MAX_JOB_BYTES {
            return Err(Refusal::LargeJob { bytes, most: MAX_JOB_BYTES });
        }
        let verb = Verb::SubmitJob;
        let user = order.user();
        let outcome = self.alter(name, verb, order, |cluster| cluster.submit(id, job, user, now))?;
        if outcome == Outcome::Changed && !order.dry_run {
            self.store_order(name, verb, &[which(format!("job {id}"))], Vec::new(), order, now);
        }
        Ok(outcome)
    }

    /// The last ones that a session was given, the newest first.
    pub fn submissions(&self, name: &str) -> Result<Vec<Submission>, Refusal> {
        Ok(self.cluster(name)?.status.jobs.iter().rev().cloned().collect())
    }

    pub fn submission(&self, name: &str, id: &str) -> Result<Submission, Refusal> {
        let known = self.cluster(name)?.status.jobs.iter().find(|known| known.id == id);
        let unknown = || Refusal::NoSuchJob { name: name.to_owned(), id: limits::cut(id, MAX_TEXT) };
        known.cloned().ok_or_else(unknown)
    }
}

impl Cluster {
    /// Whether that is new.
    fn submit(&mut self, id: &str, job: SessionJob, user: String, now: Timestamp) -> Result<bool, Refusal> {
        let name = || self.name.clone();
        let digest = Digest::of(encoded(&job));
        if let Some(known) = self.status.jobs.iter().find(|known| known.id == id) {
            let is_same = known.digest == digest;
            return if is_same {
                Ok(false)
            } else {
                Err(Refusal::OtherJob { name: name(), id: id.to_owned() })
            };
        }
        if self.running().manifest.spec.job.is_some() {
            return Err(Refusal::IsApplication { name: name() });
        }
        self.refuse_frozen()?;
        self.refuse_ended()?;
        self.refuse_suspended()?;
        let is_pending = |known: &&Submission| known.state == SubmissionState::Pending;
        if self.status.jobs.iter().filter(is_pending).count() >= MAX_UNSUBMITTED {
            return Err(Refusal::TooManyJobs { name: name(), most: MAX_UNSUBMITTED });
        }
        if self.status.jobs.len() >= MAX_JOBS {
            let oldest = self.status.jobs.iter().position(|known| known.state != SubmissionState::Pending);
            oldest.map(|oldest| self.status.jobs.remove(oldest));
        }
        self.status.jobs.push(Submission {
            id: id.to_owned(),
            jar: limits::cut(&job.jar_uri, MAX_TEXT),
            digest,
            user,
            at: now,
            state: SubmissionState::Pending,
            why: None,
        });
        self.order(Instruction::Submit { job_id: id.to_owned(), job }, now);
        Ok(true)
    }

    /// What the AppMaster says of a job that it was to submit.
    pub(crate) fn take_submission(&mut self, id: &str, carried: &Carried) {
        let Some(known) = self.status.jobs.iter_mut().find(|known| known.id == id) else { return };
        (known.state, known.why) = match carried {
            Carried::Done => (SubmissionState::Submitted, None),
            Carried::Refused { why } => (SubmissionState::Refused, Some(limits::cut(why, MAX_TEXT))),
            Carried::NotNow { why } => (SubmissionState::Pending, Some(limits::cut(why, MAX_TEXT))),
        };
    }

    /// Nobody is there to submit them.
    pub(crate) fn abandon_submissions(&mut self) {
        for job in self.status.jobs.iter_mut().filter(|job| job.state == SubmissionState::Pending) {
            job.state = SubmissionState::Refused;
            job.why = Some("the session ended before it was submitted".to_owned());
        }
    }
}

impl PendingOrder {
    /// What is told of it: arguments may have secrets.
    pub(crate) fn told(&self) -> Self {
        let mut told = self.clone();
        if let Instruction::Submit { job, .. } = &mut told.what {
            job.args.clear();
        }
        told
    }
}

fn encoded(job: &SessionJob) -> Vec<u8> {
    serde_json::to_vec(job).expect("all keys are texts")
}
