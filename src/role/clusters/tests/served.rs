//! A dispatcher behind a unix socket, on a thread of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};

use access::{Defaults, Entry, Role, Tokens};
use api::client::{Address, AskError, Dispatcher as Client};
use api::scheduling::{Fits, Line, Places, Placing, Scheduling, Sought, Told};
use api::{Artifacts, AtMesos, JobManagers, Sandboxes, Sources, caller, router};
use base::digest::Digest;
use base::events::Journal;
use conf::environment::Environment;
use dispatcher::driver::{Driver, Groups};
use dispatcher::{Action, Dispatcher, Limits, Timestamp, View};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use manifest::Circumstances;
use records::Records as _;
use records::directory::DirectoryRecords;
use serve::Listening;

/// A scheduler that has no offers.
struct NoOffers;

impl Groups for NoOffers {
    type Error = Infallible;

    async fn carry_out(&mut self, _: Action) -> Result<(), Infallible> {
        Ok(())
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Infallible> {
        Ok(BTreeMap::new())
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// Where a JobManager of more than 8 GiB does not fit.
struct Small;

impl Scheduling for Small {
    fn explain(&self, _: String) -> Told<Option<Placing>> {
        async { Err("there is none".to_owned()) }.boxed()
    }

    fn queue(&self) -> Told<Line> {
        async { Ok(Line::default()) }.boxed()
    }

    fn fits(&self, sought: Vec<Sought>) -> BoxFuture<'static, Vec<Option<Fits>>> {
        let fits = |sought: &Sought| {
            let memory = sought.manifest.spec.job_manager.resource.memory;
            let is_small = memory.is_none_or(|memory| memory.mebibytes() <= 8192);
            let appmasters = Places { wanted: 1, placeable: Some(usize::from(is_small)) };
            Some(Fits { appmasters, taskmanagers: None, why: "no room".to_owned() })
        };
        let fits = sought.iter().map(fits).collect();
        async move { fits }.boxed()
    }

    fn metrics(&self) -> Told<Vec<u8>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

pub struct Served {
    pub environment: Environment,
    /// Where a token is expected, of whoever shows one: `reader` may look only.
    pub port: String,
    directory: TempDir,
}

impl Served {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (socket, state) = (directory.path().join("socket"), directory.path().join("state"));
        let address = format!("unix:{}", socket.display());
        let environment = [("FLINK_ON_MESOS_DISPATCHER", address)].into_iter().collect();
        let (sender, ready) = channel();
        std::thread::spawn(move || {
            let runtime = crate::role::runtime().expect("a runtime");
            runtime.block_on(serve(socket, state, sender));
        });
        let port = format!("http://{}", ready.recv().expect("it listens"));
        Self { environment, port, directory }
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.directory.path().join(name), text).expect("written");
        self.path(name)
    }

    /// A manifest of cluster `wide`, for which there is no room.
    pub fn wide(&self, name: &str) -> String {
        let file = self.file(name, 1);
        let text = std::fs::read_to_string(&file).expect("it is there");
        let wide =
            text.replace("name: a}", "name: wide}").replace("{memory: 1g}}, task", "{memory: 64g}}, task");
        self.write(name, &wide)
    }

    /// A manifest of cluster `a`.
    pub fn file(&self, name: &str, nonce: u32) -> String {
        let head = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\n";
        let sizes = "jobManager: {resource: {memory: 1g}}, taskManager: {resource: {memory: 1g}}";
        self.write(name, &format!("{head}spec: {{flinkVersion: v1_20, restartNonce: {nonce}, {sizes}}}\n"))
    }

    /// With their names.
    pub fn artifacts(&self) -> Vec<(Digest, String)> {
        let address = Address::Socket(self.directory.path().join("socket"));
        let client = Client::at(&address).expect("a client");
        let listed = crate::role::runtime().expect("a runtime").block_on(client.artifacts());
        let named = listed.expect("a list").into_iter();
        named.map(|artifact| (artifact.digest, artifact.name.unwrap_or_default())).collect()
    }

    /// None of a cluster that there is not.
    pub fn standing(&self, name: &str) -> Option<String> {
        let address = Address::Socket(self.directory.path().join("socket"));
        let client = Client::at(&address).expect("a client");
        let runtime = crate::role::runtime().expect("a runtime");
        match runtime.block_on(client.cluster(name)) {
            Ok(found) => {
                let cluster = found.known.cluster;
                let frozen = if cluster.frozen { ", frozen" } else { "" };
                Some(format!("{}, revision {}{frozen}", cluster.state.word(), cluster.revision?))
            }
            Err(AskError::Refused { problem, .. }) if problem.status == 404 => None,
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn serve(socket: PathBuf, state: PathBuf, ready: Sender<SocketAddr>) {
    let mut records = DirectoryRecords::open(&state, "test").await.expect("it opens");
    let limits = Limits::default();
    let core = Dispatcher::restore(&records.load(None).await.expect("nothing"), limits);
    let clock = || Timestamp(1_700_000_000_000);
    let parts = (records, NoOffers);
    let (driver, handle) = Driver::new(core, 0, limits, parts, Arc::<Journal>::default(), clock);
    tokio::spawn(driver.run());
    let (circumstances, appmasters) = (Circumstances::default(), Arc::new(|_: &str| None));
    let jobmanagers = JobManagers::new(tls::http::plain().expect("TLS"), "own").expect("a client");
    let (standings, scheduling) = (api::standing::alone(), Arc::new(Small));
    let limits = uploads::Limits { file: 1 << 20, total: 1 << 20, grace: Duration::from_secs(3600) };
    let artifacts = Artifacts::alone(Arc::new(uploads::Store::new(state.join("artifacts"), limits, clock)));
    let sources = Sources {
        handle,
        standings,
        circumstances,
        flinks: None,
        appmasters,
        scheduling,
        jobmanagers,
        artifacts,
        sandboxes: Arc::new(Nowhere),
        closing: serve::Closing::default(),
    };
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = port.local_addr().expect("an address");
    let entry = Entry {
        name: "reader".to_owned(),
        role: Role::View,
        mesos_roles: Vec::new(),
        users: Vec::new(),
        expires: None,
    };
    let text = format!("tokens:\n{}", entry.text("reader"));
    let tokens = Tokens::parse(&text, &Arc::<Defaults>::default()).expect("good");
    let known = Arc::new(move |token: &str| tokens.find(token, 0).cloned());
    let routes = caller::by_port(router(sources.clone()), Some(known));
    tokio::spawn(serve::serve(Listening::new(port, "test"), routes));
    let routes = caller::by_user(router(sources));
    let listener = UnixListener::bind(socket).expect("a socket");
    ready.send(address).expect("somebody waits");
    let Err(error) = serve::serve(Listening::new(listener, "test"), routes).await;
    panic!("{error}");
}

struct Nowhere;

impl Sandboxes for Nowhere {
    fn mesos(&self) -> Told<AtMesos> {
        std::future::ready(Err("there is no Mesos".to_owned())).boxed()
    }

    fn frameworks(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}
