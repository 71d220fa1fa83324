//! The worker with `mesos.state-dir`: it goes on with what the last AppMaster has left, and leaves framework and
//! TaskManagers to the next one unless the cluster has ended.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{Instant, sleep_until};

use crate::cli::WorkerOptions;
use artifact::Configuration;
use base::digest::{Sha256, hexadecimal};
use base::events::Journal;
use base::exit::Exit;
use base::lease::Lease;
use dial::Home;
use domain::state::{Goal, State};
use domain::store::Store as _;
use ha::directory::DirectoryStore;
use scheduler::driver::RunError;
use scheduler::spec::Spec;

use super::super::patient::Patient;
use super::super::setup::Setup;
use super::farewell::{self, Ended, Leaves};
use super::jobmanager::{JobManagerEnd, Stop};
use super::{Fatal, Handover, Opened, Reception, Work, home};

/// While the state cannot be stored.
const MEANWHILE: &str = "; this AppMaster launches and ends no TaskManager until it can store its state";

pub struct Keeper {
    store: DirectoryStore,
    directory: PathBuf,
    /// How long Mesos waits for the next AppMaster.
    failover_timeout: Duration,
    origin: Origin,
    reception: Reception,
    end: JobManagerEnd,
    /// Whom to ask what shall remain.
    home: Option<Home>,
    /// For TEARDOWN, from the cluster's end.
    within: Duration,
}

/// What TaskManagers that run have been given by the AppMaster that launched them.
pub struct Origin {
    /// Of their configuration and command line.
    pub digest: String,
    pub artifact_port: u16,
}

impl Keeper {
    /// `lock` is of the directory that the settings name.
    pub fn open(
        handover: &Handover,
        options: &WorkerOptions,
        lock: OwnedFd,
        origin: Origin,
        reception: Reception,
        end: JobManagerEnd,
    ) -> Self {
        let settings = &handover.settings;
        let directory = settings.state_dir.clone().unwrap_or_default();
        Self {
            home: handover.home.clone(),
            store: DirectoryStore::new(directory.clone(), lock),
            directory,
            failover_timeout: settings.framework.failover_timeout,
            origin,
            reception,
            end,
            within: Duration::from_millis(options.farewell_ms),
        }
    }

    /// Until the cluster has ended or this AppMaster leaves it.
    pub async fn work(self, work: &Work, term: &mut Signal) -> Result<(), Ended> {
        let Self { mut store, directory, failover_timeout, origin, reception, end, home, within } = self;
        let requests = reception.doorkeeper.admit();
        let journal = Arc::clone(&work.lookout.journal);
        let state = store.load().await.map_err(|error| Ended::from(RunError::from(error)))?;
        let state = take_over(state, &origin, &directory, &journal);
        let trouble = reception.facts.not_stored.clone();
        let journal_of_store = Arc::clone(&journal);
        let store = Patient { store, trouble, journal: journal_of_store, meanwhile: MEANWHILE };
        let ending = reception.end_at_once();
        let scheduling = work.schedule(store, Some(state), Lease::unlimited(), requests);
        tokio::pin!(scheduling);
        let mut deadline = None;
        loop {
            tokio::select! {
                biased;
                _ = term.recv() => {
                    if !ends(end.stop(), home.as_ref(), &journal).await {
                        journal.tell("leaves", leaving(&directory, failover_timeout));
                        return Ok(());
                    }
                    deadline.get_or_insert_with(|| Instant::now() + within);
                    ending.send_replace(true);
                }
                ended = &mut scheduling => return ended.map_err(Ended::from),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Err(farewell::without_master(within));
                }
            }
        }
    }
}

/// Whether the cluster ends with this AppMaster.
async fn ends(stop: Stop, home: Option<&Home>, journal: &Journal) -> bool {
    match stop {
        Stop::ClusterEnded => {
            journal.tell("cluster_ended", "the JobManager has ended the cluster");
            true
        }
        Stop::JobManagerDied => false,
        Stop::Container => home::remains(home, journal).await.ends(),
    }
}

/// What is left to do for a worker that was away when init told it to stop.
pub fn said_farewell(jobmanager_end: OwnedFd) -> Result<(), Ended> {
    match JobManagerEnd::new(jobmanager_end).stop() {
        Stop::ClusterEnded => Err(Fatal::new(Exit::Ok, "the cluster has ended").into()),
        Stop::Container | Stop::JobManagerDied => Ok(()),
    }
}

/// Tears the framework down if nobody shall go on with it. What else an AppMaster ends of is for the next one to meet.
pub async fn end(
    ended: Result<(), Ended>,
    opened: &Opened,
    lock: OwnedFd,
    within: Duration,
) -> Result<(), Fatal> {
    let Err(Ended { fatal, leaves }) = ended else { return Ok(()) };
    let is_over = matches!(fatal.exit, Exit::TooManyFailures | Exit::Ok) || leaves == Leaves::Unreachable;
    if is_over {
        let mut store =
            DirectoryStore::new(opened.handover.settings.state_dir.clone().unwrap_or_default(), lock);
        farewell::tear_down_rest(opened, &mut store, leaves, within).await;
    }
    // A cluster that has come to its end is no failure.
    if fatal.exit == Exit::Ok { Ok(()) } else { Err(fatal) }
}

fn leaving(directory: &Path, failover_timeout: Duration) -> String {
    format!(
        "this AppMaster leaves framework and TaskManagers to the next AppMaster with the state in {}; Mesos ends them unless it registers within {}",
        directory.display(),
        humantime::format_duration(failover_timeout)
    )
}

/// What is stored, or a new state. TaskManagers that were started with another configuration than ours, or know the
/// JobManager at another address, are ended: with the JobManager of their jobs gone nobody needs them.
fn take_over(state: Option<State>, origin: &Origin, directory: &Path, journal: &Journal) -> State {
    let Some(mut state) = state else {
        journal.tell("fresh_state", format!("keeping the state in {}", directory.display()));
        return State {
            origin: Some(origin.digest.clone()),
            artifact_port: Some(origin.artifact_port),
            ..super::fresh_state()
        };
    };
    let (id, tasks) = (state.framework_id.as_deref().unwrap_or("none yet"), state.tasks.len());
    let text = format!(
        "going on with the cluster with the state in {} framework={id} tasks={tasks}",
        directory.display()
    );
    journal.tell("goes_on", text);
    if state.origin.as_ref().is_some_and(|started_with| *started_with != origin.digest) && tasks > 0 {
        let text = format!(
            "the configuration of TaskManagers has changed: replacing the {tasks} that were started before"
        );
        journal.tell("configuration_changed", text);
        for record in state.tasks.values_mut() {
            record.goal = Goal::End;
        }
    }
    state.origin = Some(origin.digest.clone());
    state.artifact_port = Some(origin.artifact_port);
    state
}

/// What is another value after a restart when ports are others' to choose, and that no TaskManager reads.
const NOT_FOR_TASKMANAGERS: [&str; 6] =
    ["mesos.", "rest.", "web.", "jobmanager.web.", "jobmanager.memory.", "blob.server.port"];

/// Tells apart TaskManagers in whose start anything was different: Flink, resources, command line, configuration or a file
/// of it.
pub fn digest(setup: &Setup, spec: &Spec, configuration: &Configuration) -> String {
    let mut hash = Sha256::begin();
    hash.update(setup.distribution.version.to_string());
    if let Some(taskmanagers) = spec.taskmanagers() {
        hash.update(format!("{:?}{:?}", taskmanagers.need, taskmanagers.template));
    }
    let is_read = |key: &str| !NOT_FOR_TASKMANAGERS.iter().any(|prefix| key.starts_with(prefix));
    for (key, setting) in setup.loaded.table.iter().filter(|(key, _)| is_read(key)) {
        hash.update(format!("{key}={}\0", setting.value));
    }
    let rendered = setup.loaded.grammar.file_name();
    for (name, content) in configuration.files.iter().filter(|(name, _)| *name != rendered) {
        hash.update(format!("{name}={}\0", content.len()));
        hash.update(content);
    }
    hexadecimal(&hash.finish())
}
