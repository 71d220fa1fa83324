//! A dispatcher with all that it needs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use base::events::Journal;
use records::directory::DirectoryRecords;
use records::{Change, CommitError, Key, LoadError, Loaded, PurgeError, Records, Revision};
use tempfile::TempDir;
use tokio::sync::Notify;

use dispatcher::driver::{Driver, Groups, Handle};
use dispatcher::{Action, Definition, Dispatcher, End, Limits, TaskView, Timestamp, View};

use super::{Answer, ask, routes};

pub struct World {
    pub handle: Handle,
    pub routes: Router,
    pub scheduler: Arc<Scheduler>,
    /// Whether nothing can be written.
    pub is_full: Arc<AtomicBool>,
    _directory: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Limits::default(), &[]).await
    }

    /// `records`: what is stored already.
    pub async fn with(limits: Limits, records: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut stored = DirectoryRecords::open(directory.path(), "test").await.expect("it opens");
        stored.load(None).await.expect("nothing");
        let create = |(key, value): &(&str, &str)| Change::Create {
            key: Key::parse(key).expect("a key"),
            value: value.as_bytes().to_vec(),
        };
        if !records.is_empty() {
            let changes: Vec<_> = records.iter().map(create).collect();
            stored.commit(&changes).await.expect("stored");
        }
        let mut core = Dispatcher::restore(&stored.load(None).await.expect("records"), limits);
        let scheduler = Arc::<Scheduler>::default();
        let mut carried_out = 0;
        while let Some(action) = core.next_action() {
            carried_out = action.order().unwrap_or(carried_out);
            scheduler.order(action);
        }
        let is_full = Arc::<AtomicBool>::default();
        let disk = Disk { stored, is_full: Arc::clone(&is_full) };
        let parts = (disk, Tasks(Arc::clone(&scheduler)));
        let clock = || Timestamp(1_700_000_000_000);
        let (driver, handle) =
            Driver::new(core, carried_out, limits, parts, Arc::<Journal>::default(), clock);
        tokio::spawn(driver.run());
        let routes = routes(&handle);
        Self { handle, routes, scheduler, is_full, _directory: directory }
    }

    pub async fn ask(&self, line: &str, body: impl Into<Body>) -> Answer {
        ask(&self.routes, line, &[], body).await
    }

    /// Until the cluster stands so.
    pub async fn until(&self, name: &str, state: &str) {
        let mut events = self.handle.follow();
        while self.ask(&format!("GET /v1/clusters/{name}"), "").await.json()["cluster"]["state"] != state {
            events.recv().await.expect("something happens");
        }
    }

    /// Until there is no such cluster.
    pub async fn until_gone(&self, name: &str) {
        let mut events = self.handle.follow();
        while self.ask(&format!("GET /v1/clusters/{name}"), "").await.status != 404 {
            events.recv().await.expect("something happens");
        }
    }
}

/// Can be full.
struct Disk {
    stored: DirectoryRecords,
    is_full: Arc<AtomicBool>,
}

impl Records for Disk {
    async fn load(&mut self, below: Option<&Key>) -> Result<Loaded, LoadError> {
        self.stored.load(below).await
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<Revision, CommitError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(CommitError::Fenced);
        }
        self.stored.commit(changes).await
    }

    async fn purge(self) -> Result<(), PurgeError> {
        self.stored.purge().await
    }
}

/// All tasks run that are wanted, and those of groups that are removed end unless they are held.
#[derive(Default)]
pub struct Scheduler {
    state: Mutex<State>,
    is_changed: Notify,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<String, Definition>,
    /// Whose groups were removed.
    leaving: BTreeMap<String, Definition>,
    ended: BTreeMap<String, u8>,
    holds: bool,
    /// Whether there are no offers.
    is_short: bool,
}

impl Scheduler {
    fn order(&self, action: Action) {
        let mut state = self.state.lock().expect("no panic");
        match action {
            Action::Define(definition) => {
                state.groups.insert(definition.cluster.clone(), definition);
            }
            Action::Remove { cluster, .. } => {
                if let Some(group) = state.groups.remove(&cluster) {
                    state.leaving.insert(cluster, group);
                }
            }
            Action::Keep { .. }
            | Action::Renew { .. }
            | Action::Replace { .. }
            | Action::Commit(_)
            | Action::Event(_) => {}
        }
        self.is_changed.notify_one();
    }

    /// Whether tasks that shall end do not.
    pub fn hold(&self, holds: bool) {
        self.state.lock().expect("no panic").holds = holds;
        self.is_changed.notify_one();
    }

    /// Whether there is room for what is wanted.
    pub fn launch(&self, launches: bool) {
        self.state.lock().expect("no panic").is_short = !launches;
        self.is_changed.notify_one();
    }

    /// The AppMaster of this cluster has ended.
    pub fn end(&self, cluster: &str, code: u8) {
        self.state.lock().expect("no panic").ended.insert(cluster.to_owned(), code);
        self.is_changed.notify_one();
    }

    fn views(&self) -> BTreeMap<String, View> {
        let state = self.state.lock().expect("no panic");
        let here = state.groups.iter().map(|(name, group)| (name.clone(), view(group, &state)));
        let leaving = state.leaving.iter().filter(|_| state.holds);
        here.chain(leaving.map(|(name, group)| (name.clone(), view(group, &state)))).collect()
    }
}

fn view(group: &Definition, state: &State) -> View {
    let task_id = |number: u32| format!("{}-{}-{number}", group.cluster, group.generation);
    let task = |number: u32| TaskView {
        id: task_id(number),
        attempt: number,
        generation: group.generation,
        agent_id: "S1".to_owned(),
        hostname: "localhost".to_owned(),
        state: "TASK_RUNNING".to_owned(),
        since: Timestamp(1_700_000_000_000),
        runs: true,
        ending: false,
        giving_way: false,
    };
    let code = state.ended.get(&group.cluster);
    let tasks = if code.is_some() || state.is_short { 0 } else { group.target };
    let end = |code: &u8| End {
        task_id: task_id(1),
        generation: group.generation,
        code: *code,
        at: Timestamp(1_700_000_000_000),
    };
    View {
        target: group.target,
        tasks: (1..=tasks).map(task).collect(),
        ended: code.map(end),
        waiting: state.is_short.then(|| "no offers".to_owned()),
        ..View::default()
    }
}

struct Tasks(Arc<Scheduler>);

impl Groups for Tasks {
    type Error = Infallible;

    async fn carry_out(&mut self, action: Action) -> Result<(), Infallible> {
        self.0.order(action);
        Ok(())
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Infallible> {
        Ok(self.0.views())
    }

    async fn changed(&mut self) {
        self.0.is_changed.notified().await;
    }
}
