//! `purge`: removes what a dispatcher has left that runs nowhere any more, at Mesos and where it kept its state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::events::Journal;
use base::exit::Exit;
use conf::environment::Environment;
use conf::settings::HighAvailability;
use domain::store::Store;
use ha::contender::{self, Candidacy, Contender, Left};
use ha::directory::{Hold, HoldError};
use ha::paths::Paths;
use records::Records;
use tokio::time::timeout;

use super::elected::{self, About};
use super::house::Kept;
use super::opened::Opened;
use super::{CLUSTERS, PART, SCHEDULER, artifacts};
use crate::cli::PurgeOptions;
use crate::role::clusters::say;
use crate::role::error::{Fatal, fatal};
use crate::role::worker;

/// A master answers at once, or another one leads soon.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// For a session of its own, beside that of a dispatcher that was killed.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum PurgeError {
    #[error(
        "there are clusters: {}; delete them first, or have --force end their AppMasters with the framework",
        names.join(", ")
    )]
    Clusters { names: Vec<String> },
    #[error("a dispatcher uses {}: {holder}; stop it first", path.display())]
    Held { path: PathBuf, holder: String },
    #[error(
        "a dispatcher leads, {leader}: stop all dispatchers first. One that was killed counts until its session has ended"
    )]
    Leader { leader: String },
    #[error("there are other dispatchers: stop all of them first")]
    Others,
    #[error("cannot take part in the election within {} s: {why}", within.as_secs())]
    NoElection { within: Duration, why: String },
    #[error("another dispatcher leads meanwhile, and nothing was removed")]
    Overtaken,
    #[error("cannot remove {}", path.display())]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

pub fn run(options: &PurgeOptions, environment: &Environment) -> Result<u8, Fatal> {
    let opened = Opened::read(&options.cluster, environment)?;
    crate::role::runtime()?.block_on(async {
        match &opened.dispatcher.zookeeper {
            None => in_directory(&opened, options.force).await,
            Some(ha) => in_zookeeper(&opened, ha, environment, options.force).await,
        }
    })?;
    Ok(Exit::Ok.code())
}

async fn in_directory(opened: &Opened, force: bool) -> Result<(), Fatal> {
    let directory = &opened.dispatcher.state_dir;
    if !directory.is_dir() {
        say(&format!("nothing to remove: there is no directory {}", directory.display()));
        return Ok(());
    }
    let (scheduler, holder) = (directory.join(SCHEDULER), format!("process {}", std::process::id()));
    if let Err(HoldError::Held { path, holder }) = Hold::take(&scheduler, &holder) {
        return Err(Fatal::new(Exit::CannotCreate, PurgeError::Held { path, holder }));
    }
    // Its lock is held until all of it is gone.
    let kept = super::open(opened).await?;
    let _store = remove(opened, kept, force).await?;
    for name in [SCHEDULER, CLUSTERS] {
        remove_directory(&directory.join(name))?;
    }
    let artifacts = directory.join(artifacts::DIRECTORY);
    if artifacts.is_dir() {
        remove_directory(&artifacts)?;
    }
    Ok(())
}

fn remove_directory(path: &Path) -> Result<(), Fatal> {
    let removed = fs::remove_dir_all(path);
    removed
        .map_err(|source| PurgeError::Remove { path: path.to_owned(), source })
        .map_err(fatal(Exit::CannotCreate))?;
    say(&format!("removed {}", path.display()));
    Ok(())
}

/// As one that leads: no dispatcher begins meanwhile with what is half removed.
async fn in_zookeeper(
    opened: &Opened,
    ha: &HighAvailability,
    environment: &Environment,
    force: bool,
) -> Result<(), Fatal> {
    let security = worker::security_without_flink(opened.table(), environment, ha)?;
    let ensemble = worker::ensemble_with(security, ha)?;
    let paths = Paths::new(&ha.root, "", "");
    let about = serde_json::to_vec(&About::default()).map_err(fatal(Exit::Software))?;
    let journal = Arc::<Journal>::default();
    let contender = contender::start_as(PART, ensemble.clone(), paths.clone(), about, journal);
    let purged = async {
        let node = leading(&contender).await?;
        if contender.members.about().await.is_some_and(|all| all.len() > 1) {
            return Err(Fatal::new(Exit::Refused, PurgeError::Others));
        }
        let stored = elected::stored(&ensemble, &contender, &paths, &node).await?;
        let kept = stored.ok_or(PurgeError::Overtaken).map_err(fatal(Exit::Unavailable))?;
        remove(opened, kept, force).await.map(drop)
    };
    let purged = purged.await;
    let left = if purged.is_ok() { Left::Nothing } else { Left::Cluster };
    contender.leave(left).await;
    purged?;
    say(&format!("removed ZooKeeper's {}", paths.base));
    Ok(())
}

/// The node as which this process leads.
async fn leading(contender: &Contender) -> Result<String, Fatal> {
    let mut candidacy = contender.candidacy.clone();
    let leads = async {
        loop {
            match &*candidacy.borrow_and_update() {
                Candidacy::Leading { node } => return Ok(node.clone()),
                Candidacy::Standby { leader: Some(about) } => {
                    let About { host, api, .. } = serde_json::from_slice(about).unwrap_or_default();
                    let leader = format!("on {host} at {api}");
                    return Err(Fatal::new(Exit::Refused, PurgeError::Leader { leader }));
                }
                Candidacy::Failed(error) => return Err(Fatal::new(Exit::Config, Arc::clone(error))),
                Candidacy::Away { .. }
                | Candidacy::Standby { leader: None }
                | Candidacy::Suspended { .. } => {}
            }
            candidacy.changed().await.map_err(fatal(Exit::Software))?;
        }
    };
    if let Ok(leads) = timeout(ELECTION_TIMEOUT, leads).await {
        return leads;
    }
    let why = contender.candidacy.borrow().leadership().told("command");
    Err(Fatal::new(Exit::Unavailable, PurgeError::NoElection { within: ELECTION_TIMEOUT, why }))
}

/// At Mesos first: without its id nobody could end the framework any more.
async fn remove<S: Store, R: Records>(opened: &Opened, kept: Kept<S, R>, force: bool) -> Result<S, Fatal> {
    let Kept { state, mut store, records, core } = kept;
    let names: Vec<_> = core.list().into_iter().map(|cluster| cluster.name).collect();
    if !force && !names.is_empty() {
        return Err(Fatal::new(Exit::Refused, PurgeError::Clusters { names }));
    }
    if let Some(id) = state.as_ref().and_then(|state| state.framework_id.as_deref()) {
        let settings = &opened.settings;
        let torn_down = worker::tear_down(settings, &worker::masters(settings)?, id, TEARDOWN_TIMEOUT).await;
        torn_down.map_err(fatal(Exit::Unavailable))?;
        let tasks = state.as_ref().map_or(0, |state| state.tasks.len());
        say(&format!("tore down framework {id} with {tasks} AppMasters"));
    }
    records.purge().await.map_err(fatal(Exit::CannotCreate))?;
    store.clear().await.map_err(fatal(Exit::CannotCreate))?;
    match &names[..] {
        [] => say("removed the records of clusters, of which there were none, and the framework's state"),
        names => say(&format!(
            "removed the records of clusters {} and the framework's state; with high availability what Flink and the clusters' own frameworks keep stays",
            names.join(", ")
        )),
    }
    Ok(store)
}
