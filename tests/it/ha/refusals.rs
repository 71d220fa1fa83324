//! What is wrong with ZooKeeper, told by the AppMaster in one line, and nothing of it overwritten.

use std::time::Duration;

use zookeeper::Access;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use super::ensemble::{Ensemble, session};
use crate::ports::free_ports;
use crate::refusals::{Case, with_ports};

const SESSION: Duration = Duration::from_secs(4);

async fn refused(quorum: &str, more: &[&str], code: i32, told: &[&str]) {
    let [rest, rpc, mesos] = free_ports().map(|port| port.to_string());
    let (quorum, master) =
        (format!("high-availability.zookeeper.quorum={quorum}"), format!("mesos.master=127.0.0.1:{mesos}"));
    let own = [
        "high-availability=zookeeper",
        "high-availability.storageDir=file:///tmp/nowhere",
        "high-availability.cluster-id=/one",
        "mesos.registration.timeout=5s",
        &master,
        &quorum,
    ];
    let arguments = with_ports("appmaster", &[&rest, &rpc], &[&own, more].concat());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Case { arguments: &arguments, variables: &[], code, told }.check().await;
}

#[tokio::test]
async fn an_ensemble_that_is_not_there() {
    let [port] = free_ports();
    let quorum = format!("127.0.0.1:{port}");
    refused(&quorum, &[], 69, &["no session with ZooKeeper within 5s", &quorum]).await;
}

#[tokio::test]
async fn a_path_behind_the_servers_that_is_not_there() {
    let ensemble = Ensemble::start_with(1).await;
    let quorum = format!("{}/no/such", ensemble.quorum());
    refused(&quorum, &[], 78, &["ZooKeeper has no node /no/such", "high-availability.zookeeper.quorum"])
        .await;
}

#[tokio::test]
async fn states_that_others_wrote() {
    let ensemble = Ensemble::start_with(1).await;
    let client = Client::connect(&ensemble.quorum()).await.expect("a session");
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let node = "/flink/mesos-workers/one/state";
    client.mkdir(node, &open).await.expect("made");
    let cases: [(&[u8], &str); 2] = [
        (b"\xac\xed\x00\x05sr", "it is not a state that this program has written"),
        (br#"{"version":9,"all":"new"}"#, "it was written by a newer program: version 9"),
    ];
    for (content, told) in cases {
        client.set_data(node, content, None).await.expect("written");
        refused(&ensemble.quorum(), &[], 65, &["failed to read the state", node, told]).await;
        assert_eq!(client.get_data(node).await.expect("there").0, content);
    }
}

#[tokio::test]
async fn nodes_of_others() {
    let ensemble = Ensemble::start_with(1).await;
    let mut config = ensemble.config(SESSION);
    config.authorization = vec![("digest".to_owned(), "flink:right".to_owned())];
    config.access = Access::Creator;
    let owner = session(&config).await;
    let closed = config.create(CreateMode::Persistent);
    let told = [&*ensemble.quorum(), "not authorized", "/flink/mesos-workers/one/line"];

    // Everybody may look at it, and that is all.
    let look = Acl::new(Permission::READ, AuthId::anyone());
    let all = Acl::new(Permission::ALL, AuthId::authed());
    let readable = [all, look];
    let visible = CreateMode::Persistent.with_acls(Acls::new(&readable));
    owner.mkdir("/flink", &visible).await.expect("made");
    refused(&ensemble.quorum(), &[], 78, &told).await;
    assert_eq!(owner.list_children("/flink").await.expect("a list"), Vec::<String>::new());

    owner.mkdir("/flink/mesos-workers/one/line", &closed).await.expect("made");
    let wrong = [
        "high-availability.zookeeper.client.acl=creator",
        "high-availability.zookeeper.client.authorization=digest:flink:wrong",
    ];
    refused(&ensemble.quorum(), &wrong, 78, &told).await;
    assert_eq!(owner.list_children("/flink").await.expect("a list"), ["mesos-workers"]);
}
