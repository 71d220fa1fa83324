use super::*;
use mesos::wire::check::{
    CheckCommand, CheckInfo, CheckStatusInfo, CheckType, HealthCheck, HealthCheckType, TcpCheckInfo,
};
use mesos::wire::status::TaskStatus;

/// A look each 2 s, from 2 s on, with a second's patience and 5 s of grace.
fn health() -> HealthCheck {
    HealthCheck {
        r#type: Some(HealthCheckType::Tcp as i32),
        tcp: Some(TcpCheckInfo { port: Some(80), protocol: None }),
        delay_seconds: Some(2.0),
        interval_seconds: Some(2.0),
        timeout_seconds: Some(1.0),
        grace_period_seconds: Some(5.0),
        consecutive_failures: Some(2),
        ..HealthCheck::default()
    }
}

impl Bench {
    /// What is told of a sighting, and acknowledged.
    fn see(&mut self, sighting: Sighting) -> Option<TaskStatus> {
        let probe = self.look.take().expect("a look");
        self.agent.handle_sighting(&probe, sighting, self.now);
        let status = match self.agent.next_action()? {
            Action::Report(FromAgent::Updated { status, .. }) => *status,
            other => panic!("{other:?}"),
        };
        self.uuid = status.uuid.clone().expect("a uuid");
        self.acknowledge();
        Some(status)
    }

    fn health(&mut self, sighting: Sighting) -> Option<bool> {
        let status = self.see(sighting)?;
        assert_eq!(status.state, Some(TaskState::Running as i32));
        assert_eq!(status.reason, Some(Reason::TaskHealthCheckStatusUpdated as i32));
        status.healthy
    }
}

#[test]
fn health_is_told_when_it_changes() {
    let mut bench = running(|task| task.health_check = Some(health()));
    bench.pass(1);
    assert!(bench.done().is_empty(), "the delay");
    for (after_s, sighting, told) in [
        // Within the grace.
        (1, false, None),
        (2, true, Some(true)),
        (2, true, None),
        (2, false, Some(false)),
        (2, true, Some(true)),
        (2, false, Some(false)),
    ] {
        bench.pass(after_s);
        assert_eq!(bench.done(), ["look Health"]);
        assert_eq!(bench.health(Sighting::Connected(sighting)), told);
    }
    bench.pass(2);
    assert_eq!(bench.done(), ["look Health"]);
    assert_eq!(bench.health(Sighting::Connected(false)), Some(false), "twice in a row is too often");
    assert_eq!(bench.done(), ["Terminate", "TASK_KILLING"]);
    bench.acknowledge();
    bench.pass(2);
    assert!(bench.done().is_empty(), "nobody looks at what is being killed");
    bench.process(ProcessEvent::Ended(End::Signalled { number: 15, dumped_core: false }));
    let Some(Action::Report(FromAgent::Updated { status, .. })) = bench.agent.next_action() else {
        panic!("the end is told")
    };
    assert_eq!((status.state, status.healthy), (Some(TaskState::Killed as i32), Some(false)));
}

#[test]
fn a_look_that_takes_too_long_is_a_failure_and_comes_too_late() {
    let health = HealthCheck { grace_period_seconds: Some(0.0), ..health() };
    let mut bench = running(|task| task.health_check = Some(health));
    bench.pass(3);
    assert_eq!(
        bench.done(),
        ["look Health", "look away Health", "TASK_RUNNING  TASK_HEALTH_CHECK_STATUS_UPDATED"]
    );
    bench.acknowledge();
    assert_eq!(bench.see(Sighting::Connected(true)), None);
    bench.pass(2);
    assert_eq!(bench.done(), ["look Health"]);
    bench.kill(None);
    assert_eq!(bench.done(), ["look away Health", "TASK_KILLING", "Terminate"]);
}

#[test]
fn a_check_tells_what_it_sees_and_keeps_what_health_has_told() {
    let command = CommandInfo { value: Some("look".to_owned()), ..CommandInfo::default() };
    let check = CheckInfo {
        r#type: Some(CheckType::Command as i32),
        command: Some(CheckCommand { command: Some(command) }),
        delay_seconds: Some(4.0),
        ..CheckInfo::default()
    };
    let mut bench = running(|task| {
        task.check = Some(check);
        task.health_check = Some(HealthCheck { interval_seconds: Some(1000.0), ..health() });
    });
    bench.pass(2);
    assert_eq!(bench.done(), ["look Health"]);
    let status = bench.see(Sighting::Connected(true)).expect("news");
    let code = |status: &CheckStatusInfo| status.command.as_ref().expect("a command's").exit_code;
    assert_eq!(status.check_status.as_ref().map(code), Some(None), "there is one before it has looked");
    let mut told = Vec::new();
    for sighting in [Sighting::Nothing, Sighting::Exited(3), Sighting::Exited(3), Sighting::Exited(0)] {
        bench.pass(10);
        assert_eq!(bench.done(), ["look Check"]);
        told.extend(bench.see(sighting).map(|status| {
            assert_eq!(status.healthy, Some(true));
            assert_eq!(status.reason, Some(Reason::TaskCheckStatusUpdated as i32));
            status.check_status.as_ref().and_then(code)
        }));
    }
    assert_eq!(told, [Some(3), Some(0)]);
}
