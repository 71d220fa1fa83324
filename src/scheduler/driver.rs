//! Brings the scheduler together with the world: the only asynchronous file of this room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use base::log;
use base::time::{Clock, Moment};
use domain::demand::Wish;
use domain::store::{Store, StoreError};
use mesos::client::{Calls, Reports, SendError, StartError};
use mesos::event::Event;
use mesos::report::{self, CallFailure};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::operator;

use super::explain::{Explanation, Question};
use super::neighbours::Listed;
use super::report::{MasterReport, Report};
use super::spec::Delivery;
use super::{Action, Effect, Failure, Note, Scheduler};
use domain::leadership::{NotLeading, NotScaled};

/// How long the driver sleeps when nothing is due; only a guard against a clock that went wrong.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// So many are acknowledged together at most: one that is not acknowledged for long is sent again.
const UPDATES_AT_ONCE: usize = 256;

/// What the other rooms tell or ask the scheduler.
#[derive(Debug)]
pub enum Message {
    JobManagerListening,
    FilesRead(Delivery),
    Report(oneshot::Sender<Report>),
    Explain(Option<Question>, oneshot::Sender<Result<Box<Explanation>, NotLeading>>),
    /// Those that have registered with the JobManager, whosever they are, by resource id.
    TaskManagersHeard(BTreeMap<String, Listed>),
    /// Another JobManager leads.
    JobManagerChanged,
    /// Those that the master at this URL knows; ours has `name`.
    FrameworksSeen {
        master: String,
        frameworks: Vec<operator::Framework>,
        name: String,
    },
    /// Another TaskManager in the place of this one; the answer is whether it is there to be replaced.
    Replace(String, oneshot::Sender<Result<bool, NotLeading>>),
    /// How many TaskManagers to keep from now on; the answer comes when that is stored.
    Scale(u32, oneshot::Sender<Result<(), NotScaled>>),
    /// How many TaskManagers the jobs have a use for, and which of them nobody uses.
    Demanded(Wish),
    /// A task asks for its configuration; the answer comes when its use is stored.
    Redeem {
        task_id: String,
        token: String,
        answer: oneshot::Sender<bool>,
    },
    /// A task asks whether it is still wanted.
    Claim {
        task_id: String,
        token: String,
        answer: oneshot::Sender<claim::Answer>,
    },
    /// The cluster shall end.
    End,
}

impl Message {
    /// Whether it changes nothing.
    fn is_question(&self) -> bool {
        matches!(self, Self::Report(_) | Self::Explain(..) | Self::Claim { .. })
    }
}

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
    fn rounded(&self, took: Duration);
    fn stored(&self, took: Duration);
}

/// Nobody watches.
impl Observer for () {
    fn noted(&self, _: &Note) {}
    fn rounded(&self, _: Duration) {}
    fn stored(&self, _: Duration) {}
}

/// Everything a scheduler works with.
pub struct Driver<S> {
    pub scheduler: Scheduler,
    pub clock: Clock,
    pub calls: Calls,
    pub reports: Reports,
    pub inbox: mpsc::Receiver<Message>,
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

impl<S: Store> Driver<S> {
    /// Runs until the framework is torn down or nothing more can be done. What the master says goes before what
    /// others ask.
    pub async fn run(mut self) -> Result<(), RunError> {
        let mut begin = None;
        // A thousand TaskManagers ask a hundred questions a second, and none of them changes it.
        let mut due = None;
        let mut has_changed = true;
        loop {
            if let Next::End = self.carry_out_all().await? {
                return Ok(());
            }
            if let Some(begin) = begin.take() {
                self.observer.rounded(self.clock.now().since(begin));
            }
            if std::mem::replace(&mut has_changed, true) {
                due = self.scheduler.poll_timeout();
            }
            let wait =
                due.map_or(LONGEST_SLEEP, |due: Moment| due.since(self.clock.now())).min(LONGEST_SLEEP);
            tokio::select! {
                biased;
                report = self.reports.next() => {
                    begin = Some(self.clock.now());
                    self.handle_report(report.ok_or(SendError::Ended)?);
                    self.handle_more_updates();
                }
                Some(message) = self.inbox.recv() => {
                    has_changed = !message.is_question();
                    begin = has_changed.then(|| self.clock.now());
                    if let Next::End = self.handle_message(message).await? {
                        return Ok(());
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
                    self.calls.send(call)?;
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

    async fn handle_message(&mut self, message: Message) -> Result<Next, RunError> {
        let now = self.clock.now();
        match message {
            Message::JobManagerListening => self.scheduler.handle_jobmanager_listening(now),
            Message::FilesRead(delivery) => self.scheduler.handle_files_read(delivery, now),
            Message::Report(answer) => {
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(self.scheduler.report(now));
            }
            Message::Explain(question, answer) => {
                let _ = answer.send(Ok(Box::new(self.scheduler.explain(question.as_ref(), now))));
            }
            Message::TaskManagersHeard(listed) => {
                self.scheduler.handle_registered(&listed, now);
                let heartbeats = listed.into_iter().map(|(id, listed)| (id, listed.heartbeat));
                self.scheduler.handle_taskmanagers_heard(&heartbeats.collect(), now);
            }
            Message::JobManagerChanged => self.scheduler.handle_jobmanager_changed(now),
            Message::FrameworksSeen { master, frameworks, name } => {
                self.scheduler.handle_frameworks(&master, &frameworks, &name);
            }
            Message::Demanded(wish) => self.scheduler.handle_demanded(wish, now),
            Message::Scale(target, answer) => {
                let scaled = self.scheduler.handle_scaled(target, now);
                if let Next::End = self.carry_out_all().await? {
                    return Ok(Next::End);
                }
                let _ = answer.send(scaled);
            }
            Message::Replace(task_id, answer) => {
                let is_there = self.scheduler.handle_replacement_wanted(&task_id, now);
                if let Next::End = self.carry_out_all().await? {
                    return Ok(Next::End);
                }
                let _ = answer.send(Ok(is_there));
            }
            Message::Redeem { task_id, token, answer } => {
                let allowed = self.scheduler.handle_redeemed(&task_id, &token, now);
                if let Next::End = self.carry_out_all().await? {
                    return Ok(Next::End);
                }
                let _ = answer.send(allowed);
            }
            Message::Claim { task_id, token, answer } => {
                let _ = answer.send(self.scheduler.claim(&task_id, &token));
            }
            Message::End => self.scheduler.handle_ending(),
        }
        Ok(Next::Continue)
    }
}
