//! Why a cluster waits, what would help, and who else waits, where one AppMaster needs more than any agent has.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::site::{Site, get, session};
use crate::tables;
use crate::view::api::has_no_complaint;

/// More than an agent has, in MiB.
const TOO_MUCH: u32 = 32 << 10;

#[tokio::test]
async fn whoever_asks_is_told_what_does_not_fit_and_why() {
    let site = Site::start(&[]).await;
    let [small, big] = [("small", super::MEMORY), ("big", TOO_MUCH)]
        .map(|(name, memory)| site.write_as(name, &session(name, "v1_20", memory)));
    // Nothing is wanted yet, so the dispatcher has to ask for offers.
    let (code, out, err) = site.try_command(&["plan", "-f", &small]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("would fit into the latest offers (4 agents, "), "{out}");
    let (code, out, _) = site.try_command(&["plan", "-f", &small, "-f", &big]);
    assert_eq!(
        (code, out.contains("room for 0 of 1 AppMasters, nearest host=localhost mem: needs ")),
        (Some(2), true),
        "{out}"
    );
    site.command(&["apply", "-f", &small]);
    let (code, out, _) = site.try_command(&["apply", "-f", &big]);
    assert_eq!((code, out.contains("does not fit into the latest offers")), (Some(2), true), "{out}");
    let create = ["session", "create", "wide", "--flink-version", "v1_20", "--jobmanager-memory", "32g"];
    assert_eq!(site.try_command(&create).0, Some(2));
    site.until_state("small", "running").await;
    let told = async || Some(site.command(&["explain", "big"])).filter(|text| text.contains("no room in "));
    let text = site.program.until("the scheduler has told why", told).await;
    for part in ["big waiting since ", ": no room in ", "mem: needs 32832, offered ", "would help: with mem "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = |words: &[&str]| -> Value { serde_json::from_str(&site.command(words)).expect("JSON") };
    let explained = json(&["explain", "big", "-o", "json"]);
    assert_eq!((&explained["placing"]["missing"], &explained["unknown"]), (&Value::from(1), &Value::Null));
    assert_eq!(explained["placing"]["offers"]["agents"], 4);
    let queue = json(&["queue", "-o", "json"]);
    let waits = |row: &&Value| row["waits_for"] == "offers";
    let names: Vec<_> = queue["clusters"].as_array().into_iter().flatten().filter(waits).collect();
    let names: Vec<_> = names.iter().map(|row| (&row["name"], &row["place"])).collect();
    assert_eq!(names, [(&Value::from("big"), &Value::from(1)), (&Value::from("wide"), &Value::from(2))]);
    assert_eq!(queue["offers"]["declined"], queue["offers"]["offers"], "{queue}");
    assert!(queue["offers"]["obstacles"]["mem"].as_u64() >= Some(1), "{queue}");
    assert!(site.command(&["queue"]).contains("  declined  4: mem (4)"));

    has_metrics(&site).await;
    for name in ["small", "big", "wide"] {
        site.command(&["delete", name, "--force"]);
        site.until_gone(name).await;
    }
    assert!(site.command(&["queue"]).starts_with("no cluster waits\n"));
}

/// What the role `etl` may use of CPUs.
async fn limit(site: &Site, cpus: f64) {
    let configs = json!([{"role": "etl", "limits": {"cpus": {"value": cpus}}}]);
    site.operate(&json!({"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": configs}})).await;
}

/// Of one cluster, all of whose tasks take one CPU, the role holds all, so a second one waits until it may use more.
#[tokio::test]
async fn a_cluster_waits_for_the_quota_of_its_mesos_role_and_whoever_asks_is_told() {
    let site = Site::start(&["mesos.resourcemanager.framework.role: etl".to_owned()]).await;
    limit(&site, 1.0).await;
    let [first, second] =
        ["first", "second"].map(|name| site.write_as(name, &session(name, "v1_20", super::MEMORY)));
    let (code, out, err) = site.try_command(&["plan", "-f", &first]);
    assert_eq!((code, out.contains("would fit into the latest offers (")), (Some(0), true), "{out}{err}");
    let [one, other] = ["first", "second"].map(|name| session(name, "v1_20", super::MEMORY));
    let both = site.write_as("both", &format!("{one}---\n{other}"));
    let (code, out, err) = site.try_command(&["plan", "-f", &both]);
    let shared = "none of it is in use, 1 goes to the clusters before it, and this cluster's AppMaster and TaskManager need 1";
    assert_eq!((code, out.contains(shared)), (Some(2), true), "{out}{err}");
    site.command(&["apply", "-f", &first]);
    site.until_slots("first", 1).await;

    let short = "the Mesos role etl may use 1 cpu; 1 is in use and this cluster's ";
    let is_short = async || {
        let (code, out, _) = site.try_command(&["plan", "-f", &second]);
        (code == Some(2) && out.contains(&format!("{short}AppMaster and TaskManager need 1"))).then_some(())
    };
    site.program.until("plan tells that the role's quota is too small", is_short).await;
    let (code, out, err) = site.try_command(&["apply", "-f", &second]);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(out.starts_with("second created, revision 1\n  does not fit: "), "{out}");
    assert!(out.contains(&format!("{short}AppMaster and TaskManager need 1")), "{out}");
    site.until_state("second", "waiting").await;
    let own = format!("{short}AppMaster needs 0.5");
    for words in [&["explain", "second"][..], &["queue"]] {
        let text = site.command(words);
        assert!(text.contains(&own), "{words:?}: {text}");
    }
    let queue: Value = serde_json::from_str(&site.command(&["queue", "-o", "json"])).expect("JSON");
    assert_eq!(queue["clusters"][0]["quota"], own.as_str());

    limit(&site, 2.0).await;
    site.until_slots("second", 1).await;
    for name in ["first", "second"] {
        site.command(&["delete", name, "--force"]);
        site.until_gone(name).await;
    }
}

async fn has_metrics(site: &Site) {
    let metrics = async || get(&format!("{}/metrics", site.url())).await?.text().await.ok();
    let text = metrics().await.expect("an answer");
    for line in [
        "flink_on_mesos_leader 1",
        "flink_on_mesos_subscribed 1",
        "flink_on_mesos_clusters{state=\"waiting\"} 2",
        "flink_on_mesos_clusters{state=\"running\"} 1",
        "flink_on_mesos_clusters{state=\"failed\"} 0",
        "flink_on_mesos_clusters_waiting 2",
        "flink_on_mesos_appmasters_desired 3",
        "flink_on_mesos_appmasters_waiting 2",
        "flink_on_mesos_appmaster_launches_total 1",
        "flink_on_mesos_audit_entries 3",
        "flink_on_mesos_api_requests_total{code=\"201\",method=\"POST\"} 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    for begin in ["flink_on_mesos_cluster_waiting_seconds{cluster=\"big\"} ", "flink_on_mesos_offers_total "]
    {
        assert!(text.lines().any(|line| line.starts_with(begin)), "{begin}: {text}");
    }
    has_no_complaint(&text);
    tables::keep_in("docs/dispatcher.md", "metrics", |_| table(&text));
}

/// Of names with their kinds and meanings.
fn table(text: &str) -> String {
    let mut table = "\n| metric | kind | meaning |\n|---|---|---|\n".to_owned();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((name, meaning)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let kind = lines.next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
        writeln!(table, "| `{name}` | {kind} | {meaning} |").expect("a string takes everything");
    }
    table + "\n"
}
