//! A cluster that encrypts everything, on agents that have java and no Flink.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use artifact::claim_path;
use claim::ask::Server;
use claim::{Answer, Outcome};
use flink::rest::JobState;
use serde_json::Value;

use super::stores::Stores;
use super::{fetched, secrets};
use crate::cluster::harness::{Cluster, Program, Start};
use crate::cluster::masters::start_mesos_with;
use crate::cluster::processes::{self, Part, Process};
use crate::cluster::stop;
use crate::ports::{free_ports, free_range};
use flink::rest::JarRun;

#[tokio::test]
async fn an_encrypted_cluster_hands_out_all_that_taskmanagers_need_and_tells_no_secret() {
    let stores = Stores::make();
    let [port, status] = free_ports();
    let certificates = stores.certificates().display().to_string();
    let trust = [("SSL_CERT_FILE", &*certificates)];
    let mesos = start_mesos_with(port, &free_range(8), &trust).await;
    let cluster = start(&stores, port, status);
    cluster.until_slots(1, 1).await;
    cluster.order(&["scale", "2"]);
    cluster.until_slots(2, 2).await;
    assert_eq!(cluster.status().expect("an answer")["jobmanager"]["silent"], Value::Null);

    let log = cluster.program.log();
    assert!(log.contains("that agents will fetch from https://"), "{}", cluster.program.log_end());
    let times = ["flink-on-mesos", "flink.tar", "java.tar"].map(|name| fetched(&log, name));
    assert_eq!(times, [1, 1, 0], "the second TaskManager finds all in the agent's cache");

    run_word_count(&cluster).await;
    for taskmanager in mesos.parts(Part::TaskManager) {
        check_files(&processes::argv(taskmanager));
    }
    refuse_a_wrong_token(&cluster, &stores).await;
    for watcher in mesos.parts(Part::Claim) {
        claims_as(watcher);
    }
    search(&cluster, &mesos, port, status).await;
    stop::by_teardown(cluster).await;
}

fn start(stores: &Stores, port: u16, status: u16) -> Cluster {
    let master = format!("127.0.0.1:{port}");
    let status = status.to_string();
    let [rest, trust, internal] = ["rest", "trust", "internal"].map(|name| stores.path(name));
    let keytab = stores.add("flink.keytab", "keytab");
    let krb5 = stores.add("krb5.conf", "[libdefaults]\n");
    stores.add("hadoop/core-site.xml", "<configuration/>");
    let hadoop = stores.path("hadoop");
    let signed = format!("http://127.0.0.1:{port}/version?X-Amz-Signature={}", secrets::SIGNATURE);
    let security = [
        ("security.ssl.rest.enabled", "true"),
        ("security.ssl.rest.authentication-enabled", "true"),
        ("security.ssl.rest.keystore", &*rest),
        ("security.ssl.rest.keystore-password", secrets::REST),
        ("security.ssl.rest.key-password", secrets::REST),
        ("security.ssl.rest.truststore", &trust),
        ("security.ssl.rest.truststore-password", secrets::TRUST),
        ("security.ssl.internal.enabled", "true"),
        ("security.ssl.internal.keystore", &internal),
        ("security.ssl.internal.keystore-password", secrets::INTERNAL),
        ("security.ssl.internal.key-password", secrets::INTERNAL_KEY),
        ("security.ssl.internal.truststore", &internal),
        ("security.ssl.internal.truststore-password", secrets::INTERNAL),
        ("security.kerberos.krb5-conf.path", &krb5),
        ("env.hadoop.conf.dir", &hadoop),
        // Without Hadoop's classes nobody logs in with it.
        ("security.kerberos.login.keytab", &keytab),
        ("security.kerberos.login.principal", "flink@TEST"),
    ];
    Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[
            ("mesos.master", &master),
            ("mesos.status.port", &status),
            ("mesos.resourcemanager.framework.name", &format!("secured-{port}")),
            ("mesos.resourcemanager.tasks.delivery", "flink"),
        ],
        file: &[&security[..], &[("mesos.resourcemanager.tasks.uris", &*signed)], &secrets::VALUES].concat(),
        rest: Some(stores.identity()),
        ..Start::default()
    })
}

async fn run_word_count(cluster: &Cluster) {
    let jar = cluster.flink.upload_jar(&cluster.word_count_jar()).await.expect("an upload");
    let run = JarRun { parallelism: Some(2), ..JarRun::default() };
    let job = cluster.flink.run_jar(&jar, &run).await.expect("a start");
    let finished = async || {
        let jobs = cluster.flink.jobs().await.ok()?;
        jobs.into_iter().find(|other| other.jid == job && other.state == JobState::Finished)
    };
    cluster.program.until("WordCount has finished", finished).await;
}

/// What the configuration of a TaskManager names is in its sandbox, as the owner's alone.
fn check_files(argv: &[String]) {
    let conf = argv.iter().skip_while(|argument| *argument != "--configDir").nth(1).expect("a directory");
    let text = fs::read_to_string(Path::new(conf).join("config.yaml")).expect("readable");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
        PathBuf::from(line.unwrap_or_else(|| panic!("{key} is missing")).trim_matches('\''))
    };
    let named = [
        "security.ssl.rest.keystore",
        "security.ssl.rest.truststore",
        "security.ssl.internal.keystore",
        "security.ssl.internal.truststore",
        "security.kerberos.login.keytab",
        "security.kerberos.krb5-conf.path",
    ];
    let hadoop = value("env.hadoop.conf.dir");
    assert_eq!(hadoop, value("fs.hdfs.hadoopconf"));
    let sandbox = Path::new(conf).parent().expect("a run directory");
    for path in named.map(value).into_iter().chain([hadoop.join("core-site.xml")]) {
        assert!(path.starts_with(sandbox), "{} is not in {}", path.display(), sandbox.display());
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let krb5 = format!("-Djava.security.krb5.conf={}", value(named[5]).display());
    assert!(argv.contains(&krb5), "{argv:?}");
    let class_path = argv.iter().skip_while(|argument| *argument != "-classpath").nth(1);
    let hadoop = hadoop.to_str().expect("UTF-8");
    assert!(class_path.is_some_and(|path| path.split(':').any(|element| element == hadoop)), "{argv:?}");
    assert!(!text.contains("mesos."), "what is the framework's alone is not handed out");
}

/// A TaskManager's watcher, which is heard over TLS and by the owner of the certificate alone.
fn claims_as(watcher: Process) {
    let argv = processes::argv(watcher);
    let [.., task, succession, base, certificate] = &argv[..] else { panic!("{argv:?}") };
    assert_eq!(succession, "nobody");
    let environment = processes::environment(watcher);
    let token = environment.iter().find_map(|pair| pair.strip_prefix("FLINK_ON_MESOS_TOKEN="));
    let (token, path) = (token.expect("a token"), claim_path(task));
    let ask = |certificate: &str, token: &str| {
        let certificate = Some(certificate.parse().expect("a digest"));
        Server::at(base, certificate).expect("an address").ask(&path, token)
    };
    for _ in 0..2 {
        assert_eq!(ask(certificate, token), Outcome::Answered(Answer::Held), "{argv:?}");
    }
    assert_eq!(ask(certificate, "wrong"), Outcome::Answered(Answer::Elsewhere), "{argv:?}");
    let another = certificate.chars().rev().collect::<String>();
    assert!(matches!(ask(&another, token), Outcome::Nobody(_)), "{argv:?}");
}

async fn refuse_a_wrong_token(cluster: &Cluster, stores: &Stores) {
    let log = cluster.program.log();
    let base =
        log.split("that agents will fetch from ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let task = cluster.running().expect("an answer").pop_first().expect("a task");
    let url = format!("{}/tasks/{task}/configuration", base.expect("an address"));
    let tls = stores.identity().fingerprint().client().expect("TLS");
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
    for token in ["", "wrong"] {
        let answer = client.get(&url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{token}");
    }
    cluster.program.until_log("refused a request for a configuration: wrong or used token").await;
    // Who trusts others is not spoken to.
    reqwest::Client::builder()
        .build()
        .expect("a client")
        .get(&url)
        .send()
        .await
        .expect_err("an unknown certificate");
}

/// Where others can look.
async fn search(cluster: &Cluster, mesos: &Program, port: u16, status: u16) {
    secrets::assert_hidden("the AppMaster's log", &cluster.program.log());
    secrets::assert_hidden("the log of Mesos", &mesos.log());
    for (url, known) in [
        (format!("http://127.0.0.1:{port}/state"), "\"taskmanager-"),
        (format!("http://127.0.0.1:{status}/v1/status"), "\"taskmanager-"),
        (format!("http://127.0.0.1:{status}/v1/explain"), "target"),
        (format!("http://127.0.0.1:{status}/v1/configuration"), "containerized.taskmanager.env.DB_PASS"),
        (format!("http://127.0.0.1:{status}/v1/events"), "files_read"),
        (format!("http://127.0.0.1:{status}/metrics"), "taskmanagers"),
        (format!("http://127.0.0.1:{status}/"), "<html"),
    ] {
        let answer = reqwest::get(&url).await.expect("an answer").text().await.expect("a text");
        assert!(answer.contains(known), "{url}: {answer}");
        secrets::assert_hidden(&url, &answer);
    }
    for file in super::files_below(mesos.path()) {
        if file.file_name().is_some_and(|name| name == "stdout" || name == "stderr") {
            let text = fs::read_to_string(&file).expect("a text");
            secrets::assert_hidden(&file.display().to_string(), &text);
        }
    }
    secrets::search_processes(&cluster.program);
    secrets::search_processes(mesos);
    let owned =
        secrets::search_files(mesos.path()) + secrets::search_files(&cluster.program.path().join("tmp"));
    assert!(owned >= 3, "each JVM has a configuration with secrets, not {owned}");
}
