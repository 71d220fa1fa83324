//! How one state of a session follows another.

use std::time::Duration;

use super::super::answer::Refusal;
use super::super::call::Call;
use super::super::report::{CallFailure, Report, Trouble};
use super::super::wire::id::FrameworkId;
use super::{Action, HURRY, MAX_SILENT_HEARTBEATS, Master, STEADY, Session, State, Subscription};
use base::time::{Deadline, Moment};

impl Session {
    pub(super) fn subscribed(
        &mut self,
        master: Master,
        stream_id: String,
        framework_id: FrameworkId,
        heartbeat: Duration,
        now: Moment,
    ) {
        self.framework.id = Some(framework_id.clone());
        self.attempts = 0;
        self.asked = 0;
        self.state = State::Subscribed(Subscription {
            master,
            stream_id,
            framework_id,
            since: now,
            heartbeat,
            deadline: Deadline::after(now, heartbeat * MAX_SILENT_HEARTBEATS),
            in_flight: None,
            ended: None,
        });
    }

    /// Ends an attempt or a subscription and plans the next attempt.
    pub(super) fn lose(&mut self, why: Trouble, now: Moment, random: f64) {
        if matches!(why, Trouble::Recovering(_)) {
            self.hurry_until = Some(Deadline::after(now, HURRY));
        }
        match std::mem::replace(&mut self.state, State::Halted) {
            resting @ (State::Waiting { .. } | State::Halted) => self.state = resting,
            State::Asking { master, .. } | State::Opened { master, .. } => {
                self.actions.push_back(Action::Close);
                self.attempts = self.attempts.saturating_add(1);
                self.turn = (self.turn + 1) % self.masters.len();
                self.asked += 1;
                // Each master gets its turn before a wait.
                let retry_in =
                    if self.asked < self.masters.len() { Duration::ZERO } else { self.back_off(now, random) };
                self.state = State::Waiting { until: Deadline::after(now, retry_in) };
                let attempts = self.attempts;
                self.report(Report::Unreachable { master, why, attempts, retry_in });
            }
            State::Subscribed(subscription) => {
                self.actions.push_back(Action::Close);
                if now.since(subscription.since) >= STEADY {
                    self.hurry(now);
                }
                let wait = self.back_off(now, random);
                self.state = State::Waiting { until: Deadline::after(now, wait) };
                if let Some(call) = subscription.in_flight {
                    let why = CallFailure::Unknown(why.clone());
                    self.report(Report::CallFailed { call, why });
                }
                self.report(Report::Disconnected { master: subscription.master, why });
            }
        }
    }

    fn back_off(&mut self, now: Moment, random: f64) -> Duration {
        self.asked = 0;
        let is_changing = self.hurry_until.is_some_and(|until| !until.has_passed(now));
        if is_changing { self.hurried.failed(random) } else { self.backoff.failed(random) }
    }

    /// Another master leads, or will soon: what was waited before says nothing about it.
    pub(super) fn hurry(&mut self, now: Moment) {
        self.backoff.succeeded();
        self.hurried.succeeded();
        self.hurry_until = Some(Deadline::after(now, HURRY));
    }

    pub(super) fn halt(&mut self, why: Refusal) {
        let (master, in_flight) = match std::mem::replace(&mut self.state, State::Halted) {
            resting @ (State::Waiting { .. } | State::Halted) => {
                self.state = resting;
                return;
            }
            State::Asking { master, .. } | State::Opened { master, .. } => (master, None),
            State::Subscribed(Subscription { master, in_flight, .. }) => (master, in_flight),
        };
        self.actions.push_back(Action::Close);
        if let Some(call) = in_flight {
            let why = CallFailure::Unknown(Trouble::Refused(why.clone()));
            self.report(Report::CallFailed { call, why });
        }
        self.report(Report::Refused { master, why });
    }

    pub(super) fn take_call(&mut self) -> Option<Call> {
        match &mut self.state {
            State::Subscribed(subscription) => subscription.in_flight.take(),
            State::Waiting { .. } | State::Asking { .. } | State::Opened { .. } | State::Halted => None,
        }
    }

    pub(super) fn accepted(&mut self, call: &Call) {
        match call {
            Call::Suppress { roles } if roles.is_empty() => {
                self.suppressed_roles = self.framework.roles.iter().cloned().collect();
            }
            Call::Suppress { roles } => self.suppressed_roles.extend(roles.iter().cloned()),
            Call::Revive { roles } if roles.is_empty() => self.suppressed_roles.clear(),
            Call::Revive { roles } => self.suppressed_roles.retain(|role| !roles.contains(role)),
            Call::Teardown => {
                self.state = State::Halted;
                self.actions.push_back(Action::Close);
                self.report(Report::TornDown);
            }
            Call::Accept { .. }
            | Call::Decline { .. }
            | Call::AcceptInverseOffers { .. }
            | Call::Kill { .. }
            | Call::Acknowledge { .. }
            | Call::Reconcile { .. } => {}
        }
    }

    /// The subscription lives on, unless its end waited for the answer to this call.
    pub(super) fn call_failed(&mut self, call: Call, why: CallFailure, now: Moment, random: f64) {
        self.report(Report::CallFailed { call, why });
        if let State::Subscribed(Subscription { ended, .. }) = &mut self.state
            && let Some(trouble) = ended.take()
        {
            self.lose(trouble, now, random);
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        self.actions.push_back(Action::Report(report));
    }
}
