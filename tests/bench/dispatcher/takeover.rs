//! Two dispatchers with a real ZooKeeper, of which the one that leads is killed.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::agents::Counts;
use super::alone::{launch, until_reported};
use super::ensemble::Ensemble;
use super::ports::free_ports;
use super::site::Site;
use super::{Given, manifests, until};

/// Of dispatchers, with ZooKeeper.
pub const SESSION: Duration = Duration::from_secs(4);

pub struct Takeover {
    /// From the kill until the other one has taken an order.
    pub order: Duration,
    /// Until all AppMasters have told it how they are.
    pub reports: Duration,
}

pub async fn measure(given: &Given, clusters: usize) -> Takeover {
    let ensemble = Ensemble::start().await;
    let site = Site::start(given, clusters).await;
    let mut leader = site.dispatcher(given, "first", &lines(&ensemble)).await;
    until("it leads", async || leads(&leader.url).await).await;
    let standby = site.dispatcher(given, "second", &lines(&ensemble)).await;
    launch(given, &site, &leader, clusters).await;
    until_reported(&leader, clusters).await;
    let begin = Instant::now();
    leader.kill();
    until("the other one takes orders", async || freeze(&standby.url).await).await;
    let order = begin.elapsed();
    until_reported(&standby, clusters).await;
    let reports = begin.elapsed();
    let counts = &site.agents.counts;
    assert_eq!(
        [Counts::of(&counts.launched), Counts::of(&counts.ended)],
        [clusters, 0],
        "{}",
        standby.log_end()
    );
    Takeover { order, reports }
}

fn lines(ensemble: &Ensemble) -> Vec<String> {
    let [artifacts] = free_ports();
    vec![
        format!("dispatcher.zookeeper: zk://{}/flink-on-mesos/dispatcher", ensemble.quorum()),
        format!("high-availability.zookeeper.client.session-timeout: {}", SESSION.as_millis()),
        format!("mesos.resourcemanager.artifactserver.port: {artifacts}"),
    ]
}

async fn leads(url: &str) -> Option<()> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.get(format!("{url}/readyz")).send().await.ok()?.text().await.ok()?;
    (answer == "ok\n").then_some(())
}

async fn freeze(url: &str) -> Option<()> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let url = format!("{url}/v1/clusters/{}", manifests::name(1));
    let order = client.patch(url).header("content-type", "application/json").body(r#"{"frozen":true}"#);
    let answer = order.send().await.ok()?;
    (answer.status() == StatusCode::ACCEPTED).then_some(())
}
