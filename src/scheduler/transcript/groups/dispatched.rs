//! Groups as a dispatcher has them, each the AppMasters of a cluster: begun anew, paused, and of a role of their own.

use super::*;
use mesos::wire::resource::AllocationInfo;

fn once(generation: u64) -> GroupSpec {
    GroupSpec { generation, final_codes: vec![0], ..of_half_a_cpu(1) }
}

impl Bench {
    /// Of tasks that register with nobody.
    fn dispatcher(blues: GroupSpec) -> Self {
        let mut spec = Spec { has_jobmanager: false, ..Spec::of_one_cpu(0) };
        spec.groups = [(blue(), blues)].into();
        let mut bench = Self::of(spec, State::default());
        bench.scheduler.handle_subscribed("f-1", bench.now);
        bench.orders();
        bench
    }

    /// The same where the next process goes on with what was stored.
    fn succeeded_by(&mut self, blues: GroupSpec) -> String {
        let mut spec = self.scheduler.whole_spec();
        spec.groups.insert(blue(), blues);
        self.scheduler = Scheduler::new(spec, self.stored.clone(), 1, self.now);
        self.scheduler.handle_subscribed("f-1", self.now);
        self.orders()
    }

    fn define(&mut self, blues: GroupSpec) -> String {
        self.scheduler.handle_group_defined(&blue(), blues, self.now);
        self.orders()
    }

    fn end_blue(&mut self, number: u64, code: u8) -> String {
        let state = if code == 0 { TaskState::Finished } else { TaskState::Failed };
        let update = ended(number, state, &format!("Command exited with status {code}"));
        self.scheduler.handle_update(&update, self.now);
        self.orders()
    }

    fn renew(&mut self, generation: u64) -> Option<u64> {
        assert!(self.scheduler.handle_group_renewed(&blue(), generation, self.now));
        self.orders();
        self.stored.group(&blue()).ended.as_ref().map(|ended| ended.generation)
    }

    fn offer_to(&mut self, role: &str, agents: &[(&str, f64)]) -> String {
        let mut offers = self.offers_of(agents);
        for offer in &mut offers {
            offer.allocation_info = Some(AllocationInfo { role: Some(role.to_owned()) });
        }
        self.scheduler.handle_offers(&wire::encoded(&offers), self.now);
        self.orders()
    }
}

#[test]
fn the_end_of_a_task_of_an_older_generation_is_not_that_of_its_group() {
    let mut bench = Bench::dispatcher(once(1));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    assert_eq!(bench.stored.tasks["blue-00001"].generation, 1);
    assert_eq!(bench.define(once(2)), "", "what runs goes on");
    assert_eq!(bench.end_blue(1, 0), "store ack(blue-00001) revive", "another one at once");
    assert_eq!(bench.offer(&[("a", 0.5)]), "store accept(o2:blue-00002) suppress");
    bench.update_blue(2, TaskState::Running);
    assert_eq!(bench.stored.tasks["blue-00002"].generation, 2);
    // Nor is its failure one of the group.
    bench.define(once(3));
    assert_eq!(bench.end_blue(2, 1), "store ack(blue-00002) revive");
    let stored = bench.stored.group(&blue());
    assert_eq!((&stored.ended, stored.failures), (&None, 0));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(3, TaskState::Running);
    assert_eq!(bench.end_blue(3, 0), "store ack(blue-00003)");
    let ended = bench.stored.group(&blue()).ended.clone().expect("it has ended");
    assert_eq!((&*ended.task, ended.generation), ("blue-00003", 3));
}

#[test]
fn a_failure_of_the_generation_that_is_wanted_counts() {
    let mut bench = Bench::dispatcher(once(1));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    assert_eq!(bench.end_blue(1, 1), "store ack(blue-00001)", "it is held back");
    assert_eq!(bench.stored.group(&blue()).failures, 1);
}

#[test]
fn beginning_anew_clears_an_end_of_an_older_generation_alone() {
    let mut bench = Bench::dispatcher(once(2));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    bench.end_blue(1, 0);
    assert_eq!(bench.renew(2), Some(2), "it ended after whoever orders this had looked");
    assert_eq!(bench.scheduler.group_target(&blue()), 0);
    assert_eq!(bench.renew(3), None);
    assert_eq!(bench.scheduler.group_target(&blue()), 1);
}

#[test]
fn what_runs_of_a_paused_group_goes_on_and_what_ends_is_gone() {
    let mut bench = Bench::dispatcher(GroupSpec { target: 2, ..once(1) });
    bench.offer(&[("a", 1.0)]);
    for number in [1, 2] {
        bench.update_blue(number, TaskState::Running);
    }
    // Its definition cannot be read any more: it is known by its tasks alone.
    let orders = bench.succeeded_by(GroupSpec::paused());
    assert_eq!(orders, "reconcile(blue-00001,blue-00002) reconcile()");
    for number in [1, 2] {
        assert_eq!(bench.update_blue(number, TaskState::Running), format!("ack(blue-0000{number})"));
    }
    assert_eq!(bench.end_blue(1, 1), "store ack(blue-00001)");
    let stored = bench.stored.group(&blue());
    assert_eq!((stored.failures, &stored.ended), (0, &None));
    assert_eq!(bench.offer(&[("a", 4.0)]), "decline(o2) suppress");
    let report = bench.scheduler.report(bench.now);
    let group = &report.groups["blue"];
    assert_eq!((group.target, group.running, &group.waiting), (1, 1, &None));
    assert_eq!(bench.define(once(1)), "", "as many as are wanted");
    assert_eq!(bench.define(GroupSpec { target: 2, ..once(1) }), "revive");
}

#[test]
fn nothing_of_a_paused_group_is_too_much_or_replaced() {
    let mut bench = Bench::dispatcher(once(1));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    assert!(bench.scheduler.handle_replacement_wanted("blue-00001", bench.now));
    assert_eq!(bench.orders(), "store revive");
    bench.offer(&[("a", 0.5)]);
    assert_eq!(bench.define(GroupSpec { is_paused: true, ..once(1) }), "");
    assert_eq!(bench.update_blue(2, TaskState::Running), "ack(blue-00002)", "both go on");
    assert_eq!(bench.define(GroupSpec { is_paused: true, target: 0, ..once(1) }), "");
    assert_eq!(bench.define(once(1)), "store kill(blue-00001)");
}

#[test]
fn a_task_of_a_paused_group_may_come_back_after_any_time() {
    let mut bench = Bench::dispatcher(once(1));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    bench.define(GroupSpec::paused());
    bench.update_blue(1, TaskState::Unreachable);
    for _ in 0..20 {
        bench.pass(Duration::from_secs(75));
        bench.update_blue(1, TaskState::Unreachable);
    }
    assert_eq!(bench.update_blue(1, TaskState::Running), "ack(blue-00001)", "it is not killed");
    assert_eq!(bench.define(once(1)), "", "nor is another wanted");
}

#[test]
fn a_group_takes_offers_to_its_role_alone() {
    let mut bench = Bench::dispatcher(GroupSpec { role: Some("red".to_owned()), ..of_half_a_cpu(1) });
    assert_eq!(bench.offer_to("green", &[("a", 4.0)]), "decline(o1)");
    let Reason::DoesNotFit { nearest, .. } = bench.reason(&blue()) else { panic!("it would fit") };
    assert_eq!(nearest, "nearest host=a role green: only offers to red are taken");
    // What its own role lacks tells more than what others have.
    assert_eq!(bench.offer_to("red", &[("b", 0.1)]), "decline(o2)");
    let Reason::DoesNotFit { nearest, verdicts, .. } = bench.reason(&blue()) else { panic!("it would fit") };
    assert_eq!(nearest, "nearest host=b cpus: needs 0.5, offered 0.1");
    let hosts: Vec<_> = verdicts.iter().map(|lacks| &*lacks.hostname).collect();
    assert_eq!(hosts, ["b", "a"]);
    assert_eq!(bench.offer_to("red", &[("b", 1.0)]), "store accept(o3:blue-00001) suppress");
}

#[test]
fn of_an_agent_that_offers_to_two_roles_each_group_takes_its_own() {
    let of = |role: &str| GroupSpec { role: Some(role.to_owned()), ..of_half_a_cpu(2) };
    let mut bench = Bench::dispatcher(of("red"));
    let other = GroupName::parse("other").expect("a name");
    bench.scheduler.handle_group_defined(&other, of("green"), bench.now);
    bench.orders();
    let mut offers = bench.offers_of(&[("a", 1.0), ("a", 0.5)]);
    for (offer, role) in offers.iter_mut().zip(["green", "red"]) {
        offer.allocation_info = Some(AllocationInfo { role: Some(role.to_owned()) });
    }
    bench.scheduler.handle_offers(&wire::encoded(&offers), bench.now);
    assert_eq!(bench.orders(), "store accept(o1:other-00001,other-00002) accept(o2:blue-00003)");
}

#[test]
fn a_report_tells_attempts_generations_ends_and_rests() {
    let rests = GroupSpec {
        max_failures: Some(0),
        after_too_many: TooMany::Rest(Duration::from_secs(300)),
        ..once(7)
    };
    let mut bench = Bench::dispatcher(rests);
    let told = |bench: &Bench| serde_json::to_value(bench.scheduler.report(bench.now)).expect("JSON");
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    assert_eq!(told(&bench)["groups"]["blue"].get("ended"), None);
    assert_eq!(told(&bench)["groups"]["blue"].get("rests"), None);
    bench.end_blue(1, 1);
    assert_eq!(told(&bench)["groups"]["blue"]["rests"], true);
    bench.pass(Duration::from_secs(301));
    assert_eq!(told(&bench)["groups"]["blue"].get("rests"), None, "it is over");
    bench.offer(&[("a", 0.5)]);
    let task = &told(&bench)["tasks"][0];
    assert_eq!((&task["attempt"], &task["generation"]), (&2.into(), &7.into()));
    bench.update_blue(2, TaskState::Running);
    bench.end_blue(2, 0);
    let ended = &told(&bench)["groups"]["blue"]["ended"];
    assert_eq!(
        (&ended["task"], &ended["code"], &ended["generation"]),
        (&"blue-00002".into(), &0.into(), &7.into())
    );
}

#[test]
fn a_replaced_task_goes_on_until_mesos_says_that_another_runs() {
    let mut bench = Bench::dispatcher(of_half_a_cpu(1));
    bench.offer(&[("a", 0.5)]);
    assert!(!bench.scheduler.handle_replacement_wanted("blue-00002", bench.now), "there is none");
    bench.update_blue(1, TaskState::Running);
    assert!(bench.scheduler.handle_replacement_wanted("blue-00001", bench.now));
    assert_eq!(bench.orders(), "store revive");
    assert!(!bench.scheduler.handle_replacement_wanted("blue-00001", bench.now), "it is under way");
    assert_eq!(bench.offer(&[("b", 0.5)]), "store accept(o2:blue-00002) suppress");
    assert_eq!(bench.update_blue(2, TaskState::Starting), "ack(blue-00002)");
    bench.pass(Duration::from_secs(3600));
    assert_eq!(bench.update_blue(2, TaskState::Running), "ack(blue-00002) store kill(blue-00001)");
    assert_eq!(bench.update_blue(1, TaskState::Killed), "store ack(blue-00001)");
    assert_eq!(bench.stored.group(&blue()).failures, 0);
}

#[test]
fn one_that_fails_before_it_runs_replaces_nothing() {
    let mut bench = Bench::dispatcher(of_half_a_cpu(1));
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    bench.scheduler.handle_replacement_wanted("blue-00001", bench.now);
    bench.orders();
    bench.offer(&[("b", 0.5)]);
    assert_eq!(bench.update_blue(2, TaskState::Failed), "store ack(blue-00002)");
    assert_eq!(bench.stored.tasks["blue-00001"].goal, Goal::Replace);
    assert_eq!(bench.wake(), "revive", "another is tried");
}

#[test]
fn a_group_that_waits_for_ends_never_has_two_tasks() {
    let mut bench = Bench::dispatcher(GroupSpec { waits_for_ends: true, ..once(1) });
    bench.offer(&[("a", 0.5)]);
    bench.update_blue(1, TaskState::Running);
    assert!(bench.scheduler.handle_replacement_wanted("blue-00001", bench.now));
    assert_eq!(bench.orders(), "store", "no other takes its place yet");
    assert_eq!(bench.offer(&[("b", 1.0)]), "decline(o2) suppress");
    // Its agent is drained.
    assert_eq!(bench.update_blue(1, TaskState::Killing), "ack(blue-00001)");
    assert!(!bench.offer(&[("b", 1.0)]).contains("accept"));
    bench.end_blue(1, 143);
    assert!(bench.pass(Duration::from_secs(60)).contains("revive"), "now another one may come");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o4:blue-00002) suppress");
}
