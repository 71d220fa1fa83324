//! What only the scheduler knows: here of one with four agents, of which none holds an AppMaster of more than one CPU.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use scheduler::explain::{OffersReport, Remedy};
use scheduler::fitting::Takes;
use scheduler::queue::{OffersSummary, Queue, Queued};
use serde_json::json;

use super::world::World;
use super::{ask, known, routes, session, sources, standings, with_nonce};
use crate::scheduling::{Fits, Line, Places, Placing, Scheduling, Sought, Told as Answer};

const QUOTA: &str = "the Mesos role etl may use 8 cpus; 7.5 are in use and this cluster's AppMaster needs 2";

pub struct Told;

/// Whose scheduler cannot be asked.
struct Silent;

impl Scheduling for Told {
    fn explain(&self, cluster: String) -> Answer<Option<Placing>> {
        let placing = Placing {
            missing: 1,
            why: Some(format!("no room for {cluster}")),
            need: "cpus 2".to_owned(),
            offers: OffersReport {
                agents: 4,
                newest_age_s: Some(1),
                exhausted: Vec::new(),
                obstacles: [("cpus".to_owned(), 4)].into(),
                verdicts: Vec::new(),
                left_out: 4,
            },
            remedies: vec![Remedy { change: "with cpus 1 instead of 2".to_owned(), fits: 1 }],
            quota: Some(QUOTA.to_owned()),
        };
        async move { Ok(Some(placing)) }.boxed()
    }

    fn queue(&self) -> Answer<Line> {
        let group = |group: &str| Queued {
            group: group.to_owned(),
            missing: 1,
            why: "no room".to_owned(),
            need: "cpus 2".to_owned(),
            takes: Takes::default(),
        };
        let queue = Queue {
            groups: vec![group("c"), group("b")],
            offers: OffersSummary { agents: 4, offers: 4, ..OffersSummary::default() },
        };
        async move { Ok(Line { queue, quotas: [("c".to_owned(), QUOTA.to_owned())].into() }) }.boxed()
    }

    fn fits(&self, sought: Vec<Sought>) -> BoxFuture<'static, Vec<Option<Fits>>> {
        let fits = sought.iter().map(|sought| {
            let cpus = sought.manifest.spec.job_manager_cpus().milli().0;
            let placeable = Some(usize::from(cpus <= 1000));
            let taskmanagers = (!sought.is_taken).then_some(Places {
                wanted: sought.taskmanagers as usize,
                placeable: Some(sought.appmasters as usize),
            });
            let why = format!("begins anew: {}", sought.begins_anew);
            Some(Fits { appmasters: Places { wanted: 1, placeable }, taskmanagers, why })
        });
        let fits = fits.collect();
        async move { fits }.boxed()
    }

    fn metrics(&self) -> Answer<Vec<u8>> {
        async move { Ok(b"flink_on_mesos_leader 1\n".to_vec()) }.boxed()
    }
}

impl Scheduling for Silent {
    fn explain(&self, _: String) -> Answer<Option<Placing>> {
        silence()
    }

    fn queue(&self) -> Answer<Line> {
        silence()
    }

    fn fits(&self, sought: Vec<Sought>) -> BoxFuture<'static, Vec<Option<Fits>>> {
        async move { vec![None; sought.len()] }.boxed()
    }

    fn metrics(&self) -> Answer<Vec<u8>> {
        silence()
    }
}

fn silence<T: Send + 'static>() -> Answer<T> {
    async { Err("it is a standby".to_owned()) }.boxed()
}

fn wide(name: &str) -> String {
    session(name).replace("jobManager: {resource: {", "jobManager: {resource: {cpu: 2, ")
}

#[tokio::test]
async fn each_document_is_told_whether_it_fits() {
    let world = World::new().await;
    let body = format!("{}---\n{}---\n{}", wide("wide"), session("a"), "kind: Nothing\n");
    let answer = world.ask("POST /v1/clusters?dryRun=true", body).await;
    let results = &answer.json()["results"];
    let none = json!({"wanted": 0, "placeable": 0});
    assert_eq!(results[0]["fits"]["appmasters"], json!({"wanted": 1, "placeable": 0}), "{}", answer.text);
    assert_eq!(results[1]["fits"]["appmasters"], json!({"wanted": 1, "placeable": 1}));
    assert_eq!((&results[1]["fits"]["taskmanagers"], &results[2]["fits"]), (&none, &json!(null)));
    let answer = world.ask("POST /v1/clusters", session("a")).await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.json()["results"][0]["fits"],
        json!({"appmasters": {"wanted": 1, "placeable": 1}, "why": "begins anew: true"})
    );
    world.until("a", "running").await;
    // One AppMaster runs, which has told of one TaskManager.
    let put = world.ask("PUT /v1/clusters/a?dryRun=true", with_nonce("a", 2)).await.json();
    assert_eq!(put["fits"]["taskmanagers"], json!({"wanted": 1, "placeable": 1}));
    let same = world.ask("PUT /v1/clusters/a", session("a")).await.json();
    assert_eq!(same["fits"]["why"], "begins anew: false");
    for (line, body) in [
        ("PATCH /v1/clusters/a", r#"{"suspended": true}"#.to_owned()),
        ("PUT /v1/clusters/a", session("a")),
        ("PUT /v1/clusters/a", with_nonce("a", 2)),
    ] {
        let answer = world.ask(line, body).await;
        assert!(answer.status.is_success() && !answer.text.contains("fits"), "{line}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_explanation_has_what_the_scheduler_and_appmasters_say() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    world.until("a", "running").await;
    let told = world.ask("GET /v1/clusters/a/explain", "").await.json();
    assert_eq!((&told["cluster"]["state"], &told["attempts"][0]["number"]), (&json!("running"), &json!(1)));
    assert_eq!(told["appmasters"][0]["waiting"], "no offers");
    assert_eq!((&told["placing"]["why"], &told["placing"]["missing"]), (&json!("no room for a"), &json!(1)));
    assert_eq!(told["placing"]["remedies"][0]["change"], "with cpus 1 instead of 2");
    assert_eq!(told["placing"]["quota"], QUOTA);
    assert_eq!(told["unknown"], json!(null));
}

#[tokio::test]
async fn a_queue_is_in_the_order_of_the_scheduler() {
    let world = World::new().await;
    world.scheduler.launch(false);
    for name in ["a", "b", "c"] {
        world.ask("POST /v1/clusters", session(name)).await;
        world.until(name, "waiting").await;
    }
    let queue = world.ask("GET /v1/queue", "").await.json();
    let clusters = queue["clusters"].as_array().expect("a list").clone();
    let rows: Vec<_> =
        clusters.iter().map(|row| json!([row["name"], row["place"], row["waits_for"]])).collect();
    assert_eq!(rows, [json!(["c", 1, "offers"]), json!(["b", 2, "offers"]), json!(["a", null, "offers"])]);
    assert_eq!((&clusters[0]["need"], &clusters[0]["missing"]), (&json!("cpus 2"), &json!(1)));
    assert_eq!((&clusters[0]["quota"], &clusters[1]["quota"]), (&json!(QUOTA), &json!(null)));
    assert!(clusters[0]["since"].is_u64() && queue["offers"]["agents"] == 4, "{queue}");
    world.scheduler.launch(true);
    world.until("a", "running").await;
    let queue = world.ask("GET /v1/queue", "").await.json();
    let row = &queue["clusters"][2];
    assert_eq!((&row["name"], &row["waits_for"]), (&json!("a"), &json!("task_managers")), "{queue}");
    assert_eq!((&row["missing"], &row["why"]), (&json!(1), &json!("no offers")));
}

#[tokio::test]
async fn without_a_scheduler_what_is_stored_is_told_and_that_it_is() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    world.until("a", "running").await;
    let silent = sources(&world.handle, standings::alone(), Arc::new(Silent));
    let standby = known(silent);
    let answer = ask(&standby, "GET /v1/clusters/a/explain", &[], "").await.json();
    assert_eq!((&answer["cluster"]["state"], &answer["placing"]), (&json!("running"), &json!(null)));
    assert_eq!(answer["unknown"], "it is a standby");
    let answer = ask(&standby, "GET /v1/queue", &[], "").await.json();
    assert_eq!((&answer["unknown"], &answer["offers"]), (&json!("it is a standby"), &json!(null)));
    let metrics = ask(&standby, "GET /metrics", &[], "").await;
    assert_eq!((metrics.status.as_u16(), metrics.error()), (503, "it is a standby".to_owned()));
    let metrics = ask(&routes(&world.handle), "GET /metrics", &[], "").await;
    let kind = metrics.header("content-type");
    assert_eq!((metrics.status.as_u16(), kind), (200, "text/plain; version=0.0.4"));
}
