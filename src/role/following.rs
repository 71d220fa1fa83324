//! A job that was submitted from the command line, until its end.

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tracing::Level;

use base::exit::Exit;
use base::log;
use flink::rest::{JobProgress, JobState};

use super::clusters::say;
use super::error::Fatal;
use super::terminal::{Lines, Signals};

const PART: &str = "run";

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A JobManager that has just come may still be reading which jobs there are.
const PATIENCE: Duration = Duration::from_secs(60);

/// As Flink's own JobManager of one job ends.
const FAILED: u8 = 163;

/// Whom to ask about a job.
pub trait Job {
    type Error: Error + 'static;

    /// None where the JobManager knows no such job.
    fn progress(&self) -> impl Future<Output = Result<Option<JobProgress>, Self::Error>>;

    fn cancel(&self) -> impl Future<Output = Result<(), Self::Error>>;

    /// Whether there is nobody to ask any more.
    fn is_over(error: &Self::Error) -> bool;
}

/// Answers with the command's exit code: the job's, or that of a signal.
pub async fn follow<J: Job>(job: &J, id: &str, signals: &mut Signals) -> Result<u8, Fatal> {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Seen::new(id);
    let mut lines = Lines::unread();
    loop {
        tokio::select! {
            looked = look(&mut ticks, job) => match looked {
                Ok(Some(progress)) => {
                    if let Some(code) = seen.tell(&progress) {
                        return Ok(code);
                    }
                }
                Ok(None) => seen.missing()?,
                Err(error) if J::is_over(&error) => return Err(Fatal::new(Exit::NotThere, log::chain(&error))),
                Err(error) => seen.lost(&error),
            },
            code = signals.next() => {
                if lines.are_read() || !io::stdin().is_terminal() {
                    return Ok(leave(id, code));
                }
                say(&format!("job {id} goes on by itself: `c` cancels it, `d` leaves it, all else stays with it"));
                lines = Lines::of_stdin();
            }
            line = lines.next() => match line.as_deref().map(str::trim) {
                Some("c") => {
                    if let Err(error) = job.cancel().await {
                        log::line(Level::ERROR, PART, &format!("cannot cancel job {id}: {}", log::chain(&error)));
                    }
                }
                Some("d") => return Ok(leave(id, Exit::Ok.code())),
                Some(_) => {}
                None => lines = Lines::unread(),
            },
        }
    }
}

async fn look<J: Job>(ticks: &mut Interval, job: &J) -> Result<Option<JobProgress>, J::Error> {
    ticks.tick().await;
    job.progress().await
}

fn leave(id: &str, code: u8) -> u8 {
    say(&format!("job {id} is left, and goes on: the same command with `--job-id {id}` comes back to it"));
    code
}

/// What has been told of a job.
struct Seen<'a> {
    id: &'a str,
    text: String,
    is_lost: bool,
    missing_since: Option<Instant>,
}

impl<'a> Seen<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, text: String::new(), is_lost: false, missing_since: None }
    }

    /// The exit code, if the job has ended.
    fn tell(&mut self, progress: &JobProgress) -> Option<u8> {
        (self.is_lost, self.missing_since) = (false, None);
        let text = text(progress);
        if self.text != text {
            say(&format!("job {} {text}", self.id));
            self.text = text;
        }
        code(progress.state)
    }

    fn missing(&mut self) -> Result<(), Fatal> {
        let since = *self.missing_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE {
            return Ok(());
        }
        let text = format!(
            "the JobManager knows no job {}: without high availability a job is lost with its JobManager, and ended jobs are forgotten after a while",
            self.id
        );
        Err(Fatal::new(Exit::NotThere, text))
    }

    /// Another one may answer soon.
    fn lost(&mut self, error: &(impl Error + 'static)) {
        if !self.is_lost {
            log::line(
                Level::WARN,
                PART,
                &format!("nobody tells of job {} now: {}", self.id, log::chain(error)),
            );
        }
        self.is_lost = true;
    }
}

fn text(progress: &JobProgress) -> String {
    let JobProgress { name, state, status_counts } = progress;
    let total: u32 = status_counts.values().sum();
    let count = |state: &str| status_counts.get(state).copied().unwrap_or(0);
    let vertices = match state {
        JobState::Running if total > 0 => {
            format!(": {} of {total} vertices run, {} have finished", count("RUNNING"), count("FINISHED"))
        }
        _ => String::new(),
    };
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("({name}) {}{vertices}", phrase(*state))
}

fn phrase(state: JobState) -> &'static str {
    match state {
        JobState::Initializing => "is being initialized",
        JobState::Created => "is created",
        JobState::Running => "is running",
        JobState::Failing => "is failing",
        JobState::Failed => "has failed",
        JobState::Cancelling => "is being canceled",
        JobState::Canceled => "was canceled",
        JobState::Finished => "has finished",
        JobState::Restarting => "is restarting",
        JobState::Suspended => "waits for a JobManager that leads",
        JobState::Reconciling => "is being reconciled",
        JobState::Other => "is in a state that this program does not know",
    }
}

fn code(state: JobState) -> Option<u8> {
    match state {
        JobState::Finished | JobState::Canceled => Some(Exit::Ok.code()),
        JobState::Failed => Some(FAILED),
        JobState::Initializing
        | JobState::Created
        | JobState::Running
        | JobState::Failing
        | JobState::Cancelling
        | JobState::Restarting
        | JobState::Suspended
        | JobState::Reconciling
        | JobState::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(json: &str) -> JobProgress {
        serde_json::from_str(json).expect("as Flink answers")
    }

    #[test]
    fn what_is_told_of_a_job_is_its_state_and_how_far_it_is() {
        let running = r#"{"jid": "0", "name": "Word Count", "state": "RUNNING", "status-counts": {"RUNNING": 2, "FINISHED": 1, "CREATED": 0}}"#;
        let running = progress(running);
        assert_eq!(text(&running), "(Word Count) is running: 2 of 3 vertices run, 1 have finished");
        assert_eq!(code(running.state), None);
        let failed = progress(r#"{"name": "a\u001b[2J", "state": "FAILED"}"#);
        assert_eq!(text(&failed), "(a [2J) has failed");
        assert_eq!(code(failed.state), Some(163));
        for state in ["FINISHED", "CANCELED"] {
            let ended = progress(&format!(r#"{{"name": "a", "state": "{state}"}}"#));
            assert_eq!(code(ended.state), Some(0));
        }
        let later = progress(r#"{"name": "a", "state": "PAUSED"}"#);
        assert_eq!(code(later.state), None);
    }
}
