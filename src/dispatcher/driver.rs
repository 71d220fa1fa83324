//! Brings the core together with the store and the scheduler: all that is asynchronous in this room.
//!
//! Whoever wants something of the core hands in a function of it through [`Handle::ask`], and is answered when everything that
//! follows from it has been carried out.

pub mod standby;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base::events::Journal;
use base::log;
use base::time::{Backoff, BackoffPolicy};
use records::{LoadError, Records};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{Action, Dispatcher, Event, Instructions, Limits, View};
use domain::time::Timestamp;

/// Of those who wait for an answer.
const MAX_ASKS_WAITING: usize = 256;

/// Of events that somebody who follows them has not read yet.
const MAX_EVENTS_UNREAD: usize = 1024;

/// Between two attempts to read what is stored, after something could not be written.
const READ_AGAIN: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(5), jitter: 0.2 };

/// As often what is stored is read before the dispatcher gives up.
const MAX_READS: u32 = 20;

/// The scheduler, which has one group for each cluster.
pub trait Groups {
    type Error: std::error::Error + Send + Sync + 'static;

    /// One that has an order number.
    fn carry_out(&mut self, action: Action) -> impl Future<Output = Result<(), Self::Error>>;

    /// How all groups stand, by cluster.
    fn look(&mut self) -> impl Future<Output = Result<BTreeMap<String, View>, Self::Error>>;

    /// Waits until something may stand otherwise than when it was looked at last.
    fn changed(&mut self) -> impl Future<Output = ()>;
}

#[derive(Debug, thiserror::Error)]
pub enum RunError<G: std::error::Error + 'static> {
    #[error("cannot read what is stored of clusters")]
    Load(#[from] LoadError),
    #[error("the scheduler of AppMasters is not there")]
    Groups(#[source] G),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    #[error("the dispatcher is busy: too many orders are waiting")]
    Busy,
    /// Whether it was written shows when one looks again.
    #[error("cannot store what was ordered: {0}")]
    NotStored(String),
    /// Of a dispatcher that does not lead.
    #[error("cannot read what is stored of clusters: {0}")]
    NotRead(String),
    /// Nothing was done.
    #[error("another dispatcher leads")]
    NotLeading,
    #[error("the dispatcher is stopping")]
    Stopping,
}

type Answer = Box<dyn FnOnce(Result<(), NotAnswered>) + Send>;
type Question = Box<dyn FnOnce(&mut Dispatcher, Timestamp) -> Answer + Send>;

struct Ask {
    question: Question,
    /// A dispatcher that does not lead has no answer to it.
    is_for_leader: bool,
}

/// For whoever asks or orders.
#[derive(Clone)]
pub struct Handle {
    line: watch::Receiver<Line>,
}

/// To one who answers.
#[derive(Clone)]
struct Line {
    asks: mpsc::Sender<Ask>,
    events: broadcast::Sender<Event>,
    instructions: watch::Receiver<Instructions>,
}

/// Where one who answers follows the other, which those who ask need not know.
pub struct Seat(watch::Sender<Line>);

/// What one who answers has: the questions, and where events go.
struct Desk {
    asks: mpsc::Receiver<Ask>,
    events: broadcast::Sender<Event>,
    instructions: watch::Sender<Instructions>,
}

impl Seat {
    /// Nobody answers yet.
    pub fn open() -> (Self, Handle) {
        let (_desk, Handle { line }) = Desk::new();
        let (seat, line) = watch::channel(line.borrow().clone());
        (Self(seat), Handle { line })
    }

    /// Whoever answers at `handle` does so for all handles of this seat from now on.
    pub fn take(&self, handle: &Handle) {
        self.0.send_replace(handle.line.borrow().clone());
    }
}

impl Desk {
    fn new() -> (Self, Handle) {
        let (sender, asks) = mpsc::channel(MAX_ASKS_WAITING);
        let (events, _) = broadcast::channel(MAX_EVENTS_UNREAD);
        let (instructions, told) = watch::channel(Instructions::default());
        let line = watch::channel(Line { asks: sender, events: events.clone(), instructions: told }).1;
        (Self { asks, events, instructions }, Handle { line })
    }
}

impl Handle {
    /// What `ask` returns, once it is durable and carried out.
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Dispatcher, Timestamp) -> T + Send + 'static,
    ) -> Result<T, NotAnswered> {
        self.put(ask, false).await
    }

    /// The same, of nobody but the dispatcher that leads.
    pub async fn ask_leader<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Dispatcher, Timestamp) -> T + Send + 'static,
    ) -> Result<T, NotAnswered> {
        self.put(ask, true).await
    }

    async fn put<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Dispatcher, Timestamp) -> T + Send + 'static,
        is_for_leader: bool,
    ) -> Result<T, NotAnswered> {
        let (reply, answer) = oneshot::channel();
        let ask = |core: &mut Dispatcher, now: Timestamp| -> Answer {
            let found = ask(core, now);
            // Whoever asked may have gone meanwhile.
            Box::new(move |done| drop(reply.send(done.map(|()| found))))
        };
        let ask = Ask { question: Box::new(ask), is_for_leader };
        let sent = self.line.borrow().asks.try_send(ask);
        sent.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotAnswered::Busy,
            mpsc::error::TrySendError::Closed(_) => NotAnswered::Stopping,
        })?;
        answer.await.unwrap_or(Err(NotAnswered::Stopping))
    }

    /// What AppMasters are to do, as whoever answers now says it; of one that does not lead nothing.
    pub fn instructions(&self) -> watch::Receiver<Instructions> {
        self.line.borrow().instructions.clone()
    }

    /// All events from now on, of whoever answers now.
    pub fn follow(&self) -> broadcast::Receiver<Event> {
        self.line.borrow().events.subscribe()
    }
}

/// The core at work.
pub struct Driver<R, G> {
    core: Dispatcher,
    records: R,
    groups: G,
    limits: Limits,
    desk: Desk,
    journal: Arc<Journal>,
    /// The last order that was carried out.
    carried_out: u64,
    clock: fn() -> Timestamp,
}

impl<R: Records, G: Groups> Driver<R, G> {
    /// `core` has told all that it had to order after [`Dispatcher::restore`], and the scheduler has begun with that;
    /// `carried_out` is the last of these orders.
    pub fn new(
        core: Dispatcher,
        carried_out: u64,
        limits: Limits,
        (records, groups): (R, G),
        journal: Arc<Journal>,
        clock: fn() -> Timestamp,
    ) -> (Self, Handle) {
        let (desk, handle) = Desk::new();
        (Self { core, records, groups, limits, desk, journal, carried_out, clock }, handle)
    }

    /// Until nobody can ask any more, or nothing can be done.
    pub async fn run(mut self) -> Result<(), RunError<G::Error>> {
        loop {
            tokio::select! {
                ask = self.desk.asks.recv() => {
                    let Some(ask) = ask else { return Ok(()) };
                    let answer = (ask.question)(&mut self.core, (self.clock)());
                    let done = self.carry_out_all().await?;
                    self.tell_instructions();
                    answer(done);
                }
                () = self.groups.changed() => {
                    let views = self.groups.look().await.map_err(RunError::Groups)?;
                    self.core.handle_groups(self.carried_out, &views, (self.clock)());
                    let _told_and_begun_anew = self.carry_out_all().await?;
                    self.tell_instructions();
                }
            }
        }
    }

    async fn carry_out_all(&mut self) -> Result<Result<(), NotAnswered>, RunError<G::Error>> {
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Commit(changes) => match self.records.commit(&changes).await {
                    Ok(revision) => self.core.handle_committed(revision),
                    Err(error) => {
                        let why = log::chain(&error);
                        self.begin_anew(&why).await?;
                        return Ok(Err(NotAnswered::NotStored(why)));
                    }
                },
                Action::Event(event) => self.tell(event),
                order => self.order(order).await?,
            }
        }
        Ok(Ok(()))
    }

    async fn order(&mut self, action: Action) -> Result<(), RunError<G::Error>> {
        let number = action.order();
        self.groups.carry_out(action).await.map_err(RunError::Groups)?;
        self.carried_out = number.unwrap_or(self.carried_out);
        Ok(())
    }

    /// What was to be written is given up, and what is stored counts.
    async fn begin_anew(&mut self, why: &str) -> Result<(), RunError<G::Error>> {
        self.journal.warn("clusters_not_stored", format!("cannot store what is known of clusters: {why}"));
        let mut backoff = Backoff::new(READ_AGAIN);
        let loaded = loop {
            match self.records.load(None).await {
                Ok(loaded) => break loaded,
                Err(error) if backoff.attempts() >= MAX_READS => return Err(error.into()),
                Err(_) => tokio::time::sleep(backoff.failed(fastrand::f64())).await,
            }
        };
        self.core = Dispatcher::restore(&loaded, self.limits);
        self.carried_out = 0;
        // What was restored only orders groups: there is nothing to store.
        while let Some(action) = self.core.next_action() {
            self.order(action).await?;
        }
        Ok(())
    }

    /// Nothing is left to be stored.
    fn tell_instructions(&self) {
        let instructions = self.core.instructions();
        self.desk.instructions.send_if_modified(|told| {
            let is_other = *told != instructions;
            *told = instructions;
            is_other
        });
    }

    fn tell(&self, event: Event) {
        let text = format!("cluster {}: {}", event.cluster, event.text);
        self.journal.add("cluster", None, event.level, text);
        // Nobody may follow.
        let _ = self.desk.events.send(event);
    }
}
