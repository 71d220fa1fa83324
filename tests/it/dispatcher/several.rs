//! Several dispatchers with ZooKeeper: one leads, the others stand by, and no cluster notices who does.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use zookeeper_client::{Acls, Client, CreateMode};

use super::site::{Site, session};
use crate::cluster::processes::{self, Part, Process};
use crate::ha::ensemble::Ensemble;
use crate::ports::free_ports;

const SESSION: Duration = Duration::from_secs(4);

/// What a new leader may take beside the session of the one before. On an idle machine it takes less than a second.
const TAKEOVER: Duration = Duration::from_secs(20);

/// Of the scheduler that launches AppMasters.
const STATE: &str = "/flink-on-mesos/dispatcher/state";

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Two dispatchers, the one that leads first.
struct Two {
    ensemble: Ensemble,
    sites: [Site; 2],
}

/// What no change of the leader may touch.
#[derive(Debug, PartialEq)]
struct Untouched {
    /// Of the dispatchers.
    framework: Value,
    tasks: Value,
    processes: Vec<Vec<Process>>,
}

impl Two {
    /// With one session cluster that runs, which was ordered where nobody leads.
    async fn start(name: &str) -> Self {
        let ensemble = Ensemble::start().await;
        let first = Site::start(&lines(&ensemble)).await;
        first.program.until("it leads", async || leads(&first).await.then_some(())).await;
        let second = first.beside(&lines(&ensemble)).await;
        assert!(!leads(&second).await, "one leads already");
        second.apply(&[&session(name, "v1_20", super::MEMORY)]);
        first.until_state(name, "running").await;
        first.until_slots(name, 1).await;
        let two = Self { ensemble, sites: [first, second] };
        two.until_reported(0, name).await;
        two
    }

    async fn untouched(&self, place: usize, name: &str) -> Untouched {
        let site = &self.sites[place];
        let is_there = async || site.framework("dispatcher").await;
        let framework = site.program.until("the framework is registered", is_there).await["id"].clone();
        let attempts = site.describe(name).expect("it is there")["attempts"].clone();
        let tasks = attempts.as_array().into_iter().flatten().map(|attempt| attempt["task_id"].clone());
        let parts = [Part::JobManager, Part::TaskManager, Part::Worker];
        Untouched {
            framework,
            tasks: tasks.collect(),
            processes: parts.iter().map(|part| site.mesos.parts(*part)).collect(),
        }
    }

    /// Where the framework's id is lost and AppMasters are on record; it is found again afterwards.
    async fn begins_no_other_framework(&self) {
        let client = Client::connect(&self.ensemble.quorum()).await.expect("a session");
        let mut nodes = vec![STATE.to_owned()];
        let shards = client.list_children(STATE).await.expect("a list");
        nodes.extend(shards.iter().map(|shard| format!("{STATE}/{shard}")));
        let mut kept = Vec::new();
        for node in &nodes {
            kept.push(client.get_data(node).await.expect("it is there").0);
        }
        for node in nodes.iter().rev() {
            client.delete(node, None).await.expect("deleted");
        }
        let (code, log) = self.sites[0].start_in_vain().await;
        assert_eq!(code, Some(65), "{log}");
        assert!(log.contains(&format!("whose id is no longer stored at {STATE}")), "{log}");
        for (node, data) in nodes.iter().zip(&kept) {
            let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
            client.create(node, data, &options).await.expect("created");
        }
    }

    async fn until_leads(&self, place: usize) -> Duration {
        let start = Instant::now();
        let site = &self.sites[place];
        site.program.until("it leads", async || leads(site).await.then_some(())).await;
        start.elapsed()
    }

    /// Its AppMaster has told this dispatcher how it is.
    async fn until_reported(&self, place: usize, name: &str) {
        let site = &self.sites[place];
        let is_told = async || {
            let described = site.describe(name)?;
            (described["appmasters"][0]["running"] == 1 && described["cluster"]["state"] == "running")
                .then_some(())
        };
        site.program.until("the AppMaster reports to it", is_told).await;
    }
}

pub fn lines(ensemble: &Ensemble) -> Vec<String> {
    let [artifacts] = free_ports();
    vec![
        format!("dispatcher.zookeeper: zk://{}/flink-on-mesos/dispatcher", ensemble.quorum()),
        format!("high-availability.zookeeper.client.session-timeout: {}", SESSION.as_millis()),
        format!("mesos.resourcemanager.artifactserver.port: {artifacts}"),
    ]
}

struct Answer {
    status: StatusCode,
    standing: String,
    location: Option<String>,
    text: String,
}

async fn ask(site: &Site, method: Method, path: &str) -> Option<Answer> {
    ask_at(&site.url(), method, path).await
}

async fn ask_at(url: &str, method: Method, path: &str) -> Option<Answer> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.request(method, format!("{url}{path}")).send().await.ok()?;
    let header = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
    let (status, location) = (answer.status(), header(LOCATION.as_str()));
    let standing = header("dispatcher-standing").unwrap_or_default();
    Some(Answer { status, standing, location, text: answer.text().await.ok()? })
}

pub async fn leads(site: &Site) -> bool {
    ask(site, Method::GET, "/readyz").await.is_some_and(|answer| answer.text == "ok\n")
}

/// One that does not lead, and sends whoever orders to the one that does.
async fn assert_stands_by(site: &Site, leader: &Site, name: &str) {
    let reads = ask(site, Method::GET, &format!("/v1/clusters/{name}")).await.expect("an answer");
    assert_eq!(reads.status, StatusCode::OK, "{}", reads.text);
    assert_eq!(reads.standing, format!("standby; leader={}", leader.url()));
    let path = format!("/v1/clusters/{name}/restart?dryRun=true");
    let sent_on = ask(site, Method::POST, &path).await.expect("an answer");
    assert_eq!(sent_on.status, StatusCode::TEMPORARY_REDIRECT, "{}", sent_on.text);
    assert_eq!(sent_on.location, Some(format!("{}{path}", leader.url())));
}

async fn until_stands_by(site: &Site, leader: &Site) {
    let expected = format!("the dispatcher at {} leads\n", leader.url());
    let is_so = async || {
        let answer = ask(site, Method::GET, "/readyz").await?;
        (answer.status == StatusCode::OK && answer.text.ends_with(&expected)).then_some(())
    };
    site.program.until("it stands by", is_so).await;
}

fn signal(site: &Site, signal: Signal) {
    site.program.everything().into_iter().for_each(|process| processes::signal(process, signal));
}

#[tokio::test]
async fn a_standby_leads_when_the_leader_is_killed_and_the_first_after_all_were() {
    let mut two = Two::start("kept").await;
    let before = two.untouched(0, "kept").await;
    assert_stands_by(&two.sites[1], &two.sites[0], "kept").await;

    two.sites[0].kill_dispatcher().await;
    let took = two.until_leads(1).await;
    println!("the standby led {} ms after the leader was killed", took.as_millis());
    assert!(took < SESSION + TAKEOVER, "{took:?}");
    two.until_reported(1, "kept").await;
    assert_eq!(two.untouched(1, "kept").await, before);
    two.sites[0].start_again().await;
    until_stands_by(&two.sites[0], &two.sites[1]).await;
    assert_stands_by(&two.sites[0], &two.sites[1], "kept").await;

    two.sites[1].kill_dispatcher().await;
    two.sites[0].kill_dispatcher().await;
    two.begins_no_other_framework().await;
    two.sites[0].start_again().await;
    two.until_leads(0).await;
    two.until_reported(0, "kept").await;
    assert_eq!(two.untouched(0, "kept").await, before);

    // What was stored before all of them ended is what is ordered about.
    two.sites[1].start_again().await;
    until_stands_by(&two.sites[1], &two.sites[0]).await;
    two.sites[1].command(&["delete", "kept", "--force"]);
    two.sites[0].until_gone("kept").await;
    two.sites[1].until_gone("kept").await;
    let nothing_is_left = async || two.sites[0].mesos.parts(Part::JobManager).is_empty().then_some(());
    two.sites[0].mesos.until("nothing is left of it", nothing_is_left).await;

    // Who leaves on request is followed at once.
    two.sites[0].program.signal(Signal::SIGTERM);
    assert_eq!(two.sites[0].program.end().await.code(), Some(0), "{}", two.sites[0].program.log_end());
    two.until_leads(1).await;
}

#[tokio::test]
async fn a_leader_that_was_stopped_for_long_does_nothing_more_and_a_lost_ensemble_ends_no_cluster() {
    let mut two = Two::start("kept").await;
    let before = two.untouched(0, "kept").await;

    signal(&two.sites[0], Signal::SIGSTOP);
    let took = two.until_leads(1).await;
    println!("the standby led {} ms after the leader was stopped", took.as_millis());
    two.until_reported(1, "kept").await;
    assert_eq!(two.untouched(1, "kept").await, before);
    let freeze = two.sites[1].command(&["freeze", "kept"]);
    signal(&two.sites[0], Signal::SIGCONT);
    until_stands_by(&two.sites[0], &two.sites[1]).await;
    assert_stands_by(&two.sites[0], &two.sites[1], "kept").await;
    let described = two.sites[0].describe("kept").expect("it is there");
    assert_eq!(described["cluster"]["frozen"], true, "what was stored meanwhile counts: {freeze}");
    assert!(leads(&two.sites[1]).await, "{}", two.sites[1].program.log_end());
    assert!(!two.sites[1].program.log().contains("taking it back"), "{}", two.sites[1].program.log_end());
    assert_eq!(two.untouched(1, "kept").await, before);

    (0..two.ensemble.len()).for_each(|index| two.ensemble.kill_server(index));
    for site in &two.sites {
        let tells = async || {
            let ready = ask(site, Method::GET, "/readyz").await?;
            let is_told = ready.text.contains("ZooKeeper");
            (is_told && ready.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        };
        site.program.until("it says that ZooKeeper is away", tells).await;
        assert!(
            ask(site, Method::GET, "/healthz").await.is_some_and(|answer| answer.status == StatusCode::OK)
        );
        let order = ask(site, Method::POST, "/v1/clusters/kept/restart").await.expect("an answer");
        assert_eq!(order.status, StatusCode::SERVICE_UNAVAILABLE, "{}", order.text);
    }
    // Each tells what it knows.
    for (site, standing) in two.sites.iter().zip(["away", "suspended"]) {
        let read = ask(site, Method::GET, "/v1/clusters/kept").await.expect("an answer");
        assert_eq!((read.status, &*read.standing), (StatusCode::OK, standing), "{}", read.text);
    }
    let is_over = async || two.sites[1].program.log().contains("cannot connect").then_some(());
    two.sites[1].program.until("its session is over", is_over).await;

    // One that starts meanwhile waits.
    two.sites[0].kill_dispatcher().await;
    let Two { ensemble, sites: [first, _] } = &mut two;
    let url = first.url();
    let comes_back = async {
        while ask_at(&url, Method::GET, "/readyz")
            .await
            .is_none_or(|answer| !answer.text.contains("does not reach ZooKeeper"))
        {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        (0..ensemble.len()).for_each(|index| ensemble.start_server(index));
        ensemble.until_serving().await;
    };
    tokio::join!(first.start_again(), comes_back);
    let one_leads = async || {
        for (place, site) in two.sites.iter().enumerate() {
            if leads(site).await {
                return Some(place);
            }
        }
        None
    };
    let leader = two.sites[0].program.until("one leads again", one_leads).await;
    two.until_reported(leader, "kept").await;
    assert_eq!(two.untouched(leader, "kept").await, before);
    until_stands_by(&two.sites[1 - leader], &two.sites[leader]).await;
}
