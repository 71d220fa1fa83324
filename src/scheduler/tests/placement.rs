//! Placing, gangs and explanations, on a scheduler that a test hands facts to.

use std::time::Duration;

use super::super::explain::Question;
use super::super::spec::{GroupSpec, Spec};
use super::super::{Action, Scheduler};
use crate::report::Reason;
use crate::resources::tests::scalar;
use base::time::Moment;
use domain::constraint::Constraint;
use domain::state::State;
use mesos::call::Call;
use mesos::event::StatusUpdate;
use mesos::wire;
use mesos::wire::id::{AgentId, OfferId, TaskId};
use mesos::wire::offer::Offer;
use mesos::wire::resource::{
    AllocationInfo, Attribute, Range, Ranges, ReservationInfo, Resource, Scalar, Text, ValueType,
};
use mesos::wire::status::{Reason as TaskReason, TaskState};
use mesos::wire::task::TaskInfo;
use mesos::wire::time::{TimeInfo, Unavailability};
use proptest::prelude::*;

struct Bench {
    scheduler: Scheduler,
    now: Moment,
    offers: u32,
}

/// What the master was told.
#[derive(Debug, Default)]
struct Told {
    accepted: Vec<(Vec<String>, Vec<TaskInfo>)>,
    declined: Vec<String>,
    revives: usize,
    failed: Option<String>,
}

impl Bench {
    /// Subscribed, with a JobManager that listens, for TaskManagers of one cpu.
    fn new(target: u32, change: impl FnOnce(&mut GroupSpec)) -> Self {
        let roles = vec!["eng".into(), "eng/flink".into()];
        let spec = Spec { roles, ..Spec::of_one_cpu(target) }.with(change);
        let mut scheduler = Scheduler::new(spec, State::default(), 1, Moment::START);
        scheduler.handle_jobmanager_listening(Moment::START);
        scheduler.handle_subscribed("f-1", Moment::START);
        let mut bench = Self { scheduler, now: Moment::START, offers: 0 };
        bench.told();
        bench
    }

    fn told(&mut self) -> Told {
        let mut told = Told::default();
        while let Some(action) = self.scheduler.next_action() {
            match action {
                Action::Send(Call::Accept { offer_ids, launch, .. }) => {
                    told.accepted.push((texts(&offer_ids), launch));
                }
                Action::Send(Call::Decline { offer_ids, .. }) => told.declined.extend(texts(&offer_ids)),
                Action::Send(Call::Revive { .. }) => told.revives += 1,
                Action::Fail(failure) => told.failed = Some(failure.to_string()),
                _ => {}
            }
        }
        self.scheduler.check().expect("the truths hold");
        told
    }

    fn offer(&mut self, offers: &[Offer]) -> Told {
        let mut offers = offers.to_vec();
        for offer in &mut offers {
            self.offers += 1;
            offer.id = Some(OfferId::new(format!("o{}", self.offers)));
        }
        self.scheduler.handle_offers(&wire::encoded(&offers), self.now);
        self.told()
    }

    fn pass(&mut self, seconds: u64) -> Told {
        self.now = self.now + Duration::from_secs(seconds);
        self.scheduler.handle_timeout(self.now);
        self.told()
    }

    fn update(&mut self, number: u32, state: TaskState, reason: Option<TaskReason>) -> Told {
        let update = StatusUpdate {
            task_id: TaskId::new(format!("taskmanager-{number:05}")),
            state: Some(state),
            agent_id: None,
            executor_id: None,
            reason,
            source: None,
            message: String::new(),
            uuid: None,
            healthy: None,
            container_ips: Vec::new(),
        };
        self.scheduler.handle_update(&update, self.now);
        self.told()
    }

    fn suppose(&self, text: &str) -> (usize, usize, Option<String>) {
        let question: Question = text.parse().expect(text);
        let answer = self.scheduler.explain(Some(&question), self.now).what_if.expect("an answer");
        (answer.fits, answer.taskmanagers, answer.nearest)
    }
}

fn texts(ids: &[OfferId]) -> Vec<String> {
    ids.iter().map(|id| id.text().to_owned()).collect()
}

fn offer(agent: &str, resources: &[Resource]) -> Offer {
    Offer {
        agent_id: Some(AgentId::new(agent)),
        hostname: Some(format!("host-{agent}")),
        resources: wire::encoded(resources),
        ..Offer::default()
    }
}

fn cpus(agent: &str, value: f64) -> Offer {
    offer(agent, &[scalar("cpus", value)])
}

fn rack(offer: Offer, value: &str) -> Offer {
    let rack = Attribute {
        name: Some("rack".into()),
        r#type: Some(ValueType::Text as i32),
        text: Some(Text { value: Some(value.into()) }),
        ..Attribute::default()
    };
    Offer { attributes: wire::encoded(&[rack]), ..offer }
}

/// The offers of one agent come when those of the other are refused, and the other way round.
#[test]
fn a_gang_gets_all_at_once_although_offers_never_come_together() {
    let mut bench = Bench::new(2, |spec| spec.gang = Some(Duration::from_secs(600)));
    let told = bench.offer(&[cpus("a", 1.0)]);
    assert_eq!((told.declined.len(), told.revives), (1, 0), "not hoarded, and nothing promising");
    bench.pass(3);
    let told = bench.offer(&[cpus("b", 1.0)]);
    assert_eq!((told.declined.len(), told.revives), (1, 1), "together they would do");
    let told = bench.offer(&[cpus("a", 1.0), cpus("b", 1.0)]);
    assert_eq!(told.accepted.len(), 2);
}

#[test]
fn a_gang_asks_seldom_when_others_are_faster() {
    let mut bench = Bench::new(2, |spec| spec.gang = Some(Duration::from_secs(600)));
    let mut revives = 0;
    for _ in 0..150 {
        for agent in ["a", "b"] {
            revives += bench.offer(&[cpus(agent, 1.0)]).revives;
            revives += bench.pass(1).revives;
        }
    }
    assert!((3..=12).contains(&revives), "{revives} in five minutes");
    let reason = bench.scheduler.report(bench.now).waiting.expect("two are missing").reason;
    assert!(matches!(reason, Reason::Gang { .. }), "{reason:?}");
}

#[test]
fn a_gang_that_never_fits_starts_late_with_what_fits() {
    let mut bench = Bench::new(3, |spec| spec.gang = Some(Duration::from_secs(60)));
    bench.offer(&[cpus("a", 1.0)]);
    assert!(bench.scheduler.poll_timeout() <= Some(Moment::START + Duration::from_secs(60)));
    assert_eq!(bench.pass(60).revives, 1, "what was declined comes back at once");
    assert_eq!(bench.offer(&[cpus("a", 1.0)]).accepted.len(), 1);
    assert_eq!(bench.offer(&[cpus("b", 1.0)]).accepted.len(), 1);
}

#[test]
fn explanations() {
    let mut bench = Bench::new(3, |spec| {
        spec.hard = vec![Constraint::parse("rack:r1").expect("a constraint")];
    });
    let offers = [rack(cpus("a", 0.5), "r1"), rack(cpus("b", 8.0), "r2"), cpus("c", 0.25)];
    assert_eq!(bench.offer(&offers).declined.len(), 3);
    bench.pass(2);
    let explanation = bench.scheduler.explain(None, bench.now);
    let verdicts: Vec<_> = explanation
        .offers
        .verdicts
        .iter()
        .map(|agent| format!("{} {} {}", agent.hostname, agent.refused_s, agent.lacks.join("; ")))
        .collect();
    assert_eq!(
        verdicts,
        [
            "host-a 3 cpus: needs 1, offered 0.5",
            "host-b 3 constraint rack:r1: has r2",
            "host-c 3 constraint rack:r1: no such attribute; cpus: needs 1, offered 0.25",
        ]
    );
    let remedies: Vec<_> =
        explanation.remedies.iter().map(|remedy| format!("{}: {}", remedy.change, remedy.fits)).collect();
    assert_eq!(remedies, ["without constraint rack:r1: 3", "with cpus 0.5 instead of 1: 1"]);
    let counts: Vec<_> = explanation.offers.obstacles.into_iter().collect();
    assert_eq!(counts, [("constraint rack:r1".to_owned(), 2), ("cpus".to_owned(), 2)]);
}

#[test]
fn an_agent_that_leaves_soon_gets_none() {
    let mut bench = Bench::new(1, |_| {});
    let leaving = |minutes: i64| Offer {
        unavailability: Some(Unavailability {
            start: Some(TimeInfo { nanoseconds: Some(minutes * 60_000_000_000) }),
            duration: None,
        }),
        ..cpus("a", 4.0)
    };
    assert_eq!(bench.offer(&[leaving(30)]).accepted.len(), 0);
    let verdicts = bench.scheduler.explain(None, bench.now).offers.verdicts;
    assert_eq!(verdicts[0].lacks, ["maintenance: it begins in 1800 s"]);
    assert_eq!(bench.offer(&[leaving(24 * 60)]).accepted.len(), 1, "tomorrow is not soon");
}

#[test]
fn suppositions() {
    let mut bench = Bench::new(1, |_| {});
    bench.offer(&[rack(cpus("a", 5.0), "r1"), rack(cpus("b", 4.0), "r2")]);
    assert_eq!(bench.suppose("count=8"), (8, 8, None), "one is launched, eight cpus are left");
    let nearest = Some("nearest host=host-a cpus: needs 2, offered 0".to_owned());
    assert_eq!(bench.suppose("count=9,cpus=2"), (4, 9, nearest));
    assert_eq!(bench.suppose("cpus=2").1, 1);
    assert_eq!(bench.suppose("count=9,cpus=1,constraint=rack:r2").0, 4);
    assert_eq!(bench.suppose("count=9,gpus=1").0, 0);
    for (wrong, told) in [
        ("count=x", "`count=x`: expected a whole number"),
        ("cpus=-1", "`cpus=-1`: expected an amount"),
        ("cpus=NaN", "expected an amount"),
        ("20", "`20`: expected count="),
        ("constraint=rack", "`constraint=rack`: expected `attribute:value`"),
    ] {
        let error = wrong.parse::<Question>().expect_err(wrong).to_string();
        assert!(error.contains(told), "{error}");
    }
}

/// Reservations as the embedded master makes them, refined ones among them.
#[test]
fn each_role_gives_its_own_and_reserved_resources_first() {
    let allocated = |role: &str, resource: Resource| Resource {
        allocation_info: Some(AllocationInfo { role: Some(role.into()) }),
        ..resource
    };
    let reserved = |roles: &[&str], resource: Resource| Resource {
        reservations: roles
            .iter()
            .map(|role| ReservationInfo { role: Some((*role).into()), ..ReservationInfo::default() })
            .collect(),
        ..resource
    };
    let of_role = |role: &str, resources: &[Resource]| Offer {
        allocation_info: Some(AllocationInfo { role: Some(role.into()) }),
        ..offer("a", &resources.iter().map(|resource| allocated(role, resource.clone())).collect::<Vec<_>>())
    };
    let mut bench = Bench::new(2, |_| {});
    let told = bench.offer(&[
        of_role("eng", &[reserved(&["eng"], scalar("cpus", 0.6)), scalar("cpus", 0.6)]),
        of_role("eng/flink", &[scalar("cpus", 0.7), reserved(&["eng", "eng/flink"], scalar("cpus", 0.3))]),
    ]);
    assert_eq!(told.accepted.len(), 2, "one for each role");
    for (offer_ids, launch) in &told.accepted {
        let [task] = &launch[..] else { panic!("{launch:?}") };
        let role = if offer_ids == &["o1"] { "eng" } else { "eng/flink" };
        let parts: Vec<_> = task
            .resources
            .iter()
            .map(|resource| {
                let allocation = resource.allocation_info.as_ref().and_then(|info| info.role.as_deref());
                assert_eq!(allocation, Some(role));
                let value = resource.scalar.as_ref().and_then(|scalar| scalar.value);
                (resource.reservations.len(), value.expect("a value"))
            })
            .collect();
        let expected = if role == "eng" { [(1, 0.6), (0, 0.4)] } else { [(2, 0.3), (0, 0.7)] };
        assert_eq!(parts, expected, "{role}");
    }
}

#[test]
fn failures_count_within_their_interval() {
    let mut bench = Bench::new(1, |spec| {
        spec.max_failures = Some(2);
        spec.failures_within = Some(Duration::from_secs(100));
    });
    let mut failed = None;
    for (number, pause) in [(1, 200), (2, 30), (3, 30), (4, 0)] {
        bench.offer(&[cpus(&format!("a{number}"), 1.0)]);
        bench.update(number, TaskState::Running, None);
        failed = bench.update(number, TaskState::Failed, None).failed;
        assert_eq!(failed.is_some(), number == 4, "the first is too long ago: {failed:?}");
        bench.pass(pause);
    }
    assert!(failed.expect("an end").starts_with("3 TaskManagers have failed within 1m 40s"));
}

#[test]
fn an_agent_that_cannot_fetch_or_runs_out_of_memory_is_avoided_then_left_alone() {
    for (state, reason, has_run) in [
        (TaskState::Failed, TaskReason::ContainerLaunchFailed, false),
        (TaskState::Failed, TaskReason::ContainerLimitationMemory, true),
        (TaskState::Failed, TaskReason::ExecutorTerminated, false),
    ] {
        let mut bench = Bench::new(1, |_| {});
        for number in 1..=3 {
            assert_eq!(bench.offer(&[cpus("bad", 1.0)]).accepted.len(), 1, "nobody else offers");
            if has_run {
                bench.update(number, TaskState::Running, None);
            }
            bench.update(number, state, Some(reason));
            bench.pass(10);
        }
        let others_are_full = [cpus("bad", 1.0), cpus("full", 0.1)];
        assert_eq!(bench.offer(&others_are_full).accepted.len(), 0, "{reason:?}");
        let told = bench.offer(&[cpus("bad", 1.0), cpus("good", 1.0)]);
        assert_eq!(told.accepted[0].1[0].agent_id, Some(AgentId::new("good")));
    }
}

fn garbage_resource() -> impl Strategy<Value = Resource> {
    let names = prop_oneof![Just(None), Just(Some(String::new())), "(cpus|mem|ports|disk|x)".prop_map(Some)];
    let values = prop_oneof![
        Just(None),
        any::<f64>().prop_map(Some),
        (0.0..20.0).prop_map(Some),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY))
    ];
    let ranges = proptest::option::of(proptest::collection::vec(
        (proptest::option::of(any::<u64>()), proptest::option::of(0_u64..70_000)),
        0..4,
    ));
    let role = proptest::option::of("(eng|other|\\*)");
    (names, values, ranges, proptest::option::of(-1..9_i32), role.clone(), role).prop_map(
        |(name, value, ranges, kind, role, allocated)| Resource {
            name,
            r#type: kind,
            scalar: value.map(|value| Scalar { value: Some(value) }),
            ranges: ranges.map(|ranges| Ranges {
                range: ranges.into_iter().map(|(begin, end)| Range { begin, end }).collect(),
            }),
            role,
            allocation_info: allocated.map(|role| AllocationInfo { role: Some(role) }),
            ..Resource::default()
        },
    )
}

fn garbage_offer() -> impl Strategy<Value = Offer> {
    let attribute = (proptest::option::of("(rack|zone)"), proptest::option::of(-1..9_i32));
    (
        "[a-c]",
        proptest::option::of("(eng|eng/flink|strange)"),
        proptest::collection::vec(garbage_resource(), 0..6),
        proptest::collection::vec(attribute, 0..3),
    )
        .prop_map(|(agent, role, resources, attributes)| {
            let attribute = |(name, kind)| Attribute { name, r#type: kind, ..Attribute::default() };
            let attributes: Vec<_> = attributes.into_iter().map(attribute).collect();
            Offer {
                allocation_info: role.map(|role| AllocationInfo { role: Some(role) }),
                attributes: wire::encoded(&attributes),
                ..offer(&agent, &resources)
            }
        })
}

proptest! {
    /// Whatever comes: each offer is answered exactly once, nothing is launched on more than was offered, and every
    /// question has an answer.
    #[test]
    fn no_offer_is_too_strange(rounds in proptest::collection::vec(proptest::collection::vec(garbage_offer(), 0..5), 1..5)) {
        let mut bench = Bench::new(3, |spec| {
            spec.need.ports = 1;
            spec.hard = vec![Constraint::parse("rack:GROUP_BY").expect("a constraint")];
            spec.soft = vec![Constraint::parse("zone:UNIQUE").expect("a constraint")];
        });
        for offers in rounds {
            let first = bench.offers + 1;
            let told = bench.offer(&offers);
            let accepted = told.accepted.iter().flat_map(|(ids, _)| ids);
            let mut answered: Vec<_> = accepted.chain(&told.declined).cloned().collect();
            answered.sort();
            let mut expected: Vec<_> = (first..=bench.offers).map(|number| format!("o{number}")).collect();
            expected.sort();
            prop_assert_eq!(answered, expected);
            for task in told.accepted.iter().flat_map(|(_, launch)| launch) {
                for resource in &task.resources {
                    let value = resource.scalar.as_ref().and_then(|scalar| scalar.value).unwrap_or_default();
                    prop_assert!((0.0..=1.0).contains(&value) || resource.name.as_deref() == Some("ports"));
                }
            }
            bench.pass(7);
            let explanation = bench.scheduler.explain(Some(&"count=5".parse().expect("fine")), bench.now);
            serde_json::to_string(&explanation).expect("serializable");
        }
    }
}
