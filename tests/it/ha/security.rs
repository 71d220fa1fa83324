//! TLS and SASL to a real server, from the worker and from stock Flink.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base::log;
use domain::state::State;
use domain::store::Store as _;
use ha::contender::{self, Candidacy};
use ha::zookeeper::ZooKeeperStore;
use zookeeper::security::Sasl;
use zookeeper::security::{Properties, Security};
use zookeeper::tls::Tunnel;
use zookeeper::{Access, Ensemble as Config};
use zookeeper_client::{Client, Error};

use super::election::{paths, until, until_leading};
use super::ensemble::{Ensemble, More, session};
use super::keys::{Keys, PASSWORD};
use crate::cluster::harness::{Cluster, Start};
use crate::cluster::masters::start_mesos;
use crate::ports::{free_ports, free_range};

const SESSION: Duration = Duration::from_secs(4);
const SECURE_PORT: u16 = 2281;

/// As it is called within Flink.
const FLINK_DIGEST: &str =
    "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.auth.DigestLoginModule";

/// A server that wants certificates at one port and knows a user at all.
async fn secured() -> (Ensemble, Keys) {
    let mut keys = None;
    let ensemble = Ensemble::start_one(|address| {
        let made = keys.insert(Keys::new(address));
        more(made, address)
    })
    .await;
    (ensemble, keys.expect("made"))
}

fn more(keys: &Keys, address: Ipv4Addr) -> More {
    let login =
        "Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_flink=\"right\"; };\n";
    fs::write(keys.path("server.jaas"), login).expect("written");
    let lines = format!(
        "secureClientPort={SECURE_PORT}\nsecureClientPortAddress={address}\n\
         serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n\
         ssl.keyStore.location={}\nssl.keyStore.password={PASSWORD}\n\
         ssl.trustStore.location={}\nssl.trustStore.password={PASSWORD}\n\
         authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n",
        keys.text("server.p12"),
        keys.text("trust.p12"),
    );
    More { lines, java: vec![format!("-Djava.security.auth.login.config={}", keys.text("server.jaas"))] }
}

fn secure_quorum(ensemble: &Ensemble) -> String {
    format!("{}:{SECURE_PORT}", ensemble.address(0).ip())
}

fn tls(keys: &Keys, trust: &str, key: &str) -> Properties {
    let properties = [
        ("zookeeper.client.secure", "true".to_owned()),
        ("zookeeper.ssl.trustStore.location", keys.text(trust)),
        ("zookeeper.ssl.trustStore.password", PASSWORD.to_owned()),
        ("zookeeper.ssl.keyStore.location", keys.text(key)),
        ("zookeeper.ssl.keyStore.password", PASSWORD.to_owned()),
    ];
    properties.map(|(name, value)| (name.to_owned(), value)).into()
}

fn login(keys: &Keys, password: &str) -> Properties {
    let path = keys.path(&format!("{password}.jaas"));
    let text = format!("Client {{ {FLINK_DIGEST} required username=\"flink\" password=\"{password}\"; }};\n");
    fs::write(&path, text).expect("written");
    let path = path.to_str().expect("UTF-8").to_owned();
    BTreeMap::from([("java.security.auth.login.config".to_owned(), path)])
}

fn config(ensemble: &Ensemble, quorum: String, properties: &Properties) -> Config {
    let sasl = Sasl { section: "Client".to_owned(), ..Sasl::default() };
    let security = Security::read(properties, &sasl).expect("readable");
    let tunnel = security.tls.map(|config| Arc::new(Tunnel::open(&quorum, &config).expect("open")));
    Config { servers: quorum, login: security.login, tunnel, ..ensemble.config(SESSION) }
}

fn refusal(properties: &Properties) -> String {
    let sasl = Sasl { section: "Client".to_owned(), ..Sasl::default() };
    log::chain(&Security::read(properties, &sasl).err().expect("wrong"))
}

#[tokio::test]
async fn the_worker_leads_and_writes_through_tls() {
    let (ensemble, keys) = secured().await;
    keys.trust("trust.jks", "jks");
    for (trust, key) in
        [("authority.pem", "client.pem"), ("trust.p12", "client.p12"), ("trust.jks", "client.p12")]
    {
        let config = config(&ensemble, secure_quorum(&ensemble), &tls(&keys, trust, key));
        let contender = contender::start(config.clone(), paths(), Vec::new(), Arc::default());
        let node = until_leading(&contender).await;
        let mut store = ZooKeeperStore::new(config, paths(), contender.clients.clone(), &node);
        let before = store.load().await.expect("readable").unwrap_or_default();
        let large = State { task_counter: before.task_counter + 1, token_secret: [7; 32], ..before };
        store.save(&large).await.expect("stored");
        assert_eq!(store.load().await.expect("readable"), Some(large));
        contender.leave(contender::Left::Cluster).await;
    }

    // The tunnel is for this process alone.
    let config = config(&ensemble, secure_quorum(&ensemble), &tls(&keys, "trust.p12", "client.p12"));
    let tunnel = config.tunnel.as_ref().expect("TLS").servers().to_owned();
    let (_, port) = tunnel.rsplit_once(':').expect("a port");
    let ask = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf srvr >&3; cat <&3");
    let foreign = tokio::task::spawn_blocking(|| Command::new("bash").arg("-c").arg(ask).output());
    let foreign = foreign.await.expect("it ran").expect("bash");
    assert_eq!(String::from_utf8_lossy(&foreign.stdout), "");
}

#[tokio::test]
async fn what_is_wrong_with_certificates_is_told() {
    let (ensemble, keys) = secured().await;
    let other = Keys::new(Ipv4Addr::LOCALHOST);
    let properties = tls(&other, "trust.p12", "client.p12");
    let contender = contender::start(
        config(&ensemble, secure_quorum(&ensemble), &properties),
        paths(),
        Vec::new(),
        Arc::default(),
    );
    let told = "invalid peer certificate";
    let is_told =
        |standing: &Candidacy| matches!(standing, Candidacy::Away { why: Some(why) } if why.contains(told));
    until(&contender, told, is_told).await;

    let mut wrong = tls(&keys, "trust.p12", "client.p12");
    wrong.insert("zookeeper.ssl.trustStore.password".to_owned(), "no".to_owned());
    let mut without = tls(&keys, "trust.p12", "client.p12");
    without.remove("zookeeper.ssl.trustStore.location");
    let cases = [
        (tls(&keys, "trust.p12", "client.crt"), "client.crt: it has no private key"),
        (tls(&keys, "nowhere", "client.p12"), "nowhere: it cannot be read"),
        (wrong, "trust.p12: wrong password, or damaged"),
        (without, "without -Dzookeeper.ssl.trustStore.location, expected"),
    ];
    for (properties, told) in cases {
        let refusal = refusal(&properties);
        assert!(refusal.contains(told) && !refusal.contains(PASSWORD), "{refusal}");
    }
}

#[tokio::test]
async fn nodes_belong_to_who_logged_in() {
    let (ensemble, keys) = secured().await;
    let owner =
        Config { access: Access::Creator, ..config(&ensemble, ensemble.quorum(), &login(&keys, "right")) };
    let right = contender::start(owner.clone(), paths(), Vec::new(), Arc::default());
    let node = until_leading(&right).await;
    let mut store = ZooKeeperStore::new(owner, paths(), right.clients.clone(), &node);
    store.save(&State::default()).await.expect("stored");

    let stranger = Client::connect(&ensemble.quorum()).await.expect("a session");
    let state = paths().state;
    assert_eq!(stranger.get_data(&state).await.expect_err("closed"), Error::NoAuth);
    assert_eq!(stranger.set_data(&state, b"mine", None).await.expect_err("closed"), Error::NoAuth);
    let owner = config(&ensemble, ensemble.quorum(), &login(&keys, "right"));
    let owner = session(&owner).await;
    let (acl, _) = owner.get_acl(&state).await.expect("an ACL");
    assert_eq!(
        format!("{:?}", acl.iter().map(|acl| (acl.scheme(), acl.id())).collect::<Vec<_>>()),
        r#"[("sasl", "flink")]"#
    );

    let wrong = config(&ensemble, ensemble.quorum(), &login(&keys, "wrong"));
    let wrong = contender::start(wrong, paths(), Vec::new(), Arc::default());
    until(&wrong, "failed", |standing| matches!(standing, Candidacy::Failed(_))).await;
}

#[tokio::test]
async fn stock_flink_and_the_worker_share_certificates_and_login() {
    let (ensemble, keys) = secured().await;
    let storage = tempfile::tempdir().expect("a directory");
    let [mesos_port] = free_ports();
    let mesos = start_mesos(mesos_port, &free_range(4)).await;
    let mut options = tls(&keys, "trust.p12", "client.p12");
    options.extend(login(&keys, "right"));
    let socket = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.ClientCnxnSocketNetty";
    options.insert("zookeeper.clientCnxnSocket".to_owned(), socket.to_owned());
    let options: Vec<_> = options.iter().map(|(name, value)| format!("-D{name}={value}")).collect();
    let mut cluster = Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[
            ("mesos.master", &format!("127.0.0.1:{mesos_port}")),
            ("high-availability.type", "zookeeper"),
            ("high-availability.zookeeper.quorum", &secure_quorum(&ensemble)),
            ("high-availability.zookeeper.client.acl", "creator"),
            ("high-availability.storageDir", &format!("file://{}", storage.path().display())),
            ("high-availability.cluster-id", "/secured"),
            ("env.java.opts.all", &options.join(" ")),
        ],
        ..Start::default()
    });
    cluster.until_slots(1, 1).await;
    let owner = config(&ensemble, ensemble.quorum(), &login(&keys, "right"));
    let owner = cluster.program.until("there is a session", async || owner.connect(None).await.ok()).await;
    for path in ["/flink/secured/leader/latch", "/flink/mesos-workers/secured/state"] {
        let (acl, _) = owner.get_acl(path).await.expect("an ACL");
        // Whoever shows a certificate and logs in is both.
        let creator = acl.iter().map(|acl| (acl.scheme(), acl.id())).collect::<Vec<_>>();
        assert_eq!(creator, [("x509", "CN=client"), ("sasl", "flink")], "{path}");
    }
    cluster.flink.shut_down().await.expect("an answer");
    assert_eq!(cluster.program.end().await.code(), Some(0), "{}", cluster.program.log_end());
    assert_eq!(owner.list_children("/flink/mesos-workers").await.expect("a list"), Vec::<String>::new());
    drop(mesos);
}
