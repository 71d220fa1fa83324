//! What a sighting means: news for the scheduler, or nothing new.

use std::time::Duration;

use base::time::Moment;
use mesos::wire::check::{CheckStatusCommand, CheckStatusHttp, CheckStatusInfo, CheckStatusTcp, CheckType};

use super::Sighting;

/// Those of Mesos, where the health check does not say.
const GRACE: Duration = Duration::from_secs(10);
const MAX_FAILURES: u32 = 3;

#[derive(Debug)]
pub enum Judge {
    Check {
        kind: CheckType,
        last: CheckStatusInfo,
    },
    Health {
        /// From the start on, in which failures before the first success do not count.
        grace: Duration,
        failures_most: u32,
        /// In a row.
        failures: u32,
        has_succeeded: bool,
        began: Moment,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum News {
    Status(CheckStatusInfo),
    Healthy,
    /// Too often in a row it is a reason to kill.
    Unhealthy {
        is_too_often: bool,
    },
}

impl Judge {
    pub fn check(kind: CheckType) -> Self {
        Self::Check { kind, last: empty(kind) }
    }

    pub fn health(grace: Option<Duration>, failures_most: Option<u32>) -> Self {
        Self::Health {
            grace: grace.unwrap_or(GRACE),
            failures_most: failures_most.unwrap_or(MAX_FAILURES),
            failures: 0,
            has_succeeded: false,
            began: Moment::START,
        }
    }

    pub fn begin(&mut self, now: Moment) {
        match self {
            Self::Check { .. } => {}
            Self::Health { began, .. } => *began = now,
        }
    }

    pub fn see(&mut self, sighting: Sighting, now: Moment) -> Option<News> {
        match self {
            Self::Check { kind, last } => {
                let status = status(*kind, sighting);
                let is_new = std::mem::replace(last, status.clone()) != status;
                is_new.then_some(News::Status(status))
            }
            Self::Health { failures, has_succeeded, .. } if is_good(sighting) => {
                let is_news = !*has_succeeded || *failures > 0;
                *failures = 0;
                *has_succeeded = true;
                is_news.then_some(News::Healthy)
            }
            Self::Health { grace, failures_most, failures, has_succeeded, began } => {
                if !*has_succeeded && !grace.is_zero() && now.since(*began) <= *grace {
                    return None;
                }
                *failures += 1;
                Some(News::Unhealthy { is_too_often: *failures >= *failures_most })
            }
        }
    }
}

/// Of a check that has not seen anything.
pub fn empty(kind: CheckType) -> CheckStatusInfo {
    status(kind, Sighting::Nothing)
}

fn status(kind: CheckType, sighting: Sighting) -> CheckStatusInfo {
    let (mut exit_code, mut status_code, mut succeeded) = (None, None, None);
    match sighting {
        Sighting::Exited(code) => exit_code = Some(code),
        Sighting::Answered(code) => status_code = Some(u32::from(code)),
        Sighting::Connected(is_connected) => succeeded = Some(is_connected),
        Sighting::Nothing => {}
    }
    CheckStatusInfo {
        r#type: Some(kind as i32),
        command: (kind == CheckType::Command).then_some(CheckStatusCommand { exit_code }),
        http: (kind == CheckType::Http).then_some(CheckStatusHttp { status_code }),
        tcp: (kind == CheckType::Tcp).then_some(CheckStatusTcp { succeeded }),
    }
}

fn is_good(sighting: Sighting) -> bool {
    match sighting {
        Sighting::Exited(code) => code == 0,
        Sighting::Answered(code) => (200..400).contains(&code),
        Sighting::Connected(is_connected) => is_connected,
        Sighting::Nothing => false,
    }
}
