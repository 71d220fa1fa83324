//! Checks and health checks: when to look at a task, and what follows from what was seen.

mod judge;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::message::Run;
use base::time::{Deadline, Moment};
use mesos::wire::check::{CheckInfo, CheckType, HealthCheck, HealthCheckType};
use mesos::wire::command::CommandInfo;
use mesos::wire::network::NetworkProtocol;
use mesos::wire::status::{Reason, TaskState};

use super::executor::{Command, Life, program};
use super::{Action, Agent, ContainerId, Settings, Told, environment};
pub use judge::empty;
use judge::{Judge, News};

/// Those of Mesos, where neither check nor health check says.
const DELAY_S: f64 = 15.0;
const INTERVAL_S: f64 = 10.0;
const TIMEOUT_S: f64 = 20.0;

#[derive(Debug)]
pub struct Watch {
    kind: WatchKind,
    target: Target,
    delay: Duration,
    /// From the end of one look to the next.
    interval: Duration,
    /// After which a look is given up, if it ever is.
    timeout: Option<Duration>,
    judge: Judge,
    /// Looks so far, so that one that was given up is not taken for the next.
    round: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The task does not run.
    Rests,
    Waits {
        until: Deadline,
    },
    Looks {
        until: Option<Deadline>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchKind {
    Check,
    Health,
}

/// Names one look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeId {
    pub container: ContainerId,
    pub kind: WatchKind,
    pub round: u64,
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Command { command: Command, environment: Vec<(String, String)>, sandbox: PathBuf },
    Http { url: String },
    Tcp { address: SocketAddr },
}

/// What was to be seen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    Exited(i32),
    Answered(u16),
    Connected(bool),
    /// It cannot be told: it took too long, or nobody answered.
    Nothing,
}

/// Those that a task asks for, or why they cannot be had.
pub fn of(run: &Run, sandbox: &Path, settings: &Settings) -> Result<Vec<Watch>, String> {
    let task = &run.task;
    let environment = environment::of(run, sandbox, settings);
    let surroundings = Surroundings { environment, sandbox };
    let check = task.check.as_ref().map(|check| of_check(check, &surroundings));
    let health = task.health_check.as_ref().map(|check| of_health_check(check, &surroundings));
    check.into_iter().chain(health).collect()
}

impl Watch {
    pub fn begin(&mut self, now: Moment) {
        self.judge.begin(now);
        self.phase = Phase::Waits { until: Deadline::after(now, self.delay) };
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.phase {
            Phase::Rests => None,
            Phase::Waits { until } => Some(until.at()),
            Phase::Looks { until } => until.map(Deadline::at),
        }
    }

    fn id(&self, container: &ContainerId) -> ProbeId {
        ProbeId { container: container.clone(), kind: self.kind, round: self.round }
    }

    fn wait(&mut self, now: Moment) {
        self.phase = Phase::Waits { until: Deadline::after(now, self.interval) };
    }
}

impl Agent {
    pub fn handle_sighting(&mut self, probe: &ProbeId, sighting: Sighting, now: Moment) {
        let Some(executor) = self.executors.get_mut(&probe.container) else { return };
        let is_meant = |watch: &&mut Watch| {
            (watch.kind, watch.round) == (probe.kind, probe.round)
                && matches!(watch.phase, Phase::Looks { .. })
        };
        let Some(watch) = executor.watches.iter_mut().find(is_meant) else { return };
        watch.wait(now);
        if let Some(news) = watch.judge.see(sighting, now) {
            self.tell_news(&probe.container, news, now);
        }
    }

    /// Looks where it is time to, and gives up where it took too long.
    pub(super) fn watch(&mut self, container: &ContainerId, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        let mut late = Vec::new();
        for watch in &mut executor.watches {
            match watch.phase {
                Phase::Waits { until } if until.has_passed(now) => {
                    watch.round += 1;
                    let until = watch.timeout.map(|timeout| Deadline::after(now, timeout));
                    watch.phase = Phase::Looks { until };
                    let (id, target) = (watch.id(container), Box::new(watch.target.clone()));
                    self.actions.push_back(Action::Look { id, target });
                }
                Phase::Looks { until: Some(until) } if until.has_passed(now) => {
                    self.actions.push_back(Action::LookAway(watch.id(container)));
                    late.push(watch.id(container));
                }
                Phase::Rests | Phase::Waits { .. } | Phase::Looks { .. } => {}
            }
        }
        for probe in late {
            self.handle_sighting(&probe, Sighting::Nothing, now);
        }
    }

    /// A task that is being killed is not looked at any more.
    pub(super) fn rest_watches(&mut self, container: &ContainerId) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        for watch in &mut executor.watches {
            if matches!(watch.phase, Phase::Looks { .. }) {
                self.actions.push_back(Action::LookAway(watch.id(container)));
            }
            watch.phase = Phase::Rests;
        }
    }

    /// In an update that says all that is known by now.
    fn tell_news(&mut self, container: &ContainerId, news: News, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        if executor.life != Life::Running {
            return;
        }
        let mut is_killed = false;
        let reason = match news {
            News::Status(status) => {
                executor.check_status = Some(status);
                Reason::TaskCheckStatusUpdated
            }
            News::Healthy => {
                executor.healthy = Some(true);
                Reason::TaskHealthCheckStatusUpdated
            }
            News::Unhealthy { is_too_often } => {
                executor.healthy = Some(false);
                is_killed = is_too_often;
                Reason::TaskHealthCheckStatusUpdated
            }
        };
        let (healthy, check_status) = (executor.healthy, executor.check_status.clone());
        executor.is_unhealthy = is_killed;
        let told = Told { reason: Some(reason), healthy, check_status, ..Told::default() };
        self.update(container, TaskState::Running, told, now);
        if is_killed {
            self.kill(container, None, now);
        }
    }
}

struct Surroundings<'a> {
    environment: Vec<(String, String)>,
    sandbox: &'a Path,
}

fn of_check(check: &CheckInfo, surroundings: &Surroundings<'_>) -> Result<Watch, String> {
    let kind = check.r#type.and_then(|n| CheckType::try_from(n).ok()).unwrap_or_default();
    let target = match kind {
        CheckType::Command => {
            let command = check.command.as_ref().and_then(|check| check.command.as_ref());
            surroundings.target(command.ok_or("the check has no command")?)?
        }
        CheckType::Http => {
            let http = check.http.clone().unwrap_or_default();
            over_http(None, http.port, http.path.as_deref(), None)?
        }
        CheckType::Tcp => over_tcp(check.tcp.as_ref().and_then(|tcp| tcp.port), None)?,
        CheckType::Unknown => return Err("the check has no type".to_owned()),
    };
    let pace = [check.delay_seconds, check.interval_seconds, check.timeout_seconds];
    Ok(watch(WatchKind::Check, target, pace, Judge::check(kind)))
}

fn of_health_check(check: &HealthCheck, surroundings: &Surroundings<'_>) -> Result<Watch, String> {
    let declared = check.r#type.and_then(|n| HealthCheckType::try_from(n).ok());
    let inferred = if check.http.is_some() { HealthCheckType::Http } else { HealthCheckType::Command };
    let target = match declared.unwrap_or(inferred) {
        HealthCheckType::Command => {
            let command = check.command.as_ref();
            surroundings.target(command.ok_or("the health check has no command")?)?
        }
        HealthCheckType::Http => {
            let http = check.http.clone().unwrap_or_default();
            over_http(http.scheme.as_deref(), http.port, http.path.as_deref(), http.protocol)?
        }
        HealthCheckType::Tcp => {
            let tcp = check.tcp.clone().unwrap_or_default();
            over_tcp(tcp.port, tcp.protocol)?
        }
        HealthCheckType::Unknown => return Err("the health check has no type".to_owned()),
    };
    let pace = [check.delay_seconds, check.interval_seconds, check.timeout_seconds];
    let grace = check.grace_period_seconds.map(span);
    Ok(watch(WatchKind::Health, target, pace, Judge::health(grace, check.consecutive_failures)))
}

fn watch(kind: WatchKind, target: Target, pace: [Option<f64>; 3], judge: Judge) -> Watch {
    let [delay, interval, timeout] = pace;
    let timeout = span(timeout.unwrap_or(TIMEOUT_S));
    Watch {
        kind,
        target,
        delay: span(delay.unwrap_or(DELAY_S)),
        interval: span(interval.unwrap_or(INTERVAL_S)),
        timeout: (!timeout.is_zero()).then_some(timeout),
        judge,
        round: 0,
        phase: Phase::Rests,
    }
}

impl Surroundings<'_> {
    /// The command's own variables before the task's.
    fn target(&self, command: &CommandInfo) -> Result<Target, String> {
        let mut environment = self.environment.clone();
        let own = command.environment.iter().flat_map(|own| &own.variables);
        for variable in own {
            let name = variable.name.clone().unwrap_or_default();
            environment.retain(|(other, _)| *other != name);
            environment.push((name, variable.value.clone().unwrap_or_default()));
        }
        Ok(Target::Command { command: program(command)?, environment, sandbox: self.sandbox.to_owned() })
    }
}

fn over_http(
    scheme: Option<&str>,
    port: Option<u32>,
    path: Option<&str>,
    protocol: Option<i32>,
) -> Result<Target, String> {
    let address = SocketAddr::new(loopback(protocol), number(port)?);
    Ok(Target::Http { url: format!("{}://{address}{}", scheme.unwrap_or("http"), path.unwrap_or_default()) })
}

fn over_tcp(port: Option<u32>, protocol: Option<i32>) -> Result<Target, String> {
    Ok(Target::Tcp { address: SocketAddr::new(loopback(protocol), number(port)?) })
}

fn loopback(protocol: Option<i32>) -> IpAddr {
    if protocol == Some(NetworkProtocol::Ipv6 as i32) {
        Ipv6Addr::LOCALHOST.into()
    } else {
        Ipv4Addr::LOCALHOST.into()
    }
}

fn number(port: Option<u32>) -> Result<u16, String> {
    let port = port.unwrap_or_default();
    u16::try_from(port).map_err(|_| format!("a check's port is {port}, which is none"))
}

/// What is too long for a span lasts for ever.
fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
