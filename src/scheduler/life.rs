//! The framework's life: subscribing, losing the master, being removed, ending.

use crate::mesos::call::Call;
use crate::time::Moment;

use super::{Action, Connection, Demand, Failure, Note, Phase, Scheduler};

/// What a master says to a framework id that it has torn down or given up.
const REMOVED: &str = "Framework has been removed";
/// What the old subscription hears when another one with the same framework id comes.
const FAILED_OVER: &str = "Framework failed over";

impl Scheduler {
    /// The master has taken the subscription.
    pub fn handle_subscribed(&mut self, framework_id: &str, now: Moment) {
        self.connection = Connection::Subscribed { since: now };
        self.demand = Demand::Suppressed;
        if self.state.framework_id.as_deref() != Some(framework_id) {
            self.state.framework_id = Some(framework_id.to_owned());
            self.store();
        }
        self.note(Note::Subscribed { framework_id: framework_id.to_owned() });
        for seen in self.seen.values_mut() {
            // A KILL on the old connection may never have arrived.
            seen.kill_sent = None;
        }
        if self.phase == Phase::Ending {
            self.tear_down();
            return;
        }
        self.reconciliation.start(now, self.state.tasks.keys().cloned());
        self.reconcile_if_due(now);
        self.plan(now);
    }

    /// The subscription is over; the client comes back by itself.
    pub fn handle_disconnected(&mut self, why: &str, now: Moment) {
        if self.is_subscribed() {
            self.note(Note::Disconnected { why: why.to_owned() });
            self.connection = Connection::Disconnected { since: now, why: Some(why.to_owned()) };
        }
    }

    /// One attempt to reach a master has failed.
    pub fn handle_unreachable(&mut self, address: &str, why: &str, now: Moment) {
        if let Connection::Disconnected { why: last, .. } = &mut self.connection {
            let text = format!("{address}: {why}");
            if last.as_ref() != Some(&text) {
                *last = Some(text);
                self.note(Note::Unreachable { address: address.to_owned(), why: why.to_owned() });
            }
        }
        self.fail_without_master(now);
    }

    /// The master answered with an error in place of a subscription, or ended it with one.
    pub fn handle_refused(&mut self, message: &str, now: Moment) {
        if message.contains(FAILED_OVER) {
            self.actions.push_back(Action::Fail(Failure::Superseded));
            return;
        }
        let removed = message.contains(REMOVED);
        if removed && self.phase == Phase::Ending {
            self.end();
            return;
        }
        match self.state.framework_id.take() {
            Some(framework_id) if removed => {
                self.note(Note::FrameworkRemoved { framework_id: framework_id.clone() });
                self.state.archived.push(framework_id);
                // The master has ended its tasks, or never knew them.
                self.state.tasks.clear();
                self.seen.clear();
                self.store();
                self.connection = Connection::Disconnected { since: now, why: Some(message.to_owned()) };
                self.actions.push_back(Action::SubscribeAnew);
            }
            framework_id => {
                self.state.framework_id = framework_id;
                self.actions.push_back(Action::Fail(Failure::Refused(message.to_owned())));
            }
        }
    }

    /// The cluster is to end: the framework is torn down as soon as the master hears it.
    pub fn handle_ending(&mut self) {
        if self.phase != Phase::Working {
            return;
        }
        self.phase = Phase::Ending;
        if self.state.framework_id.is_none() {
            // Never registered: nothing to tear down.
            self.end();
        } else if self.is_subscribed() {
            self.tear_down();
        }
    }

    /// The master has accepted TEARDOWN.
    pub fn handle_torn_down(&mut self) {
        self.state.tasks.clear();
        self.seen.clear();
        self.store();
        self.end();
    }

    /// Until when the first registration must have succeeded; later ones are tried for ever, since TaskManagers
    /// may live on without a master.
    pub(super) fn registration_deadline(&self) -> Option<Moment> {
        match self.connection {
            Connection::Disconnected { since, .. }
                if self.state.framework_id.is_none() && self.phase == Phase::Working =>
            {
                Some(since + self.spec.patience.registration)
            }
            Connection::Disconnected { .. } | Connection::Subscribed { .. } => None,
        }
    }

    pub(super) fn fail_without_master(&mut self, now: Moment) {
        if self.registration_deadline().is_some_and(|deadline| now >= deadline)
            && let Connection::Disconnected { why, .. } = &self.connection
        {
            let why = why.clone().unwrap_or_else(|| "no answer".to_owned());
            let seconds = self.spec.patience.registration.as_secs();
            self.phase = Phase::Ended;
            self.actions.push_back(Action::Fail(Failure::NoMaster { seconds, why }));
        }
    }

    fn tear_down(&mut self) {
        self.send(Call::Teardown);
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.actions.push_back(Action::End);
    }
}
