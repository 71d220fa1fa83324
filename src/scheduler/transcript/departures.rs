//! TaskManagers that move away, and those whose JobManager still hears them.

use super::*;
use mesos::wire::offer::InverseOffer;
use mesos::wire::status::Reason as Cause;
use mesos::wire::time::{TimeInfo, Unavailability};

impl Bench {
    /// The master wants `agent` back in `seconds`.
    fn ask_back(&mut self, agent: &str, seconds: u64) -> String {
        let offer = InverseOffer {
            id: Some(OfferId::new("i")),
            agent_id: Some(AgentId::new(agent)),
            unavailability: Some(self.unavailability(seconds)),
            ..InverseOffer::default()
        };
        self.scheduler.handle_inverse_offers(&[offer], self.now);
        self.orders()
    }

    fn unavailability(&self, seconds: u64) -> Unavailability {
        let begin = self.now + Duration::from_secs(seconds);
        let nanoseconds = i64::try_from(begin.since(Moment::START).as_nanos()).ok();
        Unavailability { start: Some(TimeInfo { nanoseconds }), duration: None }
    }

    pub(super) fn heard(&mut self, numbers: &[u64]) -> String {
        let heartbeat = i64::try_from(self.now.since(Moment::START).as_millis()).expect("a number");
        let registered = numbers.iter().map(|number| (format!("taskmanager-{number:05}"), heartbeat));
        self.scheduler.handle_taskmanagers_heard(&registered.collect(), self.now);
        self.orders()
    }

    /// One TaskManager that runs and has registered.
    pub(super) fn with_one() -> Self {
        let mut bench = Self::ready(1);
        bench.offer(&[("a", 1.0)]);
        bench.update(1, TaskState::Running, true);
        bench
    }
}

#[test]
fn maintenance_moves_a_taskmanager_after_another_has_registered() {
    let mut bench = Bench::with_one();
    assert_eq!(bench.ask_back("a", 3600), "agree(i)", "nothing to do for long");
    // Asked again and again, as long as it is planned.
    for _ in 0..49 {
        bench.pass(Duration::from_secs(60));
        assert_eq!(bench.ask_back("a", 3600 - bench.now.since(Moment::START).as_secs()), "agree(i)");
    }
    let orders = bench.pass(Duration::from_secs(60));
    assert!(orders.ends_with("store revive"), "ten minutes before: {orders}");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o2:2) suppress");
    assert_eq!(bench.update(2, TaskState::Running, true), "ack(2)", "it may need its time to register");
    assert!(bench.questions > 0, "the JobManager is asked");
    assert_eq!(bench.heard(&[1]), "");
    assert_eq!(bench.heard(&[1, 2]), "store kill(1)");
    assert_eq!(bench.update(1, TaskState::Killed, true), "store ack(1)");
    assert!(bench.scheduler.report(bench.now).waiting.is_none());
}

#[test]
fn maintenance_that_was_called_off_moves_nothing() {
    let mut bench = Bench::with_one();
    bench.ask_back("a", 3600);
    assert_eq!(bench.pass(Duration::from_secs(3600)).replace("reconcile()", "").trim(), "reconcile(1)");
    assert_eq!(bench.stored.tasks.values().next().map(|record| record.goal), Some(Goal::Run));
}

#[test]
fn a_taskmanager_that_was_to_move_stays_when_that_is_called_off() {
    // Told by an offer, by silence, and to a worker that knows nothing of it yet.
    for how in ["offer", "silence", "crash"] {
        let mut bench = Bench::with_one();
        assert_eq!(bench.ask_back("a", 300), "agree(i) store revive");
        assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o2:2) suppress");
        bench.update(2, TaskState::Starting, true);
        let goal = |bench: &Bench, number: u64| bench.stored.tasks[&format!("taskmanager-{number:05}")].goal;
        assert_eq!((goal(&bench, 1), goal(&bench, 2)), (Goal::Replace, Goal::Run));
        let orders = match how {
            "offer" => bench.offer(&[("a", 1.0)]),
            "silence" => bench.pass(Duration::from_secs(181)),
            _ => {
                let mut next = Bench::resume(1, bench.stored.clone());
                next.scheduler.handle_jobmanager_listening(next.now);
                next.scheduler.handle_subscribed("f-1", next.now);
                next.update(1, TaskState::Running, false);
                next.update(2, TaskState::Starting, false);
                next.pass(Duration::from_secs(100));
                assert_eq!(goal(&next, 1), Goal::Replace, "the master may ask again");
                bench = next;
                bench.pass(Duration::from_secs(81))
            }
        };
        assert!(orders.contains("kill(2)"), "{how}: the one that has not started is too much: {orders}");
        assert_eq!((goal(&bench, 1), goal(&bench, 2)), (Goal::Run, Goal::End), "{how}");
    }
}

#[test]
fn what_need_not_move_any_more_gets_no_other_in_its_place() {
    let mut bench = Bench::with_one();
    assert_eq!(bench.ask_back("a", 300), "agree(i) store revive");
    let orders = bench.offer(&[("a", 1.0)]);
    assert!(!orders.contains("accept") && orders.contains("decline(o2)"), "{orders}");
    let record = bench.stored.tasks.values().next().expect("one");
    assert_eq!((record.goal, bench.stored.tasks.len()), (Goal::Run, 1));
}

#[test]
fn each_agent_is_given_back_by_a_call_of_its_own() {
    let mut bench = Bench::ready(1);
    let offer = |id: &str, agent: &str| InverseOffer {
        id: Some(OfferId::new(id)),
        agent_id: Some(AgentId::new(agent)),
        unavailability: Some(bench.unavailability(7200)),
        ..InverseOffer::default()
    };
    let offers = [offer("i1", "a"), offer("i2", "b"), offer("i3", "a")];
    bench.scheduler.handle_inverse_offers(&offers, bench.now);
    assert_eq!(bench.orders(), "agree(i1,i3) agree(i2)");
}

#[test]
fn nothing_is_launched_where_maintenance_is_near() {
    let mut bench = Bench::ready(1);
    let offer = |bench: &mut Bench, seconds| {
        let unavailability = Some(bench.unavailability(seconds));
        let resource = Resource {
            name: Some("cpus".into()),
            scalar: Some(Scalar { value: Some(1.0) }),
            ..Resource::default()
        };
        let offer = Offer {
            id: Some(OfferId::new("o")),
            agent_id: Some(AgentId::new("a")),
            hostname: Some("a".to_owned()),
            resources: wire::encoded(&[resource]),
            unavailability,
            ..Offer::default()
        };
        bench.scheduler.handle_offers(&wire::encoded(&[offer]), bench.now);
        bench.orders()
    };
    assert_eq!(offer(&mut bench, 600), "decline(o)");
    let text = format!("{:?}", bench.scheduler.report(bench.now).waiting);
    assert!(text.contains("maintenance: it begins in 600 s"), "{text}");
    assert_eq!(offer(&mut bench, 7200), "store accept(o:1) suppress");
}

#[test]
fn a_drained_agent_s_taskmanager_is_replaced_while_it_ends() {
    let mut bench = Bench::with_one();
    assert_eq!(bench.update(1, TaskState::Killing, true), "store ack(1) revive");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o2:2) suppress");
    assert_eq!(bench.end(1, TaskState::Killed, Cause::AgentDraining), "store ack(1)");
    assert_eq!(bench.failures(), 0);
    assert!(bench.scheduler.report(bench.now).waiting.is_none(), "nothing waits");
}

#[test]
fn somebody_may_want_another_taskmanager_in_the_place_of_one() {
    let mut bench = Bench::with_one();
    assert!(!bench.scheduler.handle_replacement_wanted("taskmanager-00009", bench.now));
    assert!(bench.scheduler.handle_replacement_wanted("taskmanager-00001", bench.now));
    assert_eq!(bench.orders(), "store revive");
    bench.offer(&[("a", 1.0)]);
    bench.update(2, TaskState::Running, true);
    assert_eq!(bench.wake(), "store kill(1)", "a minute later, though the JobManager never answered");
}

#[test]
fn a_lost_taskmanager_that_the_jobmanager_hears_is_kept() {
    let mut bench = Bench::with_one();
    bench.update(1, TaskState::Unreachable, false);
    for _ in 0..90 {
        bench.pass(Duration::from_secs(10));
        bench.heard(&[1]);
        assert_eq!(bench.update(1, TaskState::Unreachable, false), "");
    }
    assert!(bench.questions > 80);
    assert_eq!(bench.stored.tasks.len(), 1);
    // It dies, and nobody hears it any more.
    let mut given_up = false;
    for _ in 0..20 {
        bench.pass(Duration::from_secs(10));
        given_up |= bench.update(1, TaskState::Unreachable, false).contains("store");
    }
    assert!(given_up);
}

#[test]
fn the_loss_of_an_agent_is_not_believed_but_asked_about() {
    let mut bench = Bench::with_one();
    bench.scheduler.handle_agent_failed("b", bench.now);
    assert_eq!(bench.orders(), "");
    bench.scheduler.handle_agent_failed("a", bench.now);
    assert_eq!(bench.orders(), "reconcile(1)");
    assert_eq!(bench.update(1, TaskState::Running, false), "");
}

#[test]
fn a_successor_leaves_everything_as_it_is() {
    let bench = Bench::with_one();
    let mut next = Bench::resume(1, bench.stored);
    next.scheduler.handle_jobmanager_listening(next.now);
    next.scheduler.handle_subscribed("f-1", next.now);
    assert_eq!(next.orders(), "reconcile(1) reconcile()");
}
