mod checks;

use super::*;
use crate::resources::Resources;
use bytes::Bytes;
use mesos::wire::command::{CommandInfo, KillPolicy};
use mesos::wire::framework::{Capability, FrameworkInfo};
use mesos::wire::task::TaskInfo;
use mesos::wire::time::DurationInfo;

/// An agent with one task, and what it does, as short lines.
struct Bench {
    agent: Agent,
    now: Moment,
    container: ContainerId,
    /// Of the last update that was sent.
    uuid: Bytes,
    /// The last that began.
    look: Option<ProbeId>,
}

fn run() -> Run {
    Run {
        framework: FrameworkId::new("f"),
        info: Box::new(FrameworkInfo {
            capabilities: vec![Capability { r#type: Some(CapabilityType::TaskKillingState as i32) }],
            ..FrameworkInfo::default()
        }),
        task: TaskInfo {
            task_id: Some(TaskId::new("t")),
            command: Some(CommandInfo { value: Some("true".to_owned()), ..CommandInfo::default() }),
            ..TaskInfo::default()
        },
        role: "a".to_owned(),
    }
}

/// Its task runs, and RUNNING is acknowledged.
fn running(change: impl FnOnce(&mut TaskInfo)) -> Bench {
    let mut run = run();
    change(&mut run.task);
    let mut bench = Bench::new(run);
    bench.process(ProcessEvent::Started { pid: 7 });
    bench.done();
    bench.acknowledge();
    bench.done();
    bench.acknowledge();
    bench
}

impl Bench {
    fn new(run: Run) -> Self {
        Self::with_sandbox(run, Ok(()))
    }

    fn with_sandbox(run: Run, made: Result<(), String>) -> Self {
        let settings = Settings {
            id: AgentId::new("s"),
            description: AgentDescription {
                hostname: "localhost".to_owned(),
                ip: "127.0.0.1".to_owned(),
                port: 5051,
                number: 1,
                attributes: Vec::new(),
                domain: None,
                resources: Resources::default(),
            },
            work_dir: "/work".into(),
            // Its master does not ping.
            timing: Timing { agent_ping: Duration::MAX, ..Timing::REAL },
            epoch: 0.0,
            containment: Containment::default(),
        };
        let mut agent = Agent::new(settings, Ids::seeded(1), Moment::START);
        agent.handle_message(ToAgent::Run(Box::new(run)), Moment::START);
        let container = agent.executors.keys().next().expect("an executor").clone();
        assert!(matches!(agent.next_action(), Some(Action::MakeSandbox { .. })));
        agent.handle_sandbox(&container, made, Moment::START);
        Self { agent, now: Moment::START, container, uuid: Bytes::new(), look: None }
    }

    fn running() -> Self {
        let mut bench = Self::new(run());
        bench.process(ProcessEvent::Started { pid: 7 });
        bench.done();
        bench
    }

    fn process(&mut self, event: ProcessEvent) {
        self.agent.handle_process(&self.container.clone(), event, self.now);
    }

    fn kill(&mut self, grace_s: Option<u64>) {
        let grace = grace_s.map(Duration::from_secs);
        let (framework, task) = (FrameworkId::new("f"), TaskId::new("t"));
        self.agent.handle_message(ToAgent::Kill { framework, task, grace }, self.now);
    }

    fn acknowledge(&mut self) {
        let (framework, task, uuid) = (FrameworkId::new("f"), TaskId::new("t"), self.uuid.clone());
        self.agent.handle_message(ToAgent::Acknowledge { framework, task, uuid }, self.now);
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.agent.handle_timeout(at);
        }
        self.now = end;
    }

    fn done(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.agent.next_action() {
            lines.push(match action {
                Action::MakeSandbox { .. } => "make a sandbox".to_owned(),
                Action::Start(start) => format!("start {}", start.command.program),
                Action::Signal { signal, .. } => format!("{signal:?}"),
                Action::Look { id, .. } => {
                    let line = format!("look {:?}", id.kind);
                    self.look = Some(id);
                    line
                }
                Action::LookAway(id) => format!("look away {:?}", id.kind),
                Action::Report(FromAgent::Updated { status, latest, .. }) => {
                    self.uuid = status.uuid.clone().expect("a uuid");
                    let state = status.state.and_then(|n| TaskState::try_from(n).ok()).expect("a state");
                    let ahead =
                        if latest == state { String::new() } else { format!(" by now {}", latest.name()) };
                    let message = status.message.as_deref().unwrap_or_default();
                    let reason =
                        status.reason.and_then(|n| Reason::try_from(n).ok()).map_or("", Reason::name);
                    let line = format!("{}{ahead} {message} {}", state.name(), reason.replace("REASON_", ""));
                    line.trim_end().to_owned()
                }
                Action::Report(FromAgent::Pong) => "pong".to_owned(),
                Action::Report(FromAgent::Registering(registration)) => {
                    let states: Vec<_> = registration.tasks.iter().map(|task| task.latest.name()).collect();
                    format!("register {states:?}")
                }
                Action::Report(FromAgent::Unregistering) => "unregister".to_owned(),
            });
        }
        lines
    }
}

#[test]
fn a_task_that_gets_no_sandbox_never_begins() {
    for (capability, told) in [
        (CapabilityType::TaskKillingState, "TASK_LOST No such user 'x' EXECUTOR_TERMINATED"),
        (CapabilityType::PartitionAware, "TASK_DROPPED No such user 'x' EXECUTOR_TERMINATED"),
    ] {
        let mut run = run();
        run.info.capabilities = vec![Capability { r#type: Some(capability as i32) }];
        let mut bench = Bench::with_sandbox(run, Err("No such user 'x'".to_owned()));
        assert_eq!(bench.done(), [told]);
        assert!(bench.agent.is_idle());
    }
}

#[test]
fn updates_go_one_by_one() {
    let mut bench = Bench::new(run());
    assert_eq!(bench.done(), ["start sh"]);
    bench.process(ProcessEvent::Started { pid: 7 });
    bench.process(ProcessEvent::Ended(End::Exited(0)));
    assert_eq!(bench.done(), ["TASK_STARTING"]);
    bench.acknowledge();
    assert_eq!(bench.done(), ["TASK_RUNNING by now TASK_FINISHED"]);
    bench.acknowledge();
    assert_eq!(bench.done(), ["TASK_FINISHED Command exited with status 0"]);
    bench.acknowledge();
    assert!(bench.done().is_empty() && bench.agent.executors.is_empty());
}

#[test]
fn an_update_comes_again_until_it_is_acknowledged() {
    let mut bench = Bench::running();
    let first = bench.uuid.clone();
    let mut times = Vec::new();
    while bench.now.since(Moment::START) < Duration::from_secs(3_000) {
        bench.pass(1);
        if bench.done() == ["TASK_STARTING by now TASK_RUNNING"] {
            assert_eq!(bench.uuid, first);
            times.push(bench.now.since(Moment::START).as_secs());
        }
    }
    // Doubled from 10 s on, up to 600 s.
    assert_eq!(times, [10, 30, 70, 150, 310, 630, 1230, 1830, 2430]);
    bench.uuid = Bytes::from_static(b"another");
    bench.acknowledge();
    assert!(bench.done().is_empty(), "only the right uuid moves the queue");
    bench.uuid = first;
    bench.acknowledge();
    assert_eq!(bench.done(), ["TASK_RUNNING"]);
}

#[test]
fn a_kill_gives_the_default_grace() {
    let mut bench = Bench::running();
    bench.kill(None);
    assert_eq!(bench.done(), ["Terminate"]);
    bench.pass(2);
    assert!(bench.done().is_empty());
    bench.pass(1);
    assert_eq!(bench.done(), ["Kill"]);
    bench.process(ProcessEvent::Ended(End::Signalled { number: 9, dumped_core: false }));
    bench.acknowledge();
    bench.done();
    bench.acknowledge();
    assert_eq!(bench.done(), ["TASK_KILLING by now TASK_KILLED"]);
    bench.acknowledge();
    assert_eq!(bench.done(), ["TASK_KILLED Command terminated with signal Killed"]);
}

#[test]
fn the_call_decides_before_the_task_and_a_second_call_only_shortens() {
    let policy = KillPolicy { grace_period: Some(DurationInfo { nanoseconds: Some(20_000_000_000) }) };
    let mut of_task = run();
    of_task.task.kill_policy = Some(policy);
    let mut bench = Bench::new(of_task);
    bench.process(ProcessEvent::Started { pid: 7 });
    bench.done();
    bench.kill(Some(30));
    bench.pass(9);
    // Falls back to the task's 20 s, counted from the first kill.
    bench.kill(None);
    bench.kill(Some(100));
    let lines = |bench: &mut Bench| -> Vec<_> {
        bench.done().into_iter().filter(|line| !line.starts_with("TASK_")).collect()
    };
    assert_eq!(lines(&mut bench), ["Terminate"]);
    bench.pass(10);
    assert!(lines(&mut bench).is_empty());
    bench.pass(1);
    assert!(lines(&mut bench).starts_with(&["Kill".to_owned()]));
}

#[test]
fn killed_is_killed_even_with_code_zero() {
    let mut bench = Bench::running();
    bench.kill(None);
    bench.process(ProcessEvent::Ended(End::Exited(0)));
    let mut last = Vec::new();
    for _ in 0..4 {
        bench.acknowledge();
        last.extend(bench.done());
    }
    assert_eq!(last.last().map(String::as_str), Some("TASK_KILLED Command exited with status 0"));
}

#[test]
fn a_task_that_was_killed_while_it_started_never_ran() {
    let mut bench = Bench::new(run());
    bench.kill(None);
    bench.kill(None);
    // At once, for it may wait for what is being fetched.
    assert_eq!(bench.done(), ["start sh", "Kill"]);
    bench.process(ProcessEvent::Started { pid: 7 });
    assert_eq!(bench.done(), ["Kill"]);
    bench.process(ProcessEvent::Ended(End::Signalled { number: 9, dumped_core: false }));
    assert_eq!(
        bench.done(),
        ["TASK_KILLED Killed before delivery to the executor TASK_KILLED_DURING_LAUNCH"]
    );
}

#[test]
fn what_cannot_start_fails() {
    let mut bench = Bench::new(run());
    bench.process(ProcessEvent::FailedToStart { message: "no more processes".to_owned() });
    assert_eq!(
        bench.done(),
        ["start sh", "TASK_FAILED Failed to launch container: no more processes CONTAINER_LAUNCH_FAILED"]
    );
    assert!(bench.agent.is_idle());
    bench.acknowledge();
    assert!(bench.agent.executors.is_empty());
}

#[test]
fn a_removed_framework_hears_nothing_more() {
    let mut bench = Bench::running();
    bench.agent.handle_message(ToAgent::ShutDown { framework: FrameworkId::new("f") }, bench.now);
    assert_eq!(bench.done(), ["Terminate"]);
    bench.pass(5);
    assert_eq!(bench.done(), ["Kill"]);
    assert!(!bench.agent.is_idle());
    bench.process(ProcessEvent::Ended(End::Signalled { number: 9, dumped_core: false }));
    assert!(bench.done().is_empty() && bench.agent.executors.is_empty());
}

#[test]
fn ends_in_the_words_of_the_real_executor() {
    for (end, text) in [
        (End::Exited(3), "Command exited with status 3"),
        (End::Signalled { number: 15, dumped_core: false }, "Command terminated with signal Terminated"),
        (
            End::Signalled { number: 11, dumped_core: true },
            "Command terminated with signal Segmentation fault (core dumped)",
        ),
    ] {
        assert_eq!(end.to_string(), text);
    }
}

#[test]
fn a_task_that_takes_too_long_has_failed() {
    let most = DurationInfo { nanoseconds: Some(2_000_000_000) };
    let mut bench = running(|task| task.max_completion_time = Some(most));
    bench.pass(1);
    assert_eq!(bench.done(), [""; 0]);
    bench.pass(1);
    assert_eq!(bench.done(), ["TASK_KILLING", "Terminate"]);
    bench.acknowledge();
    bench.process(ProcessEvent::Ended(End::Signalled { number: 15, dumped_core: false }));
    let end = "TASK_FAILED Command terminated with signal Terminated MAX_COMPLETION_TIME_REACHED";
    assert_eq!(bench.done(), [end]);
}
