//! The framework's life: subscribing, losing the master, being removed, ending.

use base::time::Moment;
use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::wire::status::TaskState;

use super::{Action, Connection, Failure, Note, Phase, Scheduler, Sight};

impl Scheduler {
    /// The master has taken the subscription.
    pub fn handle_subscribed(&mut self, framework_id: &str, now: Moment) {
        self.connection = Connection::Subscribed { since: now };
        if self.state.framework_id.as_deref() != Some(framework_id) {
            self.state.framework_id = Some(framework_id.to_owned());
            self.store();
        }
        self.departures.told_again(now);
        self.failed_calls.forget();
        let (framework_id, master) = (framework_id.to_owned(), self.master.clone());
        self.note(Note::Subscribed { framework_id, master });
        for seen in self.seen.values_mut() {
            // A KILL on the old connection may never have arrived, unless it is being killed.
            if seen.what != Sight::Alive(TaskState::Killing) {
                seen.kill_sent = None;
            }
            // This may be a master that agents have yet to come back to.
            if seen.what == Sight::Missing(TaskState::Unknown) {
                seen.wait_anew(now);
            }
        }
        if self.phase == Phase::Ending {
            self.tear_down();
            return;
        }
        self.reconciliation.start(now);
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

    /// The master at `address` does not want us.
    pub fn handle_refused(&mut self, address: &str, why: &Refusal, now: Moment) {
        match why {
            Refusal::FrameworkRemoved if self.phase == Phase::Working => self.register_anew(now),
            // Somebody else was faster with what we wanted.
            Refusal::FrameworkRemoved => self.end(),
            Refusal::FailedOver => self.fail(Failure::Superseded),
            Refusal::Unauthenticated(_) | Refusal::Rejected(_) => {
                let identity = self.spec.identity.clone();
                self.fail(Failure::Refused { address: address.to_owned(), identity, why: why.clone() });
            }
        }
    }

    /// The master has ended the framework's tasks, or never knew them: nothing of it is left but its id.
    fn register_anew(&mut self, now: Moment) {
        if let Some(framework_id) = self.state.framework_id.take() {
            self.note(Note::FrameworkRemoved { framework_id: framework_id.clone() });
            self.state.archived.push(framework_id);
        }
        self.state.tasks.clear();
        self.seen.clear();
        // Nobody has told the master anything about the next one.
        self.demand = None;
        self.store();
        let why = Some(Refusal::FrameworkRemoved.to_string());
        self.connection = Connection::Disconnected { since: now, why };
        self.actions.push_back(Action::SubscribeAnew);
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

    /// The master has lost an agent, or says so: its tasks' updates may have got lost.
    pub fn handle_agent_failed(&mut self, agent_id: &str, now: Moment) {
        let there = self.state.tasks.iter().filter(|(_, record)| record.agent_id == agent_id);
        let ids: Vec<_> = there.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.reconciliation.ask(id, now);
        }
        if self.is_working() {
            self.reconcile_if_due(now);
        }
        self.plan(now);
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
            let why = why.clone().unwrap_or_else(|| self.spec.silence.clone());
            self.fail(Failure::NoMaster { within: self.spec.patience.registration, why });
        }
    }

    fn tear_down(&mut self) {
        self.send(Call::Teardown);
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Ended;
        self.actions.push_back(Action::Fail(failure));
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.actions.push_back(Action::End);
    }
}
