//! Facts in, orders out, as text: what the scheduler does in each situation.

mod departures;
mod elastic;
mod groups;
mod hearing;
mod probing;
mod progress;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::report::{ProbingReport, Reason, Waiting};
use super::spec::{Delivery, Patience, Spec};
use super::{Action, Effect, Scheduler};
use base::time::Moment;
use claim::Answer;
use domain::group::GroupName;
use domain::state::{Goal, State};
use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::event::StatusUpdate;
use mesos::wire;
use mesos::wire::id::{AgentId, OfferId, TaskId};
use mesos::wire::offer::Offer;
use mesos::wire::resource::{Resource, Scalar};
use mesos::wire::status::{self, TaskState};
use mesos::wire::task::TaskInfo;

/// A scheduler for TaskManagers of one cpu, with a clock that only the test moves.
struct Bench {
    scheduler: Scheduler,
    now: Moment,
    /// The state that the last `Store` carried.
    stored: State,
    offers: u32,
    /// To the JobManager.
    questions: u32,
}

impl Bench {
    fn new(target: u32) -> Self {
        Self::resume(target, State::default())
    }

    fn resume(target: u32, state: State) -> Self {
        Self::of(Spec::of_one_cpu(target), state)
    }

    fn of(spec: Spec, state: State) -> Self {
        let now = Moment::START;
        Self {
            scheduler: Scheduler::new(spec, state.clone(), 1, now),
            now,
            stored: state,
            offers: 0,
            questions: 0,
        }
    }

    /// Of TaskManagers, as far as they count.
    fn failures(&self) -> u32 {
        self.stored.group(&GroupName::TASKMANAGERS).failures
    }

    /// A bench whose scheduler is subscribed and whose JobManager listens.
    fn ready(target: u32) -> Self {
        let mut bench = Self::new(target);
        bench.scheduler.handle_jobmanager_listening(bench.now);
        bench.scheduler.handle_subscribed("f-1", bench.now);
        bench.orders();
        bench
    }

    /// All orders since the last call, one word each; the state must be sound after them.
    fn orders(&mut self) -> String {
        let mut text = String::new();
        while let Some(action) = self.scheduler.next_action() {
            let word = match action {
                Action::Store(state) => {
                    self.stored = Arc::unwrap_or_clone(state);
                    "store".to_owned()
                }
                Action::Send(call) => spelled(&call),
                Action::SubscribeAnew => "subscribe-anew".to_owned(),
                Action::AskJobManager => {
                    self.questions += 1;
                    continue;
                }
                Action::Note(_) => continue,
                Action::End => "end".to_owned(),
                Action::Fail(failure) => format!("fail({})", base::log::chain(&failure)),
            };
            let _ = write!(text, "{}{word}", if text.is_empty() { "" } else { " " });
        }
        self.scheduler.check().expect("the truths hold");
        text
    }

    fn offer(&mut self, agents: &[(&str, f64)]) -> String {
        let offers = self.offers_of(agents);
        self.scheduler.handle_offers(&wire::encoded(&offers), self.now);
        self.orders()
    }

    /// Each with so many cpus.
    fn offers_of(&mut self, agents: &[(&str, f64)]) -> Vec<Offer> {
        agents
            .iter()
            .map(|(agent, cpus)| {
                self.offers += 1;
                let resource = Resource {
                    name: Some("cpus".into()),
                    scalar: Some(Scalar { value: Some(*cpus) }),
                    ..Resource::default()
                };
                Offer {
                    id: Some(OfferId::new(format!("o{}", self.offers))),
                    agent_id: Some(AgentId::new(*agent)),
                    hostname: Some((*agent).to_owned()),
                    resources: wire::encoded(&[resource]),
                    ..Offer::default()
                }
            })
            .collect()
    }

    /// An update from the agent (`uuid`) or, for reconciliation answers, from the master.
    fn update(&mut self, number: u64, state: TaskState, from_agent: bool) -> String {
        self.tell(number, state, None, from_agent)
    }

    fn end(&mut self, number: u64, state: TaskState, reason: status::Reason) -> String {
        self.tell(number, state, Some(reason), true)
    }

    fn tell(
        &mut self,
        number: u64,
        state: TaskState,
        reason: Option<status::Reason>,
        from_agent: bool,
    ) -> String {
        let update = Self::update_of(number, state, reason, from_agent);
        self.scheduler.handle_update(&update, self.now);
        self.orders()
    }

    fn update_of(
        number: u64,
        state: TaskState,
        reason: Option<status::Reason>,
        from_agent: bool,
    ) -> StatusUpdate {
        StatusUpdate {
            task_id: TaskId::new(format!("taskmanager-{number:05}")),
            state: Some(state),
            agent_id: Some(AgentId::new("a")),
            executor_id: None,
            reason,
            source: None,
            message: String::new(),
            uuid: from_agent.then_some([7; 16]),
            healthy: None,
            container_ips: Vec::new(),
        }
    }

    fn pass(&mut self, span: Duration) -> String {
        self.now = self.now + span;
        self.scheduler.handle_timeout(self.now);
        self.orders()
    }

    /// Moves to the next moment at which the scheduler has an order.
    fn wake(&mut self) -> String {
        for _ in 0..1_000 {
            let due = self.scheduler.poll_timeout().expect("something is due");
            let orders = self.pass(due.since(self.now));
            if !orders.is_empty() {
                return orders;
            }
        }
        panic!("woken for nothing");
    }
}

fn spelled(call: &Call) -> String {
    match call {
        Call::Accept { offer_ids, launch, .. } => {
            let offers: Vec<_> = offer_ids.iter().map(OfferId::text).collect();
            let tasks: Vec<_> = launch.iter().filter_map(|task| task.name.as_deref()).map(short).collect();
            format!("accept({}:{})", offers.join(","), tasks.join(","))
        }
        Call::Decline { offer_ids, .. } => {
            format!("decline({})", offer_ids.iter().map(OfferId::text).collect::<Vec<_>>().join(","))
        }
        Call::AcceptInverseOffers { offer_ids, .. } => {
            format!("agree({})", offer_ids.iter().map(OfferId::text).collect::<Vec<_>>().join(","))
        }
        Call::Revive { .. } => "revive".to_owned(),
        Call::Suppress { .. } => "suppress".to_owned(),
        Call::Kill { task_id, .. } => format!("kill({})", short(task_id.text())),
        Call::Acknowledge { task_id, .. } => format!("ack({})", short(task_id.text())),
        Call::Reconcile { tasks } => {
            let tasks: Vec<_> = tasks.iter().map(|(id, _)| short(id.text())).collect();
            format!("reconcile({})", tasks.join(","))
        }
        Call::Teardown => "teardown".to_owned(),
    }
}

fn short(task_id: &str) -> &str {
    task_id.trim_start_matches("taskmanager-0000")
}

#[test]
fn nothing_is_asked_for_before_the_jobmanager_listens() {
    let mut bench = Bench::new(1);
    bench.scheduler.handle_subscribed("f-1", bench.now);
    assert_eq!(bench.orders(), "store reconcile()");
    assert_eq!(bench.offer(&[("a", 4.0)]), "decline(o1) suppress", "said again, it may have been lost");
    bench.scheduler.handle_jobmanager_listening(bench.now);
    assert_eq!(bench.orders(), "revive");
}

#[test]
fn nothing_is_asked_for_before_the_files_of_agents_are_known() {
    let spec = Spec::of_one_cpu(1).with(|group| Arc::make_mut(&mut group.template).delivery = None);
    let mut bench = Bench::of(spec, State::default());
    bench.scheduler.handle_subscribed("f-1", bench.now);
    bench.scheduler.handle_jobmanager_listening(bench.now);
    assert_eq!(bench.orders(), "store reconcile()");
    let waiting = bench.scheduler.report(bench.now).waiting.expect("one is missing");
    assert_eq!(waiting.reason, Reason::FilesUnread);
    assert_eq!(bench.offer(&[("a", 4.0)]), "decline(o1) suppress", "said again, it may have been lost");
    bench.scheduler.handle_files_read(Delivery::default(), bench.now);
    assert_eq!(bench.orders(), "revive");
}

#[test]
fn the_state_is_stored_before_the_launch_and_before_the_acknowledgement() {
    let mut bench = Bench::ready(2);
    assert_eq!(bench.offer(&[("a", 1.0), ("b", 1.5)]), "store accept(o1:1) accept(o2:2) suppress");
    assert_eq!(bench.stored.tasks.len(), 2);
    assert_eq!(bench.update(1, TaskState::Starting, true), "ack(1)");
    assert_eq!(bench.update(1, TaskState::Running, true), "ack(1)");
    assert_eq!(bench.update(1, TaskState::Failed, true), "store ack(1)");
    assert_eq!(bench.stored.tasks.len(), 1);
}

#[test]
fn a_failed_taskmanager_is_replaced_after_the_backoff() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.update(1, TaskState::Running, true);
    bench.update(1, TaskState::Failed, true);
    assert_eq!(bench.offer(&[("a", 1.0)]), "decline(o2) suppress", "held back");
    assert_eq!(bench.wake(), "revive");
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o3:2) suppress");
}

#[test]
fn waits_grow_with_failures_and_start_again_after_a_healthy_run() {
    let mut bench = Bench::ready(1);
    let mut waits = Vec::new();
    for number in 1..=5 {
        bench.offer(&[("a", 1.0)]);
        bench.update(number, TaskState::Running, true);
        if number == 5 {
            bench.pass(Duration::from_secs(120));
        }
        bench.update(number, TaskState::Failed, true);
        let left_ms = match bench.scheduler.report(bench.now).waiting {
            Some(Waiting { reason: Reason::Backoff { left_ms, .. }, .. }) => left_ms,
            Some(Waiting { reason: Reason::Probing(ProbingReport { left_ms, .. }), .. }) => left_ms,
            other => panic!("no hold after failure {number}: {other:?}"),
        };
        waits.push(left_ms);
        bench.pass(Duration::from_millis(left_ms + 1));
    }
    for (wait, longest) in waits.iter().zip([500, 1000, 2000, 4000, 500]) {
        let with_jitter = longest * 4 / 5..=longest;
        assert!(with_jitter.contains(wait), "{waits:?}");
    }
}

#[test]
fn what_does_not_fit_is_declined_and_told() {
    let mut bench = Bench::ready(3);
    assert_eq!(bench.offer(&[("a", 0.5), ("b", 0.9), ("c", 1.0)]), "store accept(o3:1) decline(o1,o2)");
    let waiting = bench.scheduler.report(bench.now).waiting.expect("two are missing");
    assert_eq!(waiting.taskmanagers, 2);
    let text = serde_json::to_string(&waiting.reason).expect("serializable");
    assert!(text.contains("nearest host=b cpus: needs 1, offered 0.9"), "{text}");
}

#[test]
fn a_task_that_mesos_lost_is_not_replaced_before_its_agent_had_time() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.update(1, TaskState::Running, true);
    assert_eq!(bench.update(1, TaskState::Unreachable, false), "");
    assert_eq!(bench.wake(), "reconcile(1)");
    assert_eq!(bench.pass(Duration::from_secs(70)), "reconcile(1)");
    assert_eq!(bench.offer(&[("b", 1.0)]), "decline(o2) suppress");
    assert_eq!(bench.update(1, TaskState::Running, false), "", "it came back");
    assert_eq!(bench.pass(Duration::from_secs(70)), "", "and is kept");
}

#[test]
fn a_task_given_up_that_comes_back_is_killed() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.update(1, TaskState::Running, true);
    bench.update(1, TaskState::Unreachable, false);
    assert_eq!(bench.pass(Duration::from_secs(75)), "reconcile(1) reconcile(1)", "asked a last time");
    assert_eq!(bench.update(1, TaskState::Unreachable, false), "store revive");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o2:2) suppress");
    assert_eq!(bench.update(1, TaskState::Running, true), "kill(1) ack(1)");
    assert_eq!(bench.update(1, TaskState::Killing, true), "ack(1)", "not told again");
}

#[test]
fn a_restarted_master_that_knows_nothing_yet_changes_nothing() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.update(1, TaskState::Running, true);
    bench.scheduler.handle_disconnected("end of stream", bench.now);
    bench.scheduler.handle_subscribed("f-1", bench.now);
    assert_eq!(bench.orders(), "reconcile(1) reconcile()");
    assert_eq!(bench.update(1, TaskState::Unknown, false), "");
    assert_eq!(bench.wake(), "reconcile(1)", "asked again");
    assert_eq!(bench.update(1, TaskState::Running, false), "");
    assert!(bench.scheduler.report(bench.now).waiting.is_none());
}

#[test]
fn a_task_without_an_answer_does_not_put_off_the_question_about_everything() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.update(1, TaskState::Running, true);
    let every = Patience::default().reconcile_every;
    let (mut asked, begin) = (Vec::new(), bench.now);
    while bench.now.since(begin) < every * 2 {
        asked.push(bench.wake());
    }
    let all = asked.iter().filter(|orders| orders.contains("reconcile()")).count();
    assert!(asked.len() > 20 && all == 2, "one task is asked about again and again: {asked:?}");
}

#[test]
fn a_successor_takes_the_tasks_up() {
    let mut first = Bench::ready(2);
    first.offer(&[("a", 2.0)]);
    let mut second = Bench::resume(2, first.stored.clone());
    second.scheduler.handle_jobmanager_listening(second.now);
    second.scheduler.handle_subscribed("f-1", second.now);
    assert_eq!(second.orders(), "reconcile(1,2) reconcile()");
    assert_eq!(second.update(1, TaskState::Running, false), "");
    assert_eq!(second.update(2, TaskState::Gone, false), "store revive", "no failure of its own");
    assert_eq!(second.offer(&[("a", 1.0)]), "store accept(o1:3) suppress", "numbers go on");
}

#[test]
fn offers_that_were_under_way_do_not_prove_that_a_revive_arrived() {
    let mut bench = Bench::ready(2);
    bench.offer(&[("a", 1.0)]);
    assert_eq!(bench.offer(&[("a", 0.5)]), "decline(o2)");
    let begin = bench.now;
    while !bench.wake().contains("revive") {}
    assert_eq!(bench.now.since(begin), Patience::default().revive.most, "no offers followed");
}

#[test]
fn scaling_down_retires_those_that_do_not_run_first() {
    let mut bench = Bench::ready(3);
    bench.offer(&[("a", 3.0)]);
    bench.update(1, TaskState::Running, true);
    bench.update(3, TaskState::Running, true);
    bench.scheduler.handle_scaled(1, bench.now).expect("no job says it");
    assert_eq!(bench.orders(), "store kill(2) kill(3)");
    assert_eq!(bench.pass(Patience::default().kill_again), "kill(2) kill(3)", "again until they end");
    assert_eq!(bench.update(2, TaskState::Killed, true), "store ack(2)");
    assert!(bench.scheduler.report(bench.now).waiting.is_none(), "no failure, no replacement");
}

#[test]
fn a_removed_framework_is_archived_and_registered_anew() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.scheduler.handle_refused("127.0.0.1:5050", &Refusal::FrameworkRemoved, bench.now);
    assert_eq!(bench.orders(), "store subscribe-anew");
    assert_eq!(bench.stored.archived, ["f-1"]);
    bench.scheduler.handle_subscribed("f-2", bench.now);
    assert_eq!(bench.orders(), "store reconcile() revive");
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o2:2) suppress");
}

#[test]
fn other_refusals_end_it() {
    let mut bench = Bench::ready(1);
    bench.scheduler.handle_refused("127.0.0.1:5050", &Refusal::FailedOver, bench.now);
    assert!(bench.orders().contains("another AppMaster"), "two must not kick each other out for ever");
    let mut bench = Bench::new(1);
    bench.scheduler.handle_refused("127.0.0.1:5050", &Refusal::Rejected("Roles { x }".into()), bench.now);
    let orders = bench.orders();
    assert!(orders.contains("Roles { x }") && orders.contains("127.0.0.1:5050"), "{orders}");
}

#[test]
fn the_first_registration_has_a_limit_and_later_ones_have_none() {
    let mut bench = Bench::new(1);
    bench.scheduler.handle_unreachable("127.0.0.1:5050", "connection refused", bench.now);
    assert_eq!(bench.orders(), "");
    let last = bench.wake();
    assert!(last.contains("within 1m") && last.contains("127.0.0.1:5050: connection refused"), "{last}");

    let mut bench = Bench::ready(1);
    bench.scheduler.handle_disconnected("end of stream", bench.now);
    bench.scheduler.handle_unreachable("127.0.0.1:5050", "connection refused", bench.now);
    assert_eq!(bench.pass(Duration::from_secs(3600)), "");
}

#[test]
fn a_launch_that_the_master_never_heard_of_is_tried_again() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    let task = TaskInfo { name: Some("taskmanager-00001".into()), ..TaskInfo::default() };
    let accept = Call::Accept { offer_ids: Vec::new(), launch: vec![task], refuse: Duration::from_secs(5) };
    bench.scheduler.handle_call_failed(&accept, Effect::Unknown, bench.now);
    assert_eq!(bench.orders(), "", "it may run");
    bench.scheduler.handle_call_failed(&accept, Effect::None, bench.now);
    assert_eq!(bench.orders(), "store");
    assert_eq!(bench.wake(), "revive");
}

#[test]
fn a_call_that_fails_is_tried_again_ever_later() {
    let revive = Call::Revive { roles: Vec::new() };
    let taken_back =
        Call::AcceptInverseOffers { offer_ids: vec![OfferId::new("i")], refuse: Duration::from_secs(60) };
    for (call, again) in [(revive, "revive"), (taken_back, "agree(i)")] {
        let mut bench = Bench::ready(1);
        let mut waits = Vec::new();
        for _ in 0..9 {
            bench.scheduler.handle_call_failed(&call, Effect::None, bench.now);
            assert_eq!(bench.orders(), "", "not at once");
            let begin = bench.now;
            while !bench.wake().contains(again) {}
            waits.push(bench.now.since(begin));
        }
        assert!(waits[0] <= Duration::from_millis(250), "{waits:?}");
        assert!(waits.windows(2).take(6).all(|pair| pair[0] < pair[1]), "{waits:?}");
        assert!(waits[8] >= Duration::from_secs(24), "{waits:?}");
        bench.scheduler.handle_call_failed(&call, Effect::None, bench.now);
        bench.scheduler.handle_disconnected("end of stream", bench.now);
        bench.scheduler.handle_subscribed("f-1", bench.now);
        assert!(!bench.orders().contains("agree"), "another master has not asked");
    }
}

#[test]
fn a_task_that_is_being_killed_is_not_told_again() {
    let mut bench = Bench::ready(2);
    bench.offer(&[("a", 2.0)]);
    bench.update(1, TaskState::Running, true);
    bench.update(2, TaskState::Running, true);
    bench.scheduler.handle_scaled(1, bench.now).expect("no job says it");
    assert_eq!(bench.orders(), "store kill(2)");
    assert_eq!(bench.update(2, TaskState::Killing, true), "ack(2)");
    let (grace, again) = (bench.scheduler.spec.kill_grace, Patience::default().kill_again);
    assert_eq!(bench.pass(again), "");
    bench.scheduler.handle_disconnected("end of stream", bench.now);
    bench.scheduler.handle_subscribed("f-1", bench.now);
    assert!(!bench.orders().contains("kill"), "not after a new subscription either");
    assert!(bench.pass(grace).contains("kill(2)"), "but when it should have ended for long");
}

#[test]
fn ending_tears_the_framework_down_when_the_master_hears_it() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    bench.scheduler.handle_disconnected("end of stream", bench.now);
    bench.scheduler.handle_ending();
    assert_eq!(bench.orders(), "");
    bench.scheduler.handle_subscribed("f-1", bench.now);
    assert_eq!(bench.orders(), "teardown");
    assert_eq!(bench.offer(&[("a", 1.0)]), "decline(o2)");
    bench.scheduler.handle_torn_down();
    assert_eq!(bench.orders(), "store end");

    let mut never_registered = Bench::new(1);
    never_registered.scheduler.handle_ending();
    assert_eq!(never_registered.orders(), "end");
}

#[test]
fn a_launch_that_never_happened_is_tried_again_at_once_and_a_refused_one_later() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    assert_eq!(bench.update(1, TaskState::Dropped, false), "store revive");
    bench.offer(&[("a", 1.0)]);
    assert_eq!(bench.update(2, TaskState::Error, false), "store", "the same again would be refused again");
    assert_eq!(bench.wake(), "revive");
    bench.offer(&[("a", 1.0)]);
    bench.update(3, TaskState::Running, true);
    assert_eq!(bench.update(3, TaskState::Error, false), "", "of another launch with the same id");
    assert_eq!(bench.failures(), 1, "what the master refuses has failed, what was never launched has not");
}

#[test]
fn too_many_failures_end_it() {
    let mut bench = Bench::ready(1);
    bench.scheduler.taskmanagers().max_failures = Some(1);
    for number in 1..=2 {
        bench.offer(&[("a", 1.0)]);
        bench.update(number, TaskState::Running, true);
        let orders = bench.update(number, TaskState::Failed, true);
        assert_eq!(orders.contains("2 TaskManagers have failed"), number == 2, "{orders}");
        bench.pass(Duration::from_secs(60));
    }
}

#[test]
fn a_gang_starts_together_or_late() {
    let mut bench = Bench::ready(2);
    bench.scheduler.taskmanagers().gang = Some(Duration::from_secs(60));
    assert_eq!(bench.offer(&[("a", 1.0)]), "decline(o1)", "not hoarded");
    let text = format!("{:?}", bench.scheduler.report(bench.now).waiting);
    assert!(text.contains("Gang { fits: 1, left_ms: 60000"), "{text}");
    assert_eq!(bench.offer(&[("a", 1.0), ("b", 1.0)]), "store accept(o2:1) accept(o3:2) suppress");

    let mut bench = Bench::ready(2);
    bench.scheduler.taskmanagers().gang = Some(Duration::from_secs(60));
    bench.offer(&[("a", 1.0)]);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o2:1)", "better late than never");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o3:2) suppress");
}

#[test]
fn an_agent_on_which_nothing_starts_gets_nothing_for_a_while() {
    let mut bench = Bench::ready(1);
    for number in 1..=3 {
        assert!(bench.offer(&[("a", 1.0)]).contains("accept"));
        bench.update(number, TaskState::Failed, true);
        bench.pass(Duration::from_secs(10));
    }
    let orders = bench.offer(&[("a", 1.0), ("b", 0.5)]);
    assert!(orders.starts_with("decline"), "{orders}");
    let text = format!("{:?}", bench.scheduler.report(bench.now).waiting);
    assert!(text.contains("quarantine: 50 s left"), "{text}");
    assert!(bench.offer(&[("b", 1.0)]).contains("accept"));
}

#[test]
fn a_silent_launch_is_asked_about() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    let mut asked = String::new();
    for _ in 0..20 {
        asked = bench.wake();
        if asked.contains("reconcile(1)") {
            break;
        }
    }
    assert!(asked.contains("reconcile(1)"));
    assert_eq!(bench.update(1, TaskState::Unknown, false), "", "the ACCEPT was lost");
    bench.pass(Duration::from_secs(75));
    assert_eq!(bench.update(1, TaskState::Unknown, false), "store revive", "given up");
}

#[test]
fn a_task_may_ask_as_often_as_it_likes_whether_it_is_wanted() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    let token = super::token::of(&bench.stored.token_secret, "taskmanager-00001");
    assert!(bench.scheduler.handle_redeemed("taskmanager-00001", &token, bench.now));
    bench.orders();
    for _ in 0..3 {
        assert_eq!(bench.scheduler.claim("taskmanager-00001", &token), Answer::Held);
    }
    let successor = Bench::resume(1, bench.stored.clone()).scheduler;
    assert_eq!(successor.claim("taskmanager-00001", &token), Answer::Held);
    // Who has no token is told the same of every task.
    for task in ["taskmanager-00001", "taskmanager-00002"] {
        assert_eq!(bench.scheduler.claim(task, "wrong"), Answer::Elsewhere);
    }
    let another = State { token_secret: [1; 32], ..State::default() };
    assert_eq!(
        Bench::resume(1, another).scheduler.claim("taskmanager-00001", &token),
        Answer::Elsewhere,
        "the state of another cluster"
    );
    bench.update(1, TaskState::Failed, true);
    assert_eq!(bench.scheduler.claim("taskmanager-00001", &token), Answer::Gone);
    assert_eq!(bench.orders(), "", "questions change nothing");
}

#[test]
fn a_nonce_is_part_of_every_id() {
    let state = State { nonce: "x7k2pb".into(), token_secret: [7; 32], ..State::default() };
    let mut bench = Bench::resume(1, state);
    bench.scheduler.handle_subscribed("f", bench.now);
    bench.scheduler.handle_jobmanager_listening(bench.now);
    bench.offer(&[("a", 1.0)]);
    let ids: Vec<_> = bench.stored.tasks.keys().cloned().collect();
    assert_eq!(ids, ["taskmanager-x7k2pb-00001"]);
    assert_eq!(bench.stored.nonce, "x7k2pb", "whoever goes on has the same");
}

#[test]
fn a_token_works_once() {
    let mut bench = Bench::ready(1);
    bench.offer(&[("a", 1.0)]);
    let token = super::token::of(&bench.stored.token_secret, "taskmanager-00001");
    assert!(!bench.scheduler.handle_redeemed("taskmanager-00001", "wrong", bench.now));
    assert!(!bench.scheduler.handle_redeemed("taskmanager-00002", &token, bench.now));
    assert!(bench.scheduler.handle_redeemed("taskmanager-00001", &token, bench.now));
    assert_eq!(bench.orders(), "store");
    assert!(!bench.scheduler.handle_redeemed("taskmanager-00001", &token, bench.now));
    assert!(!Bench::resume(1, bench.stored.clone()).scheduler.handle_redeemed(
        "taskmanager-00001",
        &token,
        bench.now
    ));
}
