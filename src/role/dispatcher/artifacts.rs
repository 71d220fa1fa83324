//! Artifacts beside a dispatcher: AppMasters fetch those of their specifications, other dispatchers those that they lack, and what
//! nothing refers to goes.

use std::sync::Arc;
use std::time::Duration;

use api::standing::{DispatcherStanding, DispatcherStandings};
use api::{Artifacts, Elsewhere, content};
use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::digest::{Digest, hexadecimal};
use base::events::Journal;
use base::log;
use base::random;
use conf::settings::ArtifactSettings;
use dispatcher::References;
use dispatcher::driver::Handle;
use futures_util::FutureExt as _;
use reqwest::Client;
use scheduler::driver::requests::{Request, Requests};
use serve::Outbox;
use tokio::sync::watch;
use tokio::time::sleep;
use uploads::{About, Begun, Limits, Store};

use super::home::Others;
use super::opened::{self, Opened};
use super::{configuration, now};

/// In the state directory.
pub const DIRECTORY: &str = "artifacts";

/// Another dispatcher that accepts no connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// As often it is looked what can go, and what is missing here.
const MAX_ROUND: Duration = Duration::from_secs(60);
const MIN_ROUND: Duration = Duration::from_secs(1);

/// Far longer than a standby takes to read what is stored.
const MAX_LATE: Duration = Duration::from_secs(10 * 60);

/// Where another dispatcher serves its artifacts, and with what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub url: String,
    pub secret: String,
}

/// Other dispatchers.
#[derive(Clone)]
pub struct Peers {
    /// Of this one. Who can read what the dispatchers keep in ZooKeeper has it.
    pub secret: Arc<str>,
    pub told: watch::Receiver<Vec<Peer>>,
}

impl Peers {
    pub fn new(told: watch::Receiver<Vec<Peer>>) -> Self {
        Self { secret: hexadecimal(&random::bytes::<32>()).into(), told }
    }

    /// There are none.
    pub fn none() -> Self {
        Self::new(watch::channel(Vec::new()).1)
    }
}

/// Looked after from now on, whether or not anything can be kept.
pub async fn open(opened: &Opened, handle: &Handle, others: &Others, journal: Arc<Journal>) -> Artifacts {
    let settings = &opened.dispatcher;
    let directory = settings.artifacts.directory.clone().unwrap_or_else(|| {
        // Without it the first upload says what is missing.
        let _ = opened::create(&settings.state_dir);
        settings.state_dir.join(DIRECTORY)
    });
    let store = Arc::new(Store::new(directory, limits(&settings.artifacts), now));
    if let Err(error) = store.begin_with().await {
        journal.warn("artifacts_unreadable", log::chain(&error));
    }
    let elsewhere = of_peers(Arc::clone(&store), others.peers.clone(), Arc::clone(&journal));
    let artifacts = Artifacts { store, elsewhere, rules: Some(Arc::new(opened.rules())) };
    tokio::spawn(look_after(handle.clone(), artifacts.clone(), others.standings.clone(), journal));
    artifacts
}

fn limits(settings: &ArtifactSettings) -> Limits {
    let ArtifactSettings { max_file, max_total, grace, .. } = settings;
    Limits { file: max_file.bytes(), total: max_total.bytes(), grace: *grace }
}

/// Has what other dispatchers have come from them.
fn of_peers(store: Arc<Store>, peers: Peers, journal: Arc<Journal>) -> Elsewhere {
    Arc::new(move |digest| {
        let (store, peers, journal) = (Arc::clone(&store), peers.clone(), Arc::clone(&journal));
        async move { fetch(&store, &peers, &journal, digest).await }.boxed()
    })
}

async fn fetch(store: &Arc<Store>, peers: &Peers, journal: &Journal, digest: Digest) -> bool {
    let others: Vec<_> =
        peers.told.borrow().iter().filter(|peer| *peer.secret != *peers.secret).cloned().collect();
    for peer in others {
        match fetch_from(store, &peer, digest).await {
            Ok(false) => {}
            Ok(true) => {
                journal.tell("artifact_copied", format!("artifact {digest} is copied from {}", peer.url));
                return true;
            }
            Err(error) => {
                let text =
                    format!("cannot copy artifact {digest} from {}: {}", peer.url, log::chain(&*error));
                journal.warn("artifact_not_copied", text);
            }
        }
    }
    false
}

/// False where there is none.
async fn fetch_from(
    store: &Arc<Store>,
    peer: &Peer,
    digest: Digest,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let client = client()?;
    let url = format!("{}{}", peer.url, path(&digest.to_string()));
    let answer =
        client.get(url).bearer_auth(&peer.secret).send().await.map_err(reqwest::Error::without_url)?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(false);
    }
    let answer = answer.error_for_status().map_err(reqwest::Error::without_url)?;
    let about =
        answer.headers().get(ABOUT).and_then(|about| serde_json::from_slice::<About>(about.as_bytes()).ok());
    match store.begin(digest, answer.content_length())? {
        Begun::There(_) => {}
        Begun::Comes(coming) => {
            coming.keep(about.unwrap_or_default(), Box::pin(answer.bytes_stream())).await?;
        }
    }
    Ok(true)
}

fn client() -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    Ok(tls::http::plain()?.connect_timeout(CONNECT_TIMEOUT).build()?)
}

/// What the other dispatcher knows of it, in JSON.
const ABOUT: &str = "artifact-about";

fn path(digest: &str) -> String {
    format!("/artifacts/{digest}")
}

#[derive(Clone)]
struct Shared {
    requests: Requests,
    handle: Handle,
    artifacts: Artifacts,
    peers: Peers,
}

/// Beside what agents fetch.
pub fn routes(requests: Requests, handle: Handle, artifacts: Artifacts, peers: Peers) -> Router {
    Router::new()
        .route(&artifact::artifact_path("{task_id}", "{digest}"), get(of_task))
        .route(&path("{digest}"), get(of_peer))
        .with_state(Shared { requests, handle, artifacts, peers })
}

/// An AppMaster gets what its own specification names.
async fn of_task(
    State(Shared { requests, handle, artifacts, .. }): State<Shared>,
    axum::extract::Path((task_id, digest)): axum::extract::Path<(String, Digest)>,
    headers: HeaderMap,
    outbox: Option<Extension<Outbox>>,
) -> Response {
    let (asked, token) = (task_id.clone(), artifact::token(&headers));
    match requests.ask(|reply| Request::Claim { task_id: asked, token, reply }).await {
        Ok(claim::Answer::Held) => {}
        Ok(claim::Answer::Gone | claim::Answer::Elsewhere) => {
            return (StatusCode::FORBIDDEN, "wrong token\n").into_response();
        }
        Ok(claim::Answer::Unknown) => {
            return not_now("the scheduler does not know yet which tasks there are");
        }
        Err(refusal) => return not_now(&refusal.to_string()),
    }
    let refers = handle.ask(move |core, _| {
        configuration::cluster_of(&task_id).is_some_and(|cluster| core.refers(cluster, &digest))
    });
    match refers.await {
        Ok(true) => {}
        Ok(false) => {
            return (StatusCode::FORBIDDEN, "this task's specification names no such artifact\n")
                .into_response();
        }
        Err(why) => return not_now(&why.to_string()),
    }
    match artifacts.open(digest).await {
        Ok(Some((file, about))) => content(file, digest, &about, outbox.map(|Extension(outbox)| outbox)),
        // Another dispatcher may come that has it.
        Ok(None) => not_now(&format!("no dispatcher that answers has artifact {digest}")),
        Err(error) => not_now(&log::chain(&error)),
    }
}

fn not_now(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], format!("{why}\n")).into_response()
}

/// Another dispatcher gets what is here, and nobody is asked for what is not.
async fn of_peer(
    State(Shared { artifacts, peers, .. }): State<Shared>,
    axum::extract::Path(digest): axum::extract::Path<Digest>,
    headers: HeaderMap,
    outbox: Option<Extension<Outbox>>,
) -> Response {
    // Both are compared as digests, so that how long it takes tells nothing.
    if Digest::of(artifact::token(&headers)) != Digest::of(peers.secret.as_bytes()) {
        return (StatusCode::FORBIDDEN, "this is for other dispatchers\n").into_response();
    }
    match artifacts.store.open(digest).await {
        Ok(Some((file, about))) => {
            let told = serde_json::to_string(&about).unwrap_or_default();
            let mut answer = content(file, digest, &about, outbox.map(|Extension(outbox)| outbox));
            // A name that no header can have is left out.
            answer
                .headers_mut()
                .extend(told.parse().ok().map(|told| (header::HeaderName::from_static(ABOUT), told)));
            answer
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => not_now(&log::chain(&error)),
    }
}

/// As long as the process lasts: what nothing refers to goes after its grace, and what is missing here is fetched.
async fn look_after(
    handle: Handle,
    artifacts: Artifacts,
    standings: DispatcherStandings,
    journal: Arc<Journal>,
) {
    let round = (artifacts.store.limits().grace / 4).clamp(MIN_ROUND, MAX_ROUND);
    loop {
        sleep(round).await;
        if let Err(error) = artifacts.store.refresh().await {
            journal.warn("artifacts_unreadable", log::chain(&error));
            continue;
        }
        let standing = standings.borrow().clone();
        let late = match standing {
            DispatcherStanding::Leads => Duration::ZERO,
            DispatcherStanding::Standby { has_read: true, .. } => MAX_LATE,
            // What it knows may be of any age.
            DispatcherStanding::Standby { has_read: false, .. }
            | DispatcherStanding::Suspended
            | DispatcherStanding::Away { .. } => continue,
        };
        look_once(&handle, &artifacts, late, &journal).await;
    }
}

async fn look_once(handle: &Handle, artifacts: &Artifacts, late: Duration, journal: &Journal) {
    let Artifacts { store, elsewhere, .. } = artifacts;
    let store_asked = Arc::clone(store);
    // What goes is marked where specifications are taken, so that none of them refers to it meanwhile.
    let asked = handle.ask(move |core, _| {
        let references = core.references();
        let due = references.all().map(|all| store_asked.due(&all, late)).unwrap_or_default();
        (references, due)
    });
    let Ok((References { clusters, .. }, due)) = asked.await else { return };
    for digest in due {
        match store.remove(digest).await {
            Ok(()) => journal
                .tell("artifact_collected", format!("artifact {digest} is removed: nothing refers to it")),
            Err(error) => journal.warn("artifact_not_collected", log::chain(&error)),
        }
    }
    for digest in clusters.keys().filter(|digest| !store.has(digest)) {
        elsewhere(*digest).await;
    }
}

#[cfg(test)]
mod tests;
