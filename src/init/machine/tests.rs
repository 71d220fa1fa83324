//! Transcripts: a fact, the time it happened, and the orders it led to.

use super::forward::MAX_QUIT_DELAY;
use super::*;
use crate::action::Target;
use crate::plan::{self, ForwardTo, Inherited, MAX_CRASHES, Quit, Restart};
use crate::signals::JobControl;

const MAIN: i32 = 101;
const WORKER: i32 = 102;
const MESOS: i32 = 103;

/// The main child `java` (order 1), a worker that is stopped before it and a Mesos that is stopped after.
struct Run {
    machine: Machine,
    now: Moment,
}

impl Run {
    fn of(plan: &Plan) -> Self {
        Self { machine: Machine::new(plan, Moment::START), now: Moment::START }
    }

    /// All three run.
    fn running() -> Self {
        let mut run = Self::of(&plan());
        assert_eq!(run.orders(), ["start 0"]);
        run.started(0, MAIN);
        assert_eq!(run.orders(), ["started java", "start 1"]);
        run.started(1, WORKER);
        assert_eq!(run.orders(), ["started worker", "start 2"]);
        run.started(2, MESOS);
        assert_eq!(run.orders(), ["started mesos", "settle"]);
        run
    }

    /// The orders up to the next start, which the driver has to answer first.
    fn orders(&mut self) -> Vec<String> {
        let mut orders = Vec::new();
        while let Some(action) = self.machine.next_action() {
            let is_start = matches!(action, Action::Start(_) | Action::StartForFarewell(_));
            orders.push(text(&action));
            if is_start {
                break;
            }
        }
        orders
    }

    fn started(&mut self, index: usize, pid: i32) {
        self.machine.handle_started(index, Pid::from_raw(pid), self.now);
    }

    fn signal(&mut self, name: &str) -> Vec<String> {
        self.machine.handle_signal(name.parse().unwrap(), 0, self.now);
        self.orders()
    }

    /// The driver reaps a child and finds that `rest` is left.
    fn ended(&mut self, pid: i32, raw: i32, rest: Rest) -> Vec<String> {
        self.machine.handle_ended(Pid::from_raw(pid), Ended::from_raw(raw).unwrap(), 0.0, self.now);
        let mut orders = self.orders();
        self.machine.handle_reaped(rest, self.now);
        orders.extend(self.orders());
        orders
    }

    /// Time goes on to the next timer, which must be `millis` away.
    fn timer(&mut self, millis: u64) -> Vec<String> {
        let at = self.machine.poll_timeout().expect("a timer");
        assert_eq!(at.since(self.now).as_millis(), u128::from(millis));
        self.now = at;
        self.machine.handle_timeout(self.now);
        self.orders()
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    fn code(&self) -> Option<u8> {
        self.machine.outcome().map(|outcome| outcome.code)
    }
}

fn text(action: &Action) -> String {
    match action {
        Action::Start(index) => format!("start {index}"),
        Action::StartForFarewell(index) => format!("farewell {index}"),
        Action::Settle => "settle".into(),
        Action::Suspend => "suspend".into(),
        Action::LookAtHandlers(pid) => format!("look at {pid}"),
        Action::Signal { target: Target::Process(pid), signal } => format!("{signal} {pid}"),
        Action::Signal { target: Target::Group(pid), signal } => format!("{signal} -{pid}"),
        Action::SignalRest(signal) => format!("{signal} rest"),
        Action::Say(note) => match note {
            Note::Started { name, .. } => format!("started {name}"),
            Note::Ended { name, ended, .. } => format!("{name} {ended}"),
            Note::OrphanEnded { .. } => "orphan".into(),
            Note::Stopping { cause, .. } => format!("stopping by {cause}"),
            Note::Restarting { .. }
            | Note::KeptCrashing { .. }
            | Note::ShareOver { .. }
            | Note::Sweeping
            | Note::GraceOver { .. }
            | Note::QuitDropped { .. }
            | Note::Unkillable { .. }
            | Note::Remapped { .. } => note.to_string(),
        },
    }
}

fn plan() -> Plan {
    let helper = || Kind::Helper {
        restart: Restart { first_ms: 500, most_ms: 4_000, jitter: 0.0, crashes_most: MAX_CRASHES },
        ending_codes: vec![0, 76, 78],
        urgent_codes: vec![76],
        farewell: None,
    };
    Plan {
        children: vec![
            child("java", Kind::Main, 1, 6_000),
            child("worker", helper(), 0, 2_000),
            child("mesos", helper(), 2, 1_000),
        ],
        grace_ms: 9_000,
        options: Options::default(),
        inherited: Inherited::default(),
        status_fd: None,
        cleanup: Vec::new(),
    }
}

fn child(name: &str, kind: Kind, stop_order: u8, stop_share_ms: u64) -> plan::Child {
    plan::Child {
        name: name.into(),
        kind,
        program: name.into(),
        argv: vec![name.into()],
        env: Vec::new(),
        cwd: None,
        keep_fds: Vec::new(),
        stdout: None,
        stderr: None,
        stop_order,
        stop_share_ms,
    }
}

fn only_main() -> Plan {
    let mut plan = plan();
    plan.children.truncate(1);
    plan
}

#[test]
fn idle_needs_no_timer() {
    assert_eq!(Run::running().machine.poll_timeout(), None);
}

#[test]
fn term_before_the_child_exists_starts_nothing() {
    let mut run = Run::of(&only_main());
    assert_eq!(run.signal("TERM"), ["stopping by SIGTERM"]);
    run.machine.handle_reaped(Rest::None, run.now);
    assert_eq!(run.code(), Some(143));
    assert_eq!(run.machine.outcome().unwrap().main, None);
}

#[test]
fn term_between_two_starts_stops_what_was_started() {
    let mut run = Run::of(&plan());
    run.orders();
    run.started(0, MAIN);
    assert_eq!(run.signal("INT"), ["started java", "stopping by SIGINT", "SIGINT 101", "SIGCONT 101"]);
    assert_eq!(run.ended(MAIN, 130 << 8, Rest::None), ["java exited 130"]);
    assert_eq!(run.code(), Some(130));
}

#[test]
fn other_early_signals_are_delivered_once_after_the_start() {
    let mut run = Run::of(&only_main());
    for name in ["HUP", "USR1", "HUP", "WINCH"] {
        run.machine.handle_signal(name.parse().unwrap(), 0, run.now);
    }
    assert_eq!(run.orders(), ["start 0"]);
    run.started(0, MAIN);
    assert_eq!(run.orders(), ["started java", "SIGHUP 101", "SIGUSR1 101", "SIGWINCH 101", "settle"]);
}

#[test]
fn children_stop_in_order_and_the_main_childs_code_counts() {
    let mut run = Run::running();
    assert_eq!(run.signal("TERM"), ["stopping by SIGTERM", "SIGTERM 102", "SIGCONT 102"]);
    run.pass(300);
    assert_eq!(run.ended(WORKER, 0, Rest::Some), ["worker exited 0", "SIGTERM 101", "SIGCONT 101"]);
    run.pass(400);
    assert_eq!(run.ended(MAIN, 143 << 8, Rest::Some), ["java exited 143", "SIGTERM 103", "SIGCONT 103"]);
    assert_eq!(run.code(), None);
    assert_eq!(run.ended(MESOS, 15, Rest::None), ["mesos killed by SIGTERM"]);
    assert_eq!(run.code(), Some(143));
    assert_eq!(run.machine.outcome().unwrap().after, Duration::from_millis(700));
}

#[test]
fn a_share_that_is_over_lets_the_next_order_begin() {
    let mut run = Run::running();
    run.signal("TERM");
    assert_eq!(
        run.timer(2_000),
        ["worker has not stopped within its share of the grace", "SIGTERM 101", "SIGCONT 101"]
    );
    // The late worker does not hold up those after java.
    let orders = run.ended(MAIN, 143 << 8, Rest::Some);
    assert_eq!(orders, ["java exited 143", "SIGTERM 103", "SIGCONT 103"]);
    assert_eq!(run.ended(MESOS, 15, Rest::Some), ["mesos killed by SIGTERM"]);
    let orders = run.timer(7_000);
    let killing = "killing what is left after=9.0s: worker";
    assert_eq!(orders, [killing, "SIGKILL 102", "SIGKILL -102", "SIGKILL rest"]);
    assert_eq!(run.ended(WORKER, 9, Rest::None), ["worker killed by SIGKILL"]);
    assert_eq!(run.code(), Some(143));
}

#[test]
fn what_ignores_term_is_killed_at_the_deadline() {
    let mut run = Run::of(&only_main());
    run.orders();
    run.started(0, MAIN);
    run.orders();
    run.signal("TERM");
    assert_eq!(run.timer(6_000), [""; 0]);
    let orders = run.timer(3_000);
    assert_eq!(
        orders,
        ["killing what is left after=9.0s: java", "SIGKILL 101", "SIGKILL -101", "SIGKILL rest"]
    );
    assert_eq!(run.ended(MAIN, 9, Rest::None), ["java killed by SIGKILL"]);
    let outcome = run.machine.outcome().unwrap();
    assert_eq!((outcome.code, outcome.main_killed), (137, true));
}

#[test]
fn repeated_term_does_not_shorten_the_grace() {
    let mut run = Run::running();
    run.signal("TERM");
    for _ in 0..100 {
        run.pass(10);
        // It is not java's turn yet.
        assert_eq!(run.signal("TERM"), [""; 0]);
    }
    run.timer(1_000);
    assert_eq!(run.signal("INT"), ["SIGINT 101"]);
    assert_eq!(run.signal("QUIT"), ["SIGQUIT 101"]);
    assert_eq!(
        run.timer(6_000),
        ["java has not stopped within its share of the grace", "SIGTERM 103", "SIGCONT 103"]
    );
    assert_eq!(run.code(), None);
}

#[test]
fn the_main_childs_end_stops_the_others() {
    let mut run = Run::running();
    let orders = run.ended(MAIN, 163 << 8, Rest::Some);
    assert_eq!(orders, ["java exited 163", "stopping by java", "SIGTERM 102", "SIGCONT 102"]);
    assert_eq!(run.ended(WORKER, 0, Rest::Some), ["worker exited 0", "SIGTERM 103", "SIGCONT 103"]);
    assert_eq!(run.ended(MESOS, 0, Rest::None), ["mesos exited 0"]);
    assert_eq!(run.code(), Some(163));
}

#[test]
fn what_is_left_is_swept_until_nothing_is() {
    let mut run = Run::of(&only_main());
    run.orders();
    run.started(0, MAIN);
    run.orders();
    let orders = run.ended(MAIN, 0, Rest::Some);
    assert_eq!(
        orders,
        ["java exited 0", "stopping by java", "stopping the processes that are left", "SIGTERM rest"]
    );
    assert_eq!(run.timer(100), ["SIGTERM rest"]);
    assert_eq!(run.ended(555, 15, Rest::Some), ["orphan"]);
    assert_eq!(run.ended(556, 15, Rest::None), ["orphan"]);
    assert_eq!(run.code(), Some(0));
}

#[test]
fn a_sweep_ends_with_the_one_deadline_and_killing_with_its_bound() {
    let mut run = Run::of(&only_main());
    run.orders();
    run.started(0, MAIN);
    run.orders();
    run.ended(MAIN, 3 << 8, Rest::Some);
    for _ in 0..89 {
        assert_eq!(run.timer(100), ["SIGTERM rest"]);
    }
    assert_eq!(run.timer(100), ["killing what is left after=9.0s", "SIGKILL rest"]);
    for _ in 0..19 {
        assert_eq!(run.timer(100), ["SIGKILL rest"]);
    }
    assert_eq!(run.timer(100), ["leaving processes that SIGKILL did not end"]);
    assert_eq!(run.code(), Some(3));
}

#[test]
fn an_unkillable_main_child_counts_as_killed() {
    let mut plan = only_main();
    plan.grace_ms = 0;
    let mut run = Run::of(&plan);
    run.orders();
    run.started(0, MAIN);
    run.orders();
    let orders = run.signal("TERM");
    assert_eq!(orders[1..3], ["killing what is left after=0.0s: java", "SIGKILL 101"]);
    while run.code().is_none() {
        run.timer(100);
    }
    assert_eq!(run.code(), Some(137));
}

#[test]
fn a_crashed_helper_is_started_again_with_growing_waits() {
    let mut run = Run::running();
    let mut pid = WORKER;
    for (crash, wait) in [500, 1_000, 2_000, 4_000, 4_000].into_iter().enumerate() {
        run.pass(100);
        let orders = run.ended(pid, 11, Rest::Some);
        assert_eq!(orders[0], "worker killed by SIGSEGV", "{crash}");
        assert_eq!(run.timer(wait), ["start 1"]);
        pid += 100;
        run.started(1, pid);
        assert_eq!(run.orders(), ["started worker"]);
    }
    // After a steady run the waits begin anew.
    run.pass(60_000);
    run.ended(pid, 1 << 8, Rest::Some);
    assert_eq!(run.timer(500), ["start 1"]);
    assert_eq!(run.machine.children[0].pid(), Some(Pid::from_raw(MAIN)));
}

#[test]
fn a_helper_that_keeps_crashing_ends_the_container() {
    let mut run = Run::running();
    for crash in 1..MAX_CRASHES {
        let orders = run.ended(WORKER, 101 << 8, Rest::Some);
        assert!(orders[1].starts_with("starting worker again"), "{crash}: {orders:?}");
        run.now = run.machine.poll_timeout().unwrap();
        run.machine.handle_timeout(run.now);
        assert_eq!(run.orders(), ["start 1"]);
        run.started(1, WORKER);
        run.orders();
    }
    let orders = run.ended(WORKER, 101 << 8, Rest::Some);
    let expected = [
        "worker exited 101",
        "worker crashed 10 times in a row, giving up",
        "stopping by worker",
        "SIGTERM 101",
        "SIGCONT 101",
    ];
    assert_eq!(orders, expected);
    run.ended(MAIN, 143 << 8, Rest::Some);
    run.ended(MESOS, 0, Rest::None);
    assert_eq!(run.code(), Some(70));
}

#[test]
fn a_helper_that_is_not_vital_ends_nothing() {
    let mut plan = plan();
    plan.children.truncate(2);
    let Kind::Helper { restart, .. } = &mut plan.children[1].kind else { panic!("a helper") };
    restart.crashes_most = u32::MAX;
    let mut run = Run::of(&plan);
    run.orders();
    run.started(0, MAIN);
    run.orders();
    run.machine.handle_start_failed(1, Exit::Os, 0.0, run.now);
    for _ in 0..100 {
        run.orders();
        run.now = run.machine.poll_timeout().expect("it is started again");
        run.machine.handle_timeout(run.now);
        assert_eq!(run.orders(), ["start 1"]);
        run.started(1, WORKER);
        run.orders();
        run.ended(WORKER, 9, Rest::Some);
    }
    assert_eq!(run.code(), None);
}

/// With a worker that has something to do when the container stops.
fn owing() -> Run {
    let mut plan = plan();
    let Kind::Helper { farewell, .. } = &mut plan.children[1].kind else { panic!("a helper") };
    *farewell = Some("--farewell".into());
    let mut run = Run::of(&plan);
    for (index, pid) in [(0, MAIN), (1, WORKER), (2, MESOS)] {
        run.orders();
        run.started(index, pid);
    }
    run.orders();
    run
}

#[test]
fn a_helper_that_waits_to_be_started_again_does_first_what_it_owes() {
    let mut run = owing();
    run.ended(WORKER, 11, Rest::Some);
    assert_eq!(run.signal("TERM"), ["stopping by SIGTERM", "farewell 1"]);
    run.started(1, 202);
    assert_eq!(run.orders(), ["started worker"]);
    let orders = run.ended(202, 0, Rest::Some);
    assert_eq!(orders, ["worker exited 0", "SIGTERM 101", "SIGCONT 101"]);
    run.ended(MAIN, 143 << 8, Rest::Some);
    run.ended(MESOS, 0, Rest::None);
    assert_eq!(run.code(), Some(143));
}

#[test]
fn what_is_owed_has_its_share_and_no_more() {
    let mut run = owing();
    run.ended(WORKER, 11, Rest::Some);
    run.signal("TERM");
    run.started(1, 202);
    run.orders();
    assert!(run.timer(2_000).contains(&"SIGTERM 101".to_owned()));
    run.ended(MAIN, 143 << 8, Rest::Some);
    run.ended(MESOS, 0, Rest::Some);
    assert!(run.timer(7_000).contains(&"SIGKILL 202".to_owned()));
}

#[test]
fn only_who_crashed_owes_something() {
    let mut run = owing();
    let orders = run.ended(WORKER, 78 << 8, Rest::Some);
    assert_eq!(orders, ["worker exited 78", "stopping by worker", "SIGTERM 101", "SIGCONT 101"]);
    let mut run = owing();
    for _ in 1..MAX_CRASHES {
        run.ended(WORKER, 101 << 8, Rest::Some);
        run.now = run.machine.poll_timeout().unwrap();
        run.machine.handle_timeout(run.now);
        run.orders();
        run.started(1, WORKER);
        run.orders();
    }
    let orders = run.ended(WORKER, 101 << 8, Rest::Some);
    assert_eq!(orders.last().map(String::as_str), Some("farewell 1"));
    run.machine.handle_start_failed(1, Exit::Os, 0.0, run.now);
    assert_eq!(run.orders(), ["SIGTERM 101", "SIGCONT 101"]);
}

#[test]
fn nothing_goes_on_after_an_urgent_code() {
    let mut run = Run::running();
    let orders = run.ended(WORKER, 76 << 8, Rest::Some);
    assert!(orders.contains(&"SIGKILL 101".to_owned()), "{orders:?}");
    assert!(!orders.iter().any(|order| order.starts_with("SIGTERM")), "{orders:?}");
    run.ended(MAIN, 9, Rest::Some);
    run.ended(MESOS, 9, Rest::None);
    assert_eq!(run.code(), Some(76));
}

#[test]
fn a_helpers_ending_code_becomes_the_containers() {
    let mut run = Run::running();
    let orders = run.ended(WORKER, 78 << 8, Rest::Some);
    assert_eq!(orders, ["worker exited 78", "stopping by worker", "SIGTERM 101", "SIGCONT 101"]);
    run.ended(MAIN, 143 << 8, Rest::Some);
    run.ended(MESOS, 0, Rest::None);
    assert_eq!(run.code(), Some(78));
}

#[test]
fn a_helper_in_backoff_is_not_started_while_stopping() {
    let mut run = Run::running();
    run.ended(WORKER, 9, Rest::Some);
    assert_eq!(run.signal("TERM"), ["stopping by SIGTERM", "SIGTERM 101", "SIGCONT 101"]);
    run.timer(6_000);
    assert!(run.machine.children.iter().all(|child| child.restart_at().is_none()));
}

#[test]
fn a_failed_start_stops_what_runs_and_gives_its_code() {
    let mut run = Run::of(&plan());
    run.orders();
    run.started(0, MAIN);
    assert_eq!(run.orders(), ["started java", "start 1"]);
    run.machine.handle_start_failed(1, Exit::NotFound, 0.0, run.now);
    assert_eq!(run.orders(), ["stopping by worker", "SIGTERM 101", "SIGCONT 101"]);
    run.ended(MAIN, 143 << 8, Rest::None);
    assert_eq!(run.code(), Some(127));
}

#[test]
fn a_restart_that_fails_is_a_crash() {
    let mut run = Run::running();
    run.ended(WORKER, 9, Rest::Some);
    assert_eq!(run.timer(500), ["start 1"]);
    run.machine.handle_start_failed(1, Exit::Os, 0.0, run.now);
    assert_eq!(run.orders(), ["starting worker again in 1.0s"]);
    assert_eq!(run.timer(1_000), ["start 1"]);
}

#[test]
fn children_without_a_status_do_not_hold_the_end_up() {
    let mut run = Run::running();
    run.machine.handle_reaped(Rest::None, run.now);
    assert_eq!(run.orders()[0], "java gone without a status");
    assert_eq!(run.code(), Some(127));
}

#[test]
fn a_thawed_container_gets_a_fresh_second() {
    let mut run = Run::running();
    run.signal("TERM");
    run.pass(3_600_000);
    run.machine.handle_timeout(run.now);
    assert_eq!(
        run.orders(),
        ["worker has not stopped within its share of the grace", "SIGTERM 101", "SIGCONT 101"]
    );
    assert_eq!(run.code(), None);
    let orders = run.ended(MAIN, 143 << 8, Rest::Some);
    assert_eq!(orders, ["java exited 143", "SIGTERM 103", "SIGCONT 103"]);
    let orders = run.timer(1_000);
    assert_eq!(orders[0], "killing what is left after=9.0s: worker, mesos");
}

#[test]
fn a_reaped_pid_is_never_signalled() {
    let mut run = Run::running();
    run.signal("TERM");
    run.ended(WORKER, 0, Rest::Some);
    run.ended(MAIN, 0, Rest::Some);
    for name in ["HUP", "TERM", "USR1"] {
        assert_eq!(run.signal(name), [""; 0]);
    }
    run.timer(1_000);
    let orders = run.timer(8_000);
    assert_eq!(
        orders,
        ["killing what is left after=9.0s: mesos", "SIGKILL 103", "SIGKILL -103", "SIGKILL rest"]
    );
}

#[test]
fn a_group_gets_everything_but_quit() {
    for (forward_to, hup, quit) in [
        (ForwardTo::Child, "SIGHUP 101", "SIGQUIT 101"),
        (ForwardTo::Group, "SIGHUP -101", "SIGQUIT 101"),
        (ForwardTo::GroupEvenQuit, "SIGHUP -101", "SIGQUIT -101"),
    ] {
        let mut plan = only_main();
        plan.options.forward_to = forward_to;
        let mut run = Run::of(&plan);
        run.orders();
        run.started(0, MAIN);
        run.orders();
        assert_eq!(run.signal("HUP"), [hup]);
        assert_eq!(run.signal("QUIT"), [quit]);
    }
}

#[test]
fn a_rewritten_term_stops_the_main_child_whoever_begins() {
    let mut plan = plan();
    plan.options.signals.rewrites.insert(Signal::TERM, Some(Signal::QUIT));
    for by_signal in [true, false] {
        let mut run = Run::of(&plan);
        for (index, pid) in [MAIN, WORKER, MESOS].into_iter().enumerate() {
            run.orders();
            run.started(index, pid);
        }
        run.orders();
        if by_signal {
            run.signal("TERM");
        }
        let orders = run.ended(WORKER, 0, Rest::Some);
        assert_eq!(orders[orders.len() - 2..], ["SIGQUIT 101", "SIGCONT 101"]);
    }
}

#[test]
fn remapping_comes_last() {
    let mut plan = only_main();
    plan.options.remaps = vec!["stop:143=0".parse().unwrap()];
    for (by_signal, expected) in [(true, 0), (false, 143)] {
        let mut run = Run::of(&plan);
        run.orders();
        run.started(0, MAIN);
        run.orders();
        if by_signal {
            run.signal("TERM");
        }
        let orders = run.ended(MAIN, 143 << 8, Rest::None);
        assert_eq!(run.code(), Some(expected));
        assert_eq!(orders.iter().any(|order| order == "exit code 143 is reported as 0"), by_signal);
    }
}

/// The main child runs and its SIGQUIT is held back until it has a handler.
fn careful() -> Run {
    let mut plan = only_main();
    plan.options.quit = Quit::OnceCaught;
    let mut run = Run::of(&plan);
    run.orders();
    run.started(0, MAIN);
    run.orders();
    run
}

impl Run {
    fn looked(&mut self, caught: Option<&[&str]>) -> Vec<String> {
        let caught = caught.map(|names| names.iter().map(|name| name.parse::<Signal>().unwrap()).collect());
        self.machine.handle_handlers(Pid::from_raw(MAIN), caught, self.now);
        self.orders()
    }
}

#[test]
fn quit_waits_for_the_handler() {
    let mut run = careful();
    assert_eq!(run.signal("QUIT"), ["look at 101"]);
    assert_eq!(run.looked(Some(&["HUP"])), [""; 0]);
    assert_eq!(run.timer(100), ["look at 101"]);
    assert_eq!(run.looked(Some(&["HUP", "QUIT"])), ["SIGQUIT 101"]);
    assert_eq!(run.machine.poll_timeout(), None);
    assert_eq!(run.signal("HUP"), ["SIGHUP 101"]);
}

#[test]
fn quit_without_a_handler_is_dropped_in_the_end() {
    let mut run = careful();
    run.signal("QUIT");
    run.looked(Some(&[]));
    run.pass(MAX_QUIT_DELAY.as_millis() as u64);
    run.machine.handle_timeout(run.now);
    assert_eq!(run.orders(), ["look at 101"]);
    assert_eq!(run.looked(Some(&[])), ["dropped SIGQUIT, for which java has no handler"]);
    assert_eq!(run.machine.poll_timeout(), None);
}

#[test]
fn without_a_process_table_age_stands_for_the_handler() {
    let mut run = careful();
    run.signal("QUIT");
    assert_eq!(run.looked(None), [""; 0]);
    run.pass(MAX_QUIT_DELAY.as_millis() as u64);
    assert_eq!(run.looked(None), ["SIGQUIT 101"]);
}

#[test]
fn quit_that_is_held_does_not_outlive_the_child() {
    let mut run = careful();
    run.signal("QUIT");
    run.ended(MAIN, 0, Rest::None);
    assert_eq!(run.looked(Some(&["QUIT"])), [""; 0]);
    assert_eq!(run.code(), Some(0));
}

#[test]
fn job_control_is_off_unless_asked_for() {
    for (job_control, tstp, cont) in [
        (JobControl::Off, vec![], "SIGCONT 101"),
        (JobControl::On, vec!["SIGSTOP -101", "suspend"], "SIGCONT -101"),
    ] {
        let mut plan = only_main();
        plan.options.signals.job_control = job_control;
        let mut run = Run::of(&plan);
        run.orders();
        run.started(0, MAIN);
        run.orders();
        for signal in ["TSTP", "TTIN", "TTOU"] {
            assert_eq!(run.signal(signal), tstp);
        }
        assert_eq!(run.signal("CONT"), [cont]);
    }
}

#[test]
fn a_code_of_an_interrupted_shutdown_counts_as_the_signal() {
    let end = |order: Option<&str>, code: i32| {
        let mut plan = plan();
        plan.children.truncate(1);
        plan.options.interrupted_codes = vec![165, 239];
        plan.options.remaps = vec!["stop:143=0".parse().unwrap()];
        let mut run = Run::of(&plan);
        run.orders();
        run.started(0, MAIN);
        run.orders();
        order.map(|name| run.signal(name));
        let orders = run.ended(MAIN, code << 8, Rest::None);
        (run.code().unwrap(), orders.iter().any(|order| order.contains("is reported as")))
    };
    assert_eq!(end(Some("TERM"), 165), (0, true));
    assert_eq!(end(Some("INT"), 239), (130, true));
    // Nobody asked it to stop, or that is another end.
    assert_eq!(end(None, 165), (165, false));
    assert_eq!(end(Some("TERM"), 1), (1, false));
    assert_eq!(end(Some("TERM"), 143), (0, true));
}
