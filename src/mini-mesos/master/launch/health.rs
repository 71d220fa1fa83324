//! Checks and health checks that the real master refuses.

use mesos::wire::check::{CheckInfo, CheckType, HealthCheck, HealthCheckType};

use super::command;

pub fn refuse(check: &HealthCheck) -> Option<String> {
    let declared = check.r#type.and_then(|n| HealthCheckType::try_from(n).ok());
    let inferred = match (check.http.is_some(), check.command.is_some()) {
        (true, _) => Some(HealthCheckType::Http),
        (false, true) => Some(HealthCheckType::Command),
        (false, false) => None,
    };
    match declared.or(inferred) {
        None => return Some("HealthCheck must specify 'type'".to_owned()),
        Some(HealthCheckType::Unknown) => {
            return Some("'UNKNOWN' is not a valid health check type".to_owned());
        }
        Some(HealthCheckType::Command) => {
            let Some(run) = &check.command else {
                return Some("Expecting 'command' to be set for COMMAND health check".to_owned());
            };
            if run.value.is_none() {
                let what = if run.shell.unwrap_or(true) { "'shell command'" } else { "'executable path'" };
                return Some(format!("Command health check must contain {what}"));
            }
            if let Some(wrong) = command::refuse(run) {
                return Some(format!("Health check's `CommandInfo` is invalid: {wrong}"));
            }
        }
        Some(HealthCheckType::Http) => {
            let Some(http) = &check.http else {
                return Some("Expecting 'http' to be set for HTTP health check".to_owned());
            };
            if let Some(scheme) = http.scheme.as_deref().filter(|scheme| !["http", "https"].contains(scheme))
            {
                return Some(format!("Unsupported HTTP health check scheme: '{scheme}'"));
            }
            if let Some(path) = http.path.as_deref().filter(|path| !path.starts_with('/')) {
                return Some(format!("The path '{path}' of HTTP health check must start with '/'"));
            }
        }
        Some(HealthCheckType::Tcp) => {
            if check.tcp.is_none() {
                return Some("Expecting 'tcp' to be set for TCP health check".to_owned());
            }
        }
    }
    refuse_negative([
        ("delay_seconds", check.delay_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
        ("grace_period_seconds", check.grace_period_seconds),
    ])
}

pub fn refuse_check(check: &CheckInfo) -> Option<String> {
    match check.r#type.and_then(|n| CheckType::try_from(n).ok()) {
        None => return Some("CheckInfo must specify 'type'".to_owned()),
        Some(CheckType::Unknown) => return Some("'UNKNOWN' is not a valid check type".to_owned()),
        Some(CheckType::Command) => {
            let Some(run) = &check.command else {
                return Some("Expecting 'command' to be set for COMMAND check".to_owned());
            };
            if run.command.as_ref().is_none_or(|command| command.value.is_none()) {
                return Some("Command check must contain 'shell command'".to_owned());
            }
        }
        Some(CheckType::Http) => {
            let Some(http) = &check.http else {
                return Some("Expecting 'http' to be set for HTTP check".to_owned());
            };
            if let Some(path) = http.path.as_deref().filter(|path| !path.starts_with('/')) {
                return Some(format!("The path '{path}' of HTTP check must start with '/'"));
            }
        }
        Some(CheckType::Tcp) => {
            if check.tcp.is_none() {
                return Some("Expecting 'tcp' to be set for TCP check".to_owned());
            }
        }
    }
    refuse_negative([
        ("delay_seconds", check.delay_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
    ])
}

fn refuse_negative<const N: usize>(spans: [(&str, Option<f64>); N]) -> Option<String> {
    let (name, _) = spans.into_iter().find(|(_, seconds)| seconds.is_some_and(|seconds| seconds < 0.0))?;
    Some(format!("Expecting '{name}' to be non-negative"))
}
