//! Brings the scheduler together with the world: with what is below it, all that is asynchronous in this room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::debug;

use base::log;
use base::time::{Clock, Moment};
use domain::demand::Wish;
use domain::leadership::NotScaled;
use domain::store::{Store, StoreError};
use mesos::client::{Calls, Reports, SendError, StartError};
use mesos::event::Event;
use mesos::report::{self, CallFailure};
use mesos::wire::framework::FrameworkInfo;

use super::neighbours::Listed;
use super::report::MasterReport;
use super::{Action, Effect, Failure, Note, Scheduler};
use facts::{Facts, Known};
use requests::{Reply, Request};

pub mod facts;
pub mod requests;

/// How long the driver sleeps when nothing is due; only a guard against a clock that went wrong.
const MAX_SLEEP: Duration = Duration::from_secs(3600);

/// So many are acknowledged together at most: one that is not acknowledged for long is sent again.
const UPDATES_AT_ONCE: usize = 256;

/// So many requests are handled together at most, and what follows from them is stored once.
const REQUESTS_AT_ONCE: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("the scheduler's state could not be stored")]
    Store(#[from] StoreError),
    #[error("failed to start the Mesos client")]
    Start(#[from] StartError),
    #[error("failed to hand a call to the Mesos client")]
    Client(#[from] SendError),
}

/// Who watches a scheduler at work. Called between its steps, so it must not wait.
pub trait Observer: Send + Sync {
    fn noted(&self, note: &Note);
    /// A fact was handled, and all orders that follow from it are carried out.
    fn handled(&self, took: Duration);
    fn stored(&self, took: Duration);
}

/// Nobody watches.
impl Observer for () {
    fn noted(&self, _: &Note) {}
    fn handled(&self, _: Duration) {}
    fn stored(&self, _: Duration) {}
}

/// Everything a scheduler works with.
pub struct Driver<S> {
    pub scheduler: Scheduler,
    pub clock: Clock,
    pub calls: Calls,
    pub reports: Reports,
    pub facts: Facts,
    pub requests: mpsc::Receiver<Request>,
    /// Whom to ask which TaskManagers the JobManager hears. One question at a time is enough.
    pub jobmanager: mpsc::Sender<()>,
    pub store: S,
    pub observer: Arc<dyn Observer>,
    /// For subscribing anew; without id.
    pub framework: FrameworkInfo,
}

enum Next {
    Continue,
    End,
}

/// An answer that is given when what it says is stored.
enum Due {
    Scaled(Reply<Result<(), NotScaled>>, Result<(), NotScaled>),
    /// Of what there is or is not.
    Done(Reply<bool>, bool),
    Defined(Reply<()>),
    Redeemed {
        task_id: String,
        reply: Reply<bool>,
        is_allowed: bool,
    },
}

impl<S: Store> Driver<S> {
    /// Runs until the framework is torn down or nothing more can be done. What the master says goes before facts, and
    /// these before what others ask.
    pub async fn run(mut self) -> Result<(), RunError> {
        let mut known = Known::new(&self.facts);
        // Since it was found nobody has looked whether they are idle still.
        let demanded = known.demanded.take().flatten().map(|wish| Wish { idle: BTreeSet::new(), ..wish });
        self.handle_facts(&mut known);
        if let Some(wish) = demanded {
            self.scheduler.handle_demanded(wish, self.clock.now());
        }
        let mut begin = None;
        // A thousand TaskManagers ask a hundred questions a second, and none of them changes it.
        let mut due = None;
        let mut has_changed = true;
        loop {
            if let Next::End = self.carry_out_all().await? {
                return Ok(());
            }
            if let Some(begin) = begin.take() {
                self.observer.handled(self.clock.now().since(begin));
            }
            if std::mem::replace(&mut has_changed, true) {
                due = self.scheduler.poll_timeout();
            }
            let wait = due.map_or(MAX_SLEEP, |due: Moment| due.since(self.clock.now())).min(MAX_SLEEP);
            tokio::select! {
                biased;
                report = self.reports.next() => {
                    begin = Some(self.clock.now());
                    self.handle_report(report.ok_or(SendError::Ended)?);
                    self.handle_more_updates();
                }
                () = known.changed() => {
                    begin = Some(self.clock.now());
                    self.handle_facts(&mut known);
                }
                Some(request) = self.requests.recv() => {
                    let handled = self.clock.now();
                    match self.handle_requests(request) {
                        due if due.is_empty() => has_changed = false,
                        due => {
                            begin = Some(handled);
                            if let Next::End = self.carry_out_all().await? {
                                return Ok(());
                            }
                            self.give(due);
                        }
                    }
                }
                () = tokio::time::sleep(wait) => {
                    begin = Some(self.clock.now());
                    self.scheduler.handle_timeout(self.clock.now());
                }
            }
        }
    }

    /// Until the scheduler has no more orders.
    async fn carry_out_all(&mut self) -> Result<Next, RunError> {
        while let Some(action) = self.scheduler.next_action() {
            match action {
                Action::Store(state) => {
                    let begin = self.clock.now();
                    self.store.save(&state).await?;
                    self.observer.stored(self.clock.now().since(begin));
                }
                Action::Send(call) => {
                    debug!(call = call.name(), "sending");
                    match self.calls.send(call) {
                        Err(SendError::Full(call)) => {
                            self.scheduler.handle_call_failed(&call, Effect::None, self.clock.now());
                        }
                        sent => sent?,
                    }
                }
                Action::SubscribeAnew => {
                    self.calls.subscribe(self.framework.clone())?;
                }
                // Full: it is being asked.
                Action::AskJobManager => drop(self.jobmanager.try_send(())),
                Action::Note(note) => self.observer.noted(&note),
                Action::End => {
                    self.store.clear().await?;
                    return Ok(Next::End);
                }
                Action::Fail(failure) => return Err(failure.into()),
            }
        }
        Ok(Next::Continue)
    }

    /// What a storm of updates means is worked out and stored once for many, not for each.
    fn handle_more_updates(&mut self) {
        let updates = std::iter::from_fn(|| self.reports.next_update()).take(UPDATES_AT_ONCE);
        let updates: Vec<_> = updates.collect();
        if !updates.is_empty() {
            self.scheduler.handle_updates(&updates, self.clock.now());
        }
    }

    fn handle_report(&mut self, report: report::Report) {
        let now = self.clock.now();
        let scheduler = &mut self.scheduler;
        match report {
            report::Report::Event(event) => self.handle_event(event, now),
            report::Report::Disconnected { master, why } => {
                scheduler.handle_disconnected(&format!("{master}: {}", log::chain(&why)), now);
            }
            report::Report::Unreachable { master, why, .. } => {
                scheduler.handle_unreachable(&master.to_string(), &log::chain(&why), now);
            }
            report::Report::CallFailed { call, why } => {
                debug!(call = call.name(), why = %log::chain(&why), "failed");
                let effect = match why {
                    CallFailure::NotSubscribed | CallFailure::Rejected(_) => Effect::None,
                    CallFailure::Unknown(_) => Effect::Unknown,
                };
                scheduler.handle_call_failed(&call, effect, now);
            }
            report::Report::Refused { master, why } => {
                debug!(%master, why = %log::chain(&why), "refused");
                scheduler.handle_refused(&master.to_string(), &why, now);
            }
            report::Report::TornDown => scheduler.handle_torn_down(),
        }
    }

    fn handle_event(&mut self, event: Event, now: Moment) {
        let scheduler = &mut self.scheduler;
        match event {
            Event::Subscribed { framework_id, master, .. } => {
                scheduler.handle_home_region(master.region);
                scheduler.handle_master(MasterReport {
                    hostname: master.hostname,
                    port: master.port,
                    version: master.version,
                });
                scheduler.handle_subscribed(framework_id.text(), now);
            }
            Event::Offers(offers) => scheduler.handle_offers(&offers, now),
            Event::Updated(update) => scheduler.handle_update(&update, now),
            // Offers are answered at once, so there is none to forget; a launch on one that was rescinded
            // meanwhile comes back as DROPPED.
            Event::Rescinded(_) | Event::Heartbeat => {}
            Event::InverseOffers(offers) => scheduler.handle_inverse_offers(&offers, now),
            Event::Failure { agent_id: Some(agent_id), executor_id: None, .. } => {
                scheduler.handle_agent_failed(agent_id.text(), now);
            }
            // Our tasks have neither executors of their own nor operations with an id, and inverse offers are
            // answered at once.
            Event::Failure { .. }
            | Event::OperationUpdated(_)
            | Event::RescindedInverseOffer(_)
            | Event::Message { .. }
            | Event::Unknown { .. }
            | Event::Failed(_) => {}
        }
    }

    fn handle_facts(&mut self, known: &mut Known) {
        let now = self.clock.now();
        let scheduler = &mut self.scheduler;
        if let Some(delivery) = known.delivery.take().flatten() {
            scheduler.handle_files_read(delivery, now);
        }
        if known.jobmanager_listens.take() == Some(true) {
            scheduler.handle_jobmanager_listening(now);
        }
        if known.another_leads() {
            scheduler.handle_jobmanager_changed(now);
        }
        if let Some(listed) = known.heard.take().flatten() {
            handle_heard(scheduler, listed, now);
        }
        if let Some(wish) = known.demanded.take().flatten() {
            scheduler.handle_demanded(wish, now);
        }
        if let Some(seen) = known.frameworks.take().flatten() {
            scheduler.handle_frameworks(&seen.master, &seen.known, &seen.name);
        }
        if known.ending.take() == Some(true) {
            scheduler.handle_ending();
        }
    }

    /// All that wait: what they ask is answered, and what they order is handled.
    fn handle_requests(&mut self, first: Request) -> Vec<Due> {
        let now = self.clock.now();
        let more = std::iter::from_fn(|| self.requests.try_recv().ok()).take(REQUESTS_AT_ONCE - 1);
        let requests: Vec<_> = std::iter::once(first).chain(more).collect();
        requests.into_iter().filter_map(|request| self.handle_request(request, now)).collect()
    }

    /// The answer, if something has to be stored first.
    fn handle_request(&mut self, request: Request, now: Moment) -> Option<Due> {
        let scheduler = &mut self.scheduler;
        // Whoever asked may have gone meanwhile.
        match request {
            Request::Report(reply) => {
                let _ = reply.send(scheduler.report(now));
                None
            }
            Request::Explain(question, reply) => {
                let _ = reply.send(Box::new(scheduler.explain(question.as_ref(), now)));
                None
            }
            Request::ExplainGroup(name, reply) => {
                let _ = reply.send(Box::new(scheduler.explain_group(&name, None, now)));
                None
            }
            Request::Queue(reply) => {
                let _ = reply.send(scheduler.queue(now));
                None
            }
            Request::Fit(sought, reply) => {
                let _ = reply.send(scheduler.fitting(&sought, now));
                None
            }
            Request::Look(reply) => {
                scheduler.handle_look(now);
                Some(Due::Defined(reply))
            }
            Request::Claim { task_id, token, reply } => {
                let _ = reply.send(scheduler.claim(&task_id, &token));
                None
            }
            Request::Scale(target, reply) => Some(Due::Scaled(reply, scheduler.handle_scaled(target, now))),
            Request::Replace(task_id, reply) => {
                Some(Due::Done(reply, scheduler.handle_replacement_wanted(&task_id, now)))
            }
            Request::Define(name, spec, reply) => {
                scheduler.handle_group_defined(&name, *spec, now);
                Some(Due::Defined(reply))
            }
            Request::Remove(name, reply) => {
                Some(Due::Done(reply, scheduler.handle_group_removed(&name, now)))
            }
            Request::Renew(name, generation, reply) => {
                Some(Due::Done(reply, scheduler.handle_group_renewed(&name, generation, now)))
            }
            // Its task comes again.
            Request::Redeem { reply, .. } if reply.is_closed() => None,
            Request::Redeem { task_id, token, reply } => {
                let is_allowed = scheduler.handle_redeemed(&task_id, &token, now);
                Some(Due::Redeemed { task_id, reply, is_allowed })
            }
        }
    }

    fn give(&mut self, answers: Vec<Due>) {
        for due in answers {
            match due {
                Due::Scaled(reply, scaled) => drop(reply.send(scaled)),
                Due::Done(reply, is_there) => drop(reply.send(is_there)),
                Due::Defined(reply) => drop(reply.send(())),
                Due::Redeemed { task_id, reply, is_allowed } => {
                    if reply.send(is_allowed).is_err() && is_allowed {
                        self.scheduler.handle_not_fetched(&task_id);
                    }
                }
            }
        }
    }
}

fn handle_heard(scheduler: &mut Scheduler, listed: BTreeMap<String, Listed>, now: Moment) {
    scheduler.handle_registered(&listed, now);
    let heartbeats = listed.into_iter().map(|(id, listed)| (id, listed.heartbeat));
    scheduler.handle_taskmanagers_heard(&heartbeats.collect(), now);
}

#[cfg(test)]
mod tests;
