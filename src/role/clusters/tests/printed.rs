use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::Level;

use super::super::applying::{From, applied, compared, messages, planned};
use super::super::ordering::{Verb, told};
use super::super::{artifact, audit, describe, events, explain, list, queue};
use crate::cli::clusters::Force;
use api::scheduling::Fits;
use dispatcher::Plan;

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("its shape")
}

fn cluster(name: &str) -> Value {
    json!({
        "name": name, "state": "running", "wanted": "running", "frozen": false, "revision": 2,
        "running_revision": 2, "flink_version": "v1_20", "is_application": false, "target": 1, "running": 1,
        "created": 0, "since": 60_000,
    })
}

#[test]
fn clusters_are_lines_of_a_table() {
    let mut waits = cluster("b");
    waits["state"] = json!("waiting");
    waits["why"] = json!("no agent\u{1b}[31m has offered\nanything");
    waits["frozen"] = json!(true);
    (waits["running_revision"], waits["running"]) = (json!(1), json!(0));
    let unreadable = json!({"name": "c", "state": "unreadable", "frozen": false, "is_application": false, "target": 0, "running": 0});
    let clusters: Vec<_> = [cluster("a"), waits, unreadable].map(read).into();
    assert_eq!(
        list::text(&clusters),
        "  NAME  STATE            APPMASTERS  REVISION    FLINK  SINCE                 WHY\n  \
           a     running          1/1         2           v1_20  1970-01-01T00:01:00Z\n  \
           b     waiting, frozen  0/1         2 (1 runs)  v1_20  1970-01-01T00:01:00Z  no agent [31m has offered anything\n  \
           c     unreadable       0/0         -           -      -\n"
    );
    assert_eq!(list::text(&[]), "no clusters\n");
}

#[test]
fn a_description_has_all_that_is_known() {
    let description = read(json!({
        "cluster": cluster("a"),
        "manifest": {
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": {"name": "a"},
            "spec": {"flinkVersion": "v1_20", "mode": "native"},
        },
        "ended": {"task_id": "a-1", "code": 163, "at": 0},
        "revisions": [{"number": 2, "at": 0, "user": "ann", "from": "here", "message": "why", "digest": "d", "is_running": true}],
        "attempts": [{"task_id": "a-1", "number": 1, "generation": 1, "agent_id": "S", "hostname": "h", "state": "TASK_RUNNING", "since": 0}],
        "events": [{"id": 1, "at": 0, "cluster": "a", "kind": "create", "level": "warn", "text": "created"}],
        "appmasters": [{"task_id": "a-1", "standing": "leader", "framework_id": "F", "subscribed": true,
            "flink_url": "http://h:31001", "status_url": null, "target": 2, "running": 1, "jobs_running": 3,
            "waiting": "no offers"}],
        "pending": [
            {"id": 4, "order": "scale", "taskmanagers": 3, "at": 0},
            {"id": 6, "order": "replace", "taskmanager": "tm-1", "at": 0, "postponed": 1, "why": "it starts"},
        ],
        "ui": "/ui/a/",
    }));
    let text = describe::text(&description);
    for line in [
        "state       running",
        "AppMasters  1 of 1 run",
        "Web UI      /ui/a/",
        "attempt a-1 says, as leader",
        "  TaskManagers  1 of 2 run: no offers",
        "  jobs          3",
        "  Flink         http://h:31001",
        "ended       1970-01-01T00:00:00Z with code 163: a-1",
        "  order 4, since 1970-01-01T00:00:00Z: scaling to 3 TaskManagers",
        "  order 6, since 1970-01-01T00:00:00Z: restart of TaskManager tm-1 has to wait: it starts",
        "  2 (runs)  1970-01-01T00:00:00Z  ann, here  why",
        "  1       h     TASK_RUNNING  1970-01-01T00:00:00Z  a-1",
        "  1970-01-01T00:00:00Z ! a: created",
        "  apiVersion: flink.apache.org/v1beta1",
        "    flinkVersion: v1_20",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

fn waiting() -> Value {
    let mut waits = cluster("a");
    (waits["state"], waits["why"], waits["running"]) = (json!("waiting"), json!("no room"), json!(0));
    waits
}

#[test]
fn an_explanation_says_what_is_missing_and_what_would_help() {
    let offers = json!({
        "agents": 4, "newest_age_s": 2, "exhausted": ["gpus"], "obstacles": {"mem": 4}, "left_out": 3,
        "verdicts": [{"agent_id": "S", "hostname": "h", "role": "*", "offered": "cpus 8", "age_s": 2, "refused_s": 3,
            "lacks": ["mem: needs 9, offered 8"]}],
    });
    let explanation = read(json!({
        "cluster": waiting(),
        "attempts": [{"task_id": "a-1", "number": 1, "generation": 1, "agent_id": "S", "hostname": "h", "state": "TASK_LOST", "since": 0, "ended": 0}],
        "appmasters": [],
        "placing": {"missing": 1, "why": "no\u{1b}room", "need": "mem 9", "offers": offers,
            "remedies": [{"change": "with mem 8 instead of 9", "fits": 1}]},
    }));
    let text = explain::text(&explanation);
    for line in [
        "a waiting since 1970-01-01T00:01:00Z: no room",
        "0 of 1 AppMasters run",
        "1 not launched: no room; each takes mem 9",
        "4 agents have offered, the latest 2 s ago; obstacles: mem (4)",
        "  h     *     cpus 8   2 s  3 s      mem: needs 9, offered 8",
        "… and 3 that lack more",
        "would help: with mem 8 instead of 9; then 1 fit",
        "  1       h     ended 1970-01-01T00:00:00Z  1970-01-01T00:00:00Z  a-1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let attempt = |number: u32, agent: &str| json!({"task_id": "a", "number": number, "generation": 1, "agent_id": agent, "hostname": "h", "state": "TASK_RUNNING", "since": 0});
    for (agent, is_shared) in [("S", true), ("T", false)] {
        let attempts = [attempt(2, agent), attempt(1, "S")];
        let two = read(json!({"cluster": cluster("a"), "attempts": attempts, "appmasters": []}));
        assert_eq!(explain::text(&two).contains("\n2 AppMasters share one agent, h: "), is_shared);
    }
    let stored =
        read(json!({"cluster": waiting(), "attempts": [], "appmasters": [], "unknown": "it stands by"}));
    assert_eq!(
        explain::text(&stored).lines().last(),
        Some("this is what is stored, without the scheduler: it stands by")
    );
}

#[test]
fn a_queue_is_a_table_with_a_summary_of_offers() {
    let queue = read(json!({
        "clusters": [
            {"name": "a", "waits_for": "offers", "missing": 2, "since": 0, "why": "no\nroom", "place": 1, "need": "mem 9"},
            {"name": "b", "waits_for": "task_managers", "missing": 1},
        ],
        "offers": {"offers": 2, "agents": 2, "newest_age_s": 1, "oldest_age_s": 5, "declined": 2,
            "obstacles": {"mem": 2}, "resources": {"cpus": 1.5, "mem": 64.0}, "roles": {"*": 2}},
    }));
    assert_eq!(
        queue::text(&queue),
        "  PLACE  NAME  WAITS FOR     MISSING  SINCE                 WHY\n  \
           1      a     offers        2        1970-01-01T00:00:00Z  no room\n  \
           -      b     TaskManagers  1        -\n\
         the latest offers: 2 of 2 agents, 1 s to 5 s ago\n  \
           free      cpus 1.5, mem 64\n  \
           roles     * (2)\n  \
           declined  2: mem (2)\n"
    );
    let none =
        json!({"offers": 0, "agents": 0, "declined": 0, "obstacles": {}, "resources": {}, "roles": {}});
    let empty = read(json!({"clusters": [], "offers": none}));
    assert_eq!(queue::text(&empty), "no cluster waits\nno offers have come yet\n");
}

#[test]
fn changes_say_who_made_them() {
    let field = |name: &str| json!({"field": name, "effect": "nothing"});
    let entries: Vec<_> = [
        json!({"id": 1, "at": 0, "user": "ann", "from": "here", "cluster": "a", "verb": "change", "revision": 2,
            "fields": [field("spec.x"), field("spec.y")], "more_fields": 3, "message": "why"}),
        json!({"id": 2, "at": 0, "cluster": "a", "verb": "forget", "revision": 2}),
        json!({"id": 3, "at": 0, "user": "ann", "from": "here", "cluster": "", "verb": "push_artifact", "revision": 0,
            "fields": [field("0a a.jar")]}),
    ]
    .map(read)
    .into();
    assert_eq!(
        audit::text(&entries),
        "  AT                    CLUSTER  CHANGE         REVISION  BY              FIELDS             MESSAGE\n  \
           1970-01-01T00:00:00Z  a        change         2         ann, here       spec.x and 4 more  why\n  \
           1970-01-01T00:00:00Z  a        forget         2         the dispatcher  -\n  \
           1970-01-01T00:00:00Z  -        push_artifact  -         ann, here       0a a.jar\n"
    );
    assert_eq!(audit::text(&[]), "no changes\n");
}

#[test]
fn artifacts_are_lines_of_a_table() {
    let digest = "0a".repeat(32);
    let artifacts: Vec<_> = [
        json!({"digest": digest, "uri": format!("artifact://{digest}/a.jar"), "name": "a\n.jar", "size": 3,
            "uploaded_at": 60_000, "uploaded_by": "ann", "used_by": ["one", "two"]}),
        json!({"digest": digest, "uri": format!("artifact://{digest}"), "size": 4, "uploaded_at": 0}),
    ]
    .map(read)
    .into();
    assert_eq!(
        artifact::text(&artifacts),
        format!(
            "  NAME    BYTES  PUSHED                BY   CLUSTERS  URI\n  \
               a .jar  3      1970-01-01T00:01:00Z  ann  one,two   artifact://{digest}/a.jar\n  \
               -       4      1970-01-01T00:00:00Z  -    -         artifact://{digest}\n"
        )
    );
    assert_eq!(artifact::text(&[]), "no artifacts\n");
}

#[test]
fn events_are_lines() {
    let event = read(
        json!({"id": 1, "at": 1000, "cluster": "a", "kind": "state", "level": "info", "text": "running\r"}),
    );
    assert_eq!(events::line(&event, false), "1970-01-01T00:00:01Z   a: running ");
    assert!(events::line(&event, true).starts_with(r#"{"id":1,"#));
}

fn plan(outcome: &str, changes: &Value) -> Plan {
    read(json!({
        "name": "a", "outcome": outcome, "revision": 2, "changes": changes, "effect": "everything", "begins_anew": true,
    }))
}

#[test]
fn a_plan_says_what_changes_and_what_follows() {
    let changes = json!([
        {"field": "spec.image", "old": "x:1", "new": "x:2", "effect": "everything"},
        {"field": "spec.restartNonce", "new": "1", "effect": "everything"},
    ]);
    let changed = plan("changed", &changes);
    assert_eq!(applied(&changed, None), "a changed, revision 2\n");
    assert_eq!(
        planned(&changed, None),
        "a would be changed, as revision 2: all begins anew\n  spec.image: x:1 → x:2\n  spec.restartNonce: not set → 1\n"
    );
    assert_eq!(
        compared(&changed, None),
        "a: revision 1 and what is handed in\n- spec.image: x:1\n+ spec.image: x:2\n+ spec.restartNonce: 1\n"
    );
    let waits = Plan { waits: Some("the cluster is frozen".to_owned()), ..changed };
    assert_eq!(applied(&waits, None), "a changed, revision 2; it counts later: the cluster is frozen\n");
    assert!(planned(&waits, None).ends_with("  it would count later: the cluster is frozen\n"));
    let created = plan("created", &json!([]));
    let texts = [applied(&created, None), planned(&created, None)];
    assert_eq!(texts, ["a created, revision 2\n", "a would be created\n"]);
    assert_eq!(compared(&created, None), "a: there is no such cluster\n");
    let same = plan("unchanged", &json!([]));
    assert_eq!([applied(&same, None), compared(&same, None)], ["a unchanged, revision 2\n", ""]);
    let fits = |placeable: Value, why: &str| -> Fits {
        read(json!({"appmasters": {"wanted": 1, "placeable": placeable}, "why": why}))
    };
    let good = fits(json!(1), "would fit");
    let texts = [applied(&created, Some(&good)), planned(&created, Some(&good))];
    assert_eq!(texts, ["a created, revision 2\n", "a would be created\n  would fit\n"]);
    for placeable in [json!(0), json!(null)] {
        let other = fits(placeable, "no\rroom");
        assert_eq!(applied(&created, Some(&other)), "a created, revision 2\n  no room\n");
        assert_eq!(compared(&created, Some(&other)), "a: there is no such cluster\n");
    }
}

#[test]
fn findings_are_told_with_file_line_and_field() {
    let from = |document: Value| From { file: "f.yaml".to_owned(), document: read(document) };
    let refused = from(json!({
        "name": "a", "status": 422, "error": "all of it",
        "warnings": [{"field": "spec.ingress", "line": 3, "reason": "is ignored"}],
        "fields": [{"field": "spec.image", "line": 7, "reason": "is wrong"}, {"field": "", "reason": "is odd"}],
    }));
    let expected = [
        (Level::WARN, "f.yaml:3: spec.ingress: is ignored"),
        (Level::ERROR, "f.yaml:7: spec.image: is wrong"),
        (Level::ERROR, "f.yaml: is odd"),
    ];
    assert_eq!(messages(&refused), expected.map(|(level, text)| (level, text.to_owned())));
    let busy = from(json!({"name": "a", "status": 409, "error": "cluster a is frozen: thaw it first"}));
    assert_eq!(messages(&busy), [(Level::ERROR, "f.yaml: cluster a is frozen: thaw it first".to_owned())]);
}

#[test]
fn orders_are_told_by_what_follows() {
    let told = |verb, outcome: &str| told(verb, &read(json!({"name": "a", "outcome": outcome})));
    assert_eq!(told(Verb::Suspend(Force::default()), "changed"), "a is being suspended");
    assert_eq!(told(Verb::Suspend(Force::default()), "unchanged"), "a is suspended already");
    assert_eq!(told(Verb::Delete(Force::default()), "changed"), "a is being deleted");
}
