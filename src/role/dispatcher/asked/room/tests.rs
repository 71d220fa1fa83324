use serde_json::{Value, json};

use super::*;

fn quotas(roles: &[(&str, Value, Value)]) -> Quotas {
    let role = |(name, limit, consumed): &(&str, Value, Value)| json!({"name": name, "quota": {"role": name, "guarantee": {}, "limit": limit, "consumed": consumed}});
    let text = json!({ "roles": roles.iter().map(role).collect::<Vec<_>>() }).to_string();
    Quotas::read(text.as_bytes()).expect("roles")
}

fn claim(noun: &'static str, count: usize, cpus: i64, mem: i64, role: &str) -> Claim {
    let scalars =
        [("cpus", cpus), ("mem", mem * 1000)].map(|(name, amount)| (name.to_owned(), Milli(amount)));
    let need = Need { scalars: scalars.to_vec(), ports: 2 };
    Claim { noun, count, need, roles: vec![role.to_owned()], ..Claim::default() }
}

fn of_a_gpu() -> Claim {
    let need = Need { scalars: vec![("gpus".to_owned(), Milli(1000))], ports: 0 };
    Claim { need, ..claim("TaskManager", 1, 0, 0, "etl") }
}

fn short(quotas: &Quotas, claims: &[Claim]) -> Option<String> {
    Left::of(quotas).take(claims).short
}

#[test]
fn what_is_left_is_given_in_turn() {
    let known = quotas(&[("etl", json!({"cpus": 8}), json!({"cpus": 5, "mem": 100_000}))]);
    let no_gpus = quotas(&[("etl", json!({"gpus": 0}), json!({}))]);
    let mut left = Left::of(&known);
    let claims = [claim("AppMaster", 1, 1000, 64, "etl"), claim("TaskManager", 3, 1000, 64, "etl")];
    let room = left.take(&claims);
    assert_eq!(room.placeable, [1, 2]);
    assert_eq!(
        room.short.as_deref(),
        Some(
            "the Mesos role etl may use 8 cpus; 5 are in use and this cluster's AppMaster and 3 TaskManagers need 4"
        )
    );
    // The next cluster finds nothing any more.
    let room = left.take(&claims[..1]);
    assert_eq!(room.placeable, [0]);
    assert_eq!(
        room.short.as_deref(),
        Some(
            "the Mesos role etl may use 8 cpus; 5 are in use, 3 go to the clusters before it, and this cluster's AppMaster needs 1"
        )
    );
    assert_eq!(
        short(&no_gpus, &[of_a_gpu()]).as_deref(),
        Some(
            "the Mesos role etl may use 0 gpus; none of it is in use and this cluster's TaskManager needs 1"
        )
    );
    assert_eq!(short(&known, &[claim("AppMaster", 3, 1000, 64, "etl")]), None, "all that is left");
    assert_eq!(short(&known, &[claim("AppMaster", 9, 1000, 64, "etl2")]), None, "another role");
    assert_eq!(short(&known, &[claim("AppMaster", 9, 0, 64, "etl")]), None, "no limit of memory");
}

#[test]
fn the_closest_limit_is_told_with_the_role_whose_it_is() {
    let quotas = quotas(&[
        ("team", json!({"mem": 4096}), json!({"mem": 4000})),
        ("team/etl", json!({"cpus": 1}), json!({"cpus": 1})),
    ]);
    let appmaster = claim("AppMaster", 2, 500, 64, "team/etl");
    assert_eq!(
        short(&quotas, &[appmaster]).as_deref(),
        Some("the Mesos role team/etl may use 1 cpu; 1 is in use and this cluster's 2 AppMasters need 1")
    );
    assert_eq!(
        short(&quotas, &[claim("AppMaster", 1, 500, 1088, "team/web")]).as_deref(),
        Some(
            "the Mesos role team, with all roles below it, may use 4096 MB of memory; 4000 are in use and this cluster's AppMaster needs 1088"
        )
    );
}

#[test]
fn only_what_is_certain_is_told() {
    let full = quotas(&[("a", json!({"cpus": 1}), json!({"cpus": 1}))]);
    let either = Claim { roles: vec!["a".into(), "b".into()], ..claim("AppMaster", 1, 1000, 64, "a") };
    assert_eq!(short(&full, &[either]), None, "it may run in b");
    let below = Claim { roles: vec!["a/x".into(), "a/y".into()], ..claim("AppMaster", 1, 1000, 64, "a") };
    assert!(short(&full, &[below]).is_some(), "both are below a");
    // What ends before leaves its part.
    let quota = quotas(&[("a", json!({"cpus": 10}), json!({"cpus": 9}))]);
    let bigger = |cpus| Claim {
        freed: BTreeMap::from([("cpus".to_owned(), Milli(8000))]),
        ..claim("TaskManager", 4, cpus, 64, "a")
    };
    assert_eq!(short(&quota, &[bigger(2250)]), None);
    assert_eq!(
        short(&quota, &[bigger(2500)]).as_deref(),
        Some("the Mesos role a may use 10 cpus; 9 are in use and this cluster's 4 TaskManagers need 2 more")
    );
    let more = Claim { is_more: true, ..claim("TaskManager", 2, 1000, 64, "a") };
    assert!(short(&quota, &[more]).expect("too much").ends_with("this cluster's 2 more TaskManagers need 2"));
}

#[test]
fn of_masters_before_1_9_offers_are_counted_and_it_is_told() {
    let text = r#"{"roles":[{"name":"etl","quota":{"guarantee":{"cpus":8.0,"disk":0,"gpus":0,"mem":0},"role":"etl"},
        "resources":{"cpus":7.5,"ports":"[31000-31004]"},"frameworks":[],"weight":1.0}]}"#;
    let quotas = Quotas::read(text.as_bytes()).expect("roles");
    assert_eq!(
        short(&quotas, &[claim("AppMaster", 1, 1000, 64, "etl")]).as_deref(),
        Some(
            "the Mesos role etl may use 8 cpus; 7.5 are in use or on offer and this cluster's AppMaster needs 1"
        )
    );
}
