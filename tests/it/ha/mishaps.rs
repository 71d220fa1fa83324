//! One cluster whose job goes on whatever happens to AppMasters, ensemble, master and the network between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ha::election;
use nix::sys::signal::Signal;
use serde_json::json;
use zookeeper_client::Client;

use super::proxy::{Passage, Proxy};
use super::site::{
    Kept, Progress, SESSION, Site, TASKMANAGERS, goes_on, goes_on_now, progress, role, start_job_for,
    until_standby,
};
use crate::cluster::harness::Cluster;
use crate::cluster::stop;

/// Up to 1.20 a JobManager takes the node of an old session for its own (CURATOR-696). With sessions of three seconds it can lead
/// beside another one before its worker sees that, and checkpoints that both write are lost for good.
const FLINK: &str = "2.3.0";

/// How an AppMaster ends whose JobManager leads no more without knowing: its worker finds out, unless Flink is faster and
/// stumbles over what the other one did.
const DEPOSED: [Option<i32>; 2] = [Some(76), Some(239)];

#[tokio::test]
async fn a_job_goes_on_whatever_happens() {
    let site = Site::open_with(FLINK).await;
    let first = site.appmaster();
    first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let net = Net::around(&site).await;
    let second = site.appmaster_by(&net.quorum(), &net.mesos.address.to_string());
    until_standby(&second).await;
    let job = start_job_for(FLINK, &first).await;
    let before = site.kept(&first);
    assert_eq!(before.taskmanagers.len(), 2);
    let mut case = Case { site, job, before };

    let at = case.begin(&first).await;
    change_master(case.site.mesos_port).await;
    first.program.signal(Signal::SIGKILL);
    case.goes_on("the leader was killed while the Mesos master changed", &[&second], at).await;
    stop::by_sigkill(first).await;
    let third = case.site.appmaster();
    until_standby(&third).await;

    let at = case.begin(&second).await;
    net.mesos.set(Passage::Closed);
    until_subscribed(&second, false).await;
    net.mesos.set(Passage::Open);
    until_subscribed(&second, true).await;
    let was_untouched = case.goes_on("the leader was cut off from Mesos", &[&second], at).await;
    assert!(was_untouched, "that is no concern of a JobManager");

    let at = case.begin(&second).await;
    net.zookeeper(Passage::Silent);
    case.goes_on("the leader was cut off from ZooKeeper", &[&third], at).await;
    // It cannot know who leads, only that it may not act.
    assert_eq!(role(&second).as_deref(), Some("suspended"));
    net.zookeeper(Passage::Open);
    until_standby(&second).await;

    case.ensemble([second, third]).await;
}

/// Whatever one AppMaster says to ZooKeeper and Mesos goes through it.
struct Net {
    zookeeper: Vec<Proxy>,
    mesos: Proxy,
}

impl Net {
    async fn around(site: &Site) -> Self {
        let mut zookeeper = Vec::new();
        for index in 0..site.ensemble.len() {
            zookeeper.push(Proxy::to(site.ensemble.address(index)).await);
        }
        let mesos = Proxy::to(SocketAddr::from(([127, 0, 0, 1], site.mesos_port))).await;
        Self { zookeeper, mesos }
    }

    fn quorum(&self) -> String {
        let servers: Vec<_> = self.zookeeper.iter().map(|proxy| proxy.address.to_string()).collect();
        servers.join(",")
    }

    fn zookeeper(&self, passage: Passage) {
        self.zookeeper.iter().for_each(|proxy| proxy.set(passage));
    }
}

struct Case {
    site: Site,
    job: String,
    /// The first AppMaster's view.
    before: Kept,
}

impl Case {
    async fn begin(&self, cluster: &Cluster) -> (Instant, Progress) {
        let progress = progress(cluster, &self.job).await;
        (Instant::now(), progress)
    }

    /// Whether the job did not even notice. One of `left` leads now, and everything else is as it was.
    async fn goes_on(&self, what: &str, left: &[&Cluster], (start, before): (Instant, Progress)) -> bool {
        let was_untouched = goes_on(left[0], &self.job, &before).await;
        let how = if was_untouched { "untouched" } else { "restored" };
        println!("{what}: the job made another checkpoint after {:.1?}, {how}", start.elapsed());
        self.site.settled(leader(left).await, &self.before).await;
        was_untouched
    }

    /// One server, the majority, all of them.
    async fn ensemble(&mut self, mut appmasters: [Cluster; 2]) {
        let leading = self.site.ensemble.leader().await;
        let all = 0..self.site.ensemble.len();
        let cases = [
            ("the leading ZooKeeper server was away", vec![leading]),
            ("the majority was away", all.clone().filter(|index| *index != leading).collect()),
            ("ZooKeeper was away", all.collect()),
        ];
        for (what, servers) in cases {
            let at = self.begin(&appmasters[0]).await;
            servers.iter().for_each(|index| self.site.ensemble.kill_server(*index));
            // For longer than any session lasts.
            tokio::time::sleep(SESSION + Duration::from_secs(1)).await;
            servers.iter().for_each(|index| self.site.ensemble.start_server(*index));
            self.site.ensemble.until_serving().await;
            self.goes_on_somehow(what, &mut appmasters, at).await;
        }
    }

    /// One may end whose JobManager took an old place in line for its own, if that went before it could be kept; then it is
    /// started again.
    async fn goes_on_somehow(
        &self,
        what: &str,
        appmasters: &mut [Cluster; 2],
        (start, before): (Instant, Progress),
    ) {
        let all_is_well = async || {
            for appmaster in appmasters.iter_mut() {
                if let Some(status) = appmaster.program.ended() {
                    let log = appmaster.program.log_end();
                    println!("{what}: one AppMaster ended with {status} after {:.1?}", start.elapsed());
                    assert!(DEPOSED.contains(&status.code()), "{log}");
                    println!("{log}");
                    *appmaster = self.site.appmaster();
                }
            }
            jobmanager_stands(&self.site).await?;
            goes_on_now(&appmasters[0], &self.job, &before).await?;
            goes_on_now(&appmasters[1], &self.job, &before).await
        };
        self.site.mesos.until("the job goes on, and both JobManagers know", all_is_well).await;
        println!("{what}: all is well after {:.1?}", start.elapsed());
        let [first, second] = appmasters;
        self.site.settled(leader(&[first, second]).await, &self.before).await;
    }
}

/// The JobManager that says that it leads is first in Flink's election, or its worker keeps its place there.
async fn jobmanager_stands(site: &Site) -> Option<()> {
    let client = Client::connect(&site.ensemble.quorum()).await.ok()?;
    let owner = async |path: &str| Some(client.check_stat(path).await.ok()??.ephemeral_owner);
    let mut entitled = vec![owner("/flink/test/leader/rest_server/connection_info").await?];
    let line = "/flink/mesos-workers/test/line";
    for name in client.list_children(line).await.ok()? {
        entitled.push(owner(&format!("{line}/{name}")).await?);
    }
    let latch = "/flink/test/leader/latch";
    let names = client.list_children(latch).await.ok()?;
    let first = names.iter().min_by_key(|name| election::place(name))?;
    entitled.contains(&owner(&format!("{latch}/{first}")).await?).then_some(())
}

/// There is only one at a time.
async fn leader<'a>(appmasters: &[&'a Cluster]) -> &'a Cluster {
    let all = appmasters.iter();
    appmasters[0]
        .program
        .until("one leads", async || {
            let leaders = all.clone().filter(|one| role(one).as_deref() == Some("leader"));
            match leaders.collect::<Vec<_>>()[..] {
                [one] => Some(*one),
                // They were asked one after the other.
                _ => None,
            }
        })
        .await
}

async fn until_subscribed(cluster: &Cluster, is_subscribed: bool) {
    let is_so = async || (cluster.status()?["subscribed"] == is_subscribed).then_some(());
    cluster.program.until(&format!("subscribed: {is_subscribed}"), is_so).await;
}

/// Another one with the same registry leads at the same address.
async fn change_master(port: u16) {
    let url = format!("http://127.0.0.1:{port}/mini/change-master");
    let answer = reqwest::Client::new().post(url).json(&json!({})).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
}
