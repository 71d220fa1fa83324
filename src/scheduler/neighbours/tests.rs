use super::*;
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::FrameworkId;
use mesos::wire::resource::Scalar;

const LOOK: Duration = Duration::from_secs(15);

/// What the JobManager has, with heartbeats, and which tasks are ours.
type Look<'a> = (&'a [(&'a str, i64)], &'a [&'a str]);

/// Looks every 15 s.
fn looks(all: &[Look<'_>]) -> Vec<(usize, &'static str)> {
    let mut watch = Watch::default();
    let mut news = Vec::new();
    for (index, (registered, ours)) in all.iter().enumerate() {
        let registered = registered
            .iter()
            .map(|(id, heartbeat)| {
                ((*id).to_owned(), Listed { hostname: format!("host-of-{id}"), heartbeat: *heartbeat })
            })
            .collect();
        let ours: Vec<_> = ours.iter().map(|id| (*id).to_owned()).collect();
        let now = Moment::START + LOOK * u32::try_from(index).expect("few");
        news.extend(watch.handle_registered(&registered, ours.iter(), now).map(|told| (index, told.kind())));
    }
    news
}

#[test]
fn one_that_lives_and_is_no_task_is_told_once_and_its_end_too() {
    let told = looks(&[
        (&[("a", 1), ("x", 1)], &["a"]),
        (&[("a", 2), ("x", 2)], &["a"]),
        (&[("a", 3), ("x", 3)], &["a"]),
        (&[("a", 4), ("x", 3), ("y", 3)], &["a"]),
        (&[("a", 5), ("x", 3), ("y", 4)], &["a"]),
        (&[("a", 6), ("y", 5)], &["a"]),
        (&[("a", 7)], &["a"]),
        (&[("a", 8)], &["a"]),
    ]);
    let expected =
        [(1, "foreign_taskmanagers"), (4, "foreign_taskmanagers"), (6, "foreign_taskmanagers_gone")];
    assert_eq!(told, expected);
}

#[test]
fn one_that_was_ours_and_one_that_is_dead_are_never_told() {
    let told = looks(&[
        (&[("a", 1), ("dead", 1)], &["a"]),
        // Mesos says it has ended while it still sends heartbeats, then it is silent.
        (&[("a", 2), ("dead", 1)], &[]),
        (&[("a", 3), ("dead", 1)], &[]),
        (&[("a", 3), ("dead", 1)], &[]),
        (&[("dead", 1)], &["b"]),
        (&[("b", 9)], &["b"]),
    ]);
    assert_eq!(told, []);
}

fn framework(id: &str, name: &str, cpus: f64, connected: bool) -> operator::Framework {
    let resource = |name: &str, value| Resource {
        name: Some(name.to_owned()),
        scalar: Some(Scalar { value: Some(value) }),
        ..Resource::default()
    };
    operator::Framework {
        framework_info: Some(FrameworkInfo {
            id: Some(FrameworkId::new(id)),
            name: Some(name.to_owned()),
            hostname: Some("h".to_owned()),
            ..FrameworkInfo::default()
        }),
        active: Some(connected),
        connected: Some(connected),
        allocated_resources: vec![
            resource("cpus", cpus / 2.0),
            resource("mem", cpus * 100.0),
            resource("cpus", cpus / 2.0),
        ],
        ..operator::Framework::default()
    }
}

#[test]
fn frameworks_of_the_same_name_that_hold_resources_are_told_with_their_end() {
    let all = [
        framework("own", "Flink", 2.0, true),
        framework("old", "Flink", 3.0, false),
        framework("idle", "Flink", 0.0, true),
        framework("other", "Spark", 9.0, true),
    ];
    let mut watch = Watch::default();
    let news = watch.handle_frameworks("http://m:5050", &all, "Flink", Some("own")).expect("news");
    assert_eq!(
        news.to_string(),
        "framework old of the same name (disconnected, scheduler on h) holds 3 cpus and 300 MB; to end it: \
         curl --data frameworkId=old http://m:5050/teardown"
    );
    assert_eq!(watch.handle_frameworks("http://m:5050", &all, "Flink", Some("own")), None);
    let gone = watch.handle_frameworks("http://m:5050", &all[..1], "Flink", Some("own"));
    assert_eq!(gone, Some(News::NoNamesakes));
}

#[test]
fn long_lists_are_cut() {
    let all = |count: usize| {
        News::Foreign(
            (0..count)
                .map(|number| Foreign { resource_id: number.to_string(), hostname: "h".into() })
                .collect(),
        )
    };
    assert!(all(12).to_string().ends_with("9 on h, and 2 more"), "{}", all(12));
    assert!(all(1).to_string().ends_with(": 0 on h"));
}
