//! One of several dispatchers: it takes part in the election, does what a dispatcher does while it leads, and answers from what is
//! stored while it does not.

use std::sync::Arc;
use std::time::Duration;

use api::standing::DispatcherStanding;
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::settings::HighAvailability;
use dispatcher::driver::standby::Standby;
use dispatcher::{Dispatcher, Limits};
use domain::leadership::Leadership;
use domain::store::{Store as _, StoreError};
use ha::contender::{self, Candidacy, Contender, Left, Members};
use ha::paths::Paths;
use ha::zookeeper::ZooKeeperStore;
use records::zookeeper::{Reader, ZooKeeperRecords};
use records::{LoadError, OpenError, Records as _};
use scheduler::Failure;
use scheduler::driver::RunError;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use zookeeper::Ensemble;

use super::artifacts::{Peer, Peers};
use super::home::Others;
use super::house::{Ended, House, Kept};
use super::opened::Opened;
use super::{INSTANCE, LEAVES, PART, now, serving};
use crate::role::error::{Fatal, fatal};
use crate::role::setup;
use crate::role::worker;

/// As often it is looked which dispatchers there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two attempts to take the framework back from somebody who took it without leading.
const SUPERSEDED_WAIT: Duration = Duration::from_secs(1);

/// What a dispatcher says of itself to the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    pub host: String,
    /// Where its API is.
    pub api: String,
    /// Where AppMasters report.
    pub artifacts: String,
    /// With what other dispatchers ask it for artifacts that they have not.
    pub secret: String,
}

impl About {
    /// Of one that says it otherwise nothing is known.
    pub fn of(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

/// Another framework would launch the same clusters once more, beside those that nobody knows any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "the AppMasters of {cluster} were launched by a framework whose id is no longer stored at {state}: restore that node from a backup, or remove {records} too, to begin without any cluster"
)]
struct NoFramework {
    cluster: String,
    state: String,
    records: String,
}

struct Elected<'a> {
    house: House<'a>,
    ensemble: Ensemble,
    paths: Paths,
    contender: Contender,
    standings: watch::Sender<DispatcherStanding>,
}

/// What comes after a reign.
enum Next {
    StandBy,
    Leave,
}

pub type Stored = Kept<ZooKeeperStore, ZooKeeperRecords>;

pub async fn work(
    opened: &Opened,
    ha: &HighAvailability,
    environment: &Environment,
    term: &mut Signal,
) -> Result<(), Fatal> {
    let security = worker::security_without_flink(opened.table(), environment, ha)?;
    let ensemble = worker::ensemble_with(security, ha)?;
    let ports = serving::bind(opened, environment, None)?;
    let (standings, standing) = watch::channel(DispatcherStanding::Away { why: None, has_read: false });
    let (dispatchers, told) = watch::channel(vec![ports.artifacts_url(&opened.settings)]);
    let (there, peers) = watch::channel(Vec::new());
    let peers = Peers::new(peers);
    let secret = peers.secret.to_string();
    let others = Others { standings: standing, dispatchers: told, peers };
    let house = House::open(opened, ports, Some(Leadership::Away { why: None }), others).await?;
    let about = About {
        host: setup::host_name(),
        api: house.api_url.clone(),
        artifacts: house.artifacts_url.clone(),
        secret,
    };
    let about = serde_json::to_vec(&about).map_err(fatal(Exit::Software))?;
    let paths = Paths::new(&ha.root, "", "");
    let journal = Arc::clone(&house.lookout.journal);
    let contender = contender::start_as(PART, ensemble.clone(), paths.clone(), about, journal);
    tokio::spawn(tell_members(contender.members.clone(), contender.candidacy.clone(), dispatchers, there));
    Elected { house, ensemble, paths, contender, standings }.work(term).await
}

impl Elected<'_> {
    /// Until somebody stops it, or it cannot go on.
    async fn work(self, term: &mut Signal) -> Result<(), Fatal> {
        loop {
            let next = match self.stand_by(term).await? {
                Some((node, kept)) => self.reign(&node, kept, term).await?,
                None => Next::Leave,
            };
            if let Next::Leave = next {
                return Ok(());
            }
        }
    }

    /// Answers from what is stored until this dispatcher leads and has read that itself. None when it is to leave.
    async fn stand_by(&self, term: &mut Signal) -> Result<Option<(String, Stored)>, Fatal> {
        let Self { house, ensemble, contender, .. } = self;
        let reader = Reader::new(ensemble.clone(), contender.clients.clone(), &self.records(), INSTANCE);
        let (standby, handle) = Standby::new(reader, Limits::default(), now);
        let has_read = standby.has_read();
        house.seat.take(&handle);
        drop(handle);
        tokio::select! {
            biased;
            _ = term.recv() => {
                self.leave().await;
                Ok(None)
            }
            failed = self.tell_standby(has_read) => Err(failed),
            kept = self.begin() => kept.map(Some),
            () = standby.run() => Err(Fatal::new(Exit::Software, "nobody can ask this dispatcher".to_owned())),
        }
    }

    /// As others are told, until the election makes no sense any more.
    async fn tell_standby(&self, mut has_read: watch::Receiver<bool>) -> Fatal {
        let mut candidacy = self.contender.candidacy.clone();
        loop {
            let known = candidacy.borrow_and_update().clone();
            if let Candidacy::Failed(error) = known {
                return Fatal::new(Exit::Config, error);
            }
            let standing = standing(&known, *has_read.borrow_and_update());
            self.tell(&known, standing);
            tokio::select! {
                Ok(()) = candidacy.changed() => {}
                Ok(()) = has_read.changed() => {}
                else => return Fatal::new(Exit::Software, "the election is over".to_owned()),
            }
        }
    }

    fn tell(&self, candidacy: &Candidacy, standing: DispatcherStanding) {
        self.house.doorkeeper.stands(candidacy.leadership());
        self.standings.send_if_modified(|told| {
            let is_other = *told != standing;
            *told = standing;
            is_other
        });
    }

    /// Reads what is stored as soon as this dispatcher leads, and never before.
    async fn begin(&self) -> Result<(String, Stored), Fatal> {
        let mut candidacy = self.contender.candidacy.clone();
        loop {
            let leads = candidacy.wait_for(|candidacy| matches!(candidacy, Candidacy::Leading { .. })).await;
            let leads = leads.map_err(fatal(Exit::Software))?;
            let Some(node) = leads.node().map(str::to_owned) else { continue };
            drop(leads);
            tokio::select! {
                biased;
                _ = candidacy.wait_for(|candidacy| candidacy.node() != Some(&node)) => {}
                kept = self.open(&node) => match kept? {
                    Some(kept) => return Ok((node, kept)),
                    None => self.until_lost(&node).await,
                },
            }
        }
    }

    /// None when another dispatcher leads.
    async fn open(&self, node: &str) -> Result<Option<Stored>, Fatal> {
        let stored = stored(&self.ensemble, &self.contender, &self.paths, node).await?;
        let Some(Kept { state, store, records, core }) = stored else { return Ok(None) };
        let id = state.as_ref().and_then(|state| state.framework_id.as_deref());
        if let (None, Some(cluster)) = (id, core.launched()) {
            let (state, records) = (self.paths.state.clone(), self.records());
            return Err(Fatal::new(Exit::Data, NoFramework { cluster: cluster.to_owned(), state, records }));
        }
        let (id, tasks) = (id.unwrap_or("none yet"), state.as_ref().map_or(0, |state| state.tasks.len()));
        let text = format!("going on with what is stored framework={id} tasks={tasks}");
        self.house.lookout.journal.tell("goes_on", text);
        Ok(Some(Kept { state, store, records, core }))
    }

    async fn reign(&self, node: &str, kept: Stored, term: &mut Signal) -> Result<Next, Fatal> {
        let mut candidacy = self.contender.candidacy.clone();
        tokio::select! {
            biased;
            // First: who leads no longer does nothing more.
            _ = candidacy.wait_for(|candidacy| candidacy.node() != Some(node)) => Ok(Next::StandBy),
            _ = term.recv() => {
                self.leave().await;
                Ok(Next::Leave)
            }
            never = self.tell_reign() => Err(never),
            ended = self.house.reign(kept, self.contender.lease.clone()) => self.ended(ended, node).await,
        }
    }

    async fn tell_reign(&self) -> Fatal {
        let mut candidacy = self.contender.candidacy.clone();
        loop {
            let known = candidacy.borrow_and_update().clone();
            let standing = match known {
                Candidacy::Leading { .. } => DispatcherStanding::Leads,
                _ => DispatcherStanding::Suspended,
            };
            self.tell(&known, standing);
            if candidacy.changed().await.is_err() {
                return Fatal::new(Exit::Software, "the election is over".to_owned());
            }
        }
    }

    async fn ended(&self, ended: Result<(), Ended>, node: &str) -> Result<Next, Fatal> {
        match ended {
            Err(
                Ended::Scheduler(RunError::Store(StoreError::Fenced))
                | Ended::Driver(dispatcher::driver::RunError::Load(LoadError::Fenced)),
            ) => {
                let text = "ZooKeeper refused a write, as another dispatcher leads";
                self.house.lookout.journal.warn("write_refused", text);
                self.until_lost(node).await;
                Ok(Next::StandBy)
            }
            Err(Ended::Scheduler(RunError::Failed(failure @ Failure::Superseded))) => {
                let text = format!("{failure}: taking it back, as this dispatcher leads");
                self.house.lookout.journal.warn("superseded", text);
                tokio::time::sleep(SUPERSEDED_WAIT).await;
                Ok(Next::StandBy)
            }
            Err(ended) => {
                self.contender.leave(Left::Cluster).await;
                Err(ended.fatal())
            }
            Ok(()) => {
                self.contender.leave(Left::Cluster).await;
                Ok(Next::Leave)
            }
        }
    }

    /// The election finds out too, at the latest with its next question.
    async fn until_lost(&self, node: &str) {
        let mut candidacy = self.contender.candidacy.clone();
        let lost = candidacy.wait_for(|candidacy| candidacy.node() != Some(node));
        let _ = tokio::time::timeout(self.ensemble.session_timeout, lost).await;
    }

    /// What runs goes on, and the next dispatcher need not wait for the session's end.
    async fn leave(&self) {
        log::line(tracing::Level::INFO, PART, LEAVES);
        self.contender.leave(Left::Cluster).await;
    }

    fn records(&self) -> String {
        records_below(&self.paths)
    }
}

fn records_below(paths: &Paths) -> String {
    format!("{}/records", paths.base)
}

/// What the one that leads as this node finds. None when another dispatcher leads.
pub async fn stored(
    ensemble: &Ensemble,
    contender: &Contender,
    paths: &Paths,
    node: &str,
) -> Result<Option<Stored>, Fatal> {
    let clients = &contender.clients;
    let mut store = ZooKeeperStore::new(ensemble.clone(), paths.clone(), clients.clone(), node);
    let (place, fence) = (records_below(paths), paths.in_line(node));
    let opened = ZooKeeperRecords::open(ensemble.clone(), clients.clone(), &place, &fence, INSTANCE).await;
    let mut records = match opened {
        Ok(records) => records,
        Err(OpenError::Fenced) => return Ok(None),
        Err(error) => return Err(Fatal::new(Exit::Data, error)),
    };
    let state = store.load().await.map_err(fatal(Exit::Data))?;
    let loaded = match records.load(None).await {
        Ok(loaded) => loaded,
        Err(LoadError::Fenced) => return Ok(None),
        Err(error) => return Err(Fatal::new(Exit::Data, error)),
    };
    let core = Dispatcher::restore(&loaded, Limits::default());
    Ok(Some(Kept { state, store, records, core }))
}

/// Of a dispatcher that does not lead, or has not read yet what it shall lead with.
fn standing(candidacy: &Candidacy, has_read: bool) -> DispatcherStanding {
    match candidacy {
        Candidacy::Leading { .. } | Candidacy::Suspended { .. } | Candidacy::Standby { leader: None } => {
            DispatcherStanding::Standby { leader: None, has_read }
        }
        Candidacy::Standby { leader: Some(about) } => {
            let about: About = serde_json::from_slice(about).unwrap_or_default();
            DispatcherStanding::Standby { leader: Some(about.api).filter(|api| !api.is_empty()), has_read }
        }
        Candidacy::Away { why } => DispatcherStanding::Away { why: why.clone(), has_read },
        Candidacy::Failed(error) => DispatcherStanding::Away { why: Some(log::chain(&**error)), has_read },
    }
}

/// Keeps looking which dispatchers there are.
async fn tell_members(
    members: Members,
    mut candidacy: watch::Receiver<Candidacy>,
    told: watch::Sender<Vec<String>>,
    peers: watch::Sender<Vec<Peer>>,
) {
    loop {
        if let Some(all) = members.about().await {
            let all = all.iter().map(|about| serde_json::from_slice::<About>(about).unwrap_or_default());
            let all: Vec<_> = all.filter(|about| !about.artifacts.is_empty()).collect();
            if !all.is_empty() {
                let peer =
                    |about: &About| Peer { url: about.artifacts.clone(), secret: about.secret.clone() };
                tell(&peers, all.iter().map(peer).collect());
                tell(&told, all.into_iter().map(|about| about.artifacts).collect());
            }
        }
        let changed = tokio::time::timeout(LOOK_EVERY, candidacy.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}

fn tell<T: PartialEq>(told: &watch::Sender<T>, now: T) {
    told.send_if_modified(|known| {
        let is_other = *known != now;
        *known = now;
        is_other
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_knows_the_leader_by_what_that_says_of_itself() {
        let about = About {
            host: "d-2".into(),
            api: "http://d-2:8090".into(),
            artifacts: "http://d-2:1".into(),
            secret: "s".into(),
        };
        let bytes = serde_json::to_vec(&about).expect("text");
        let leader = Some("http://d-2:8090".to_owned());
        let found = standing(&Candidacy::Standby { leader: Some(bytes.clone()) }, true);
        assert_eq!(found, DispatcherStanding::Standby { leader, has_read: true });
        assert_eq!(About::of(&serde_json::from_slice(&bytes).expect("JSON")), about);
        for strange in [&b"{}"[..], b"", b"[1]"] {
            let found = standing(&Candidacy::Standby { leader: Some(strange.to_vec()) }, false);
            assert_eq!(found, DispatcherStanding::Standby { leader: None, has_read: false });
        }
        let leads = Candidacy::Leading { node: "a-0000000001".to_owned() };
        assert_eq!(standing(&leads, true), DispatcherStanding::Standby { leader: None, has_read: true });
    }
}
