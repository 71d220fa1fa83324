//! Keeps asking the dispatchers for orders, and carries them out one after the other. While nobody answers the cluster goes on as
//! it is.

use std::convert::Infallible;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use base::events::Journal;
use base::log;
use base::time::{Backoff, BackoffPolicy};

use super::client::{AnswerError, Line, StartError};
use super::{Answer, Carried, HOLD, Home, Ledger, PROTOCOL, Report, Status, What};

/// A dispatcher that was restarted is back within seconds, and then many come at once.
pub(crate) const ASK_AGAIN: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(250), most: Duration::from_secs(15), jitter: 0.5 };

/// From one question to the next at least, whatever the dispatcher answers.
const PACE: Duration = Duration::from_millis(250);

/// While an answer is awaited it is looked so often whether there is something new to tell.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The scheduler may wait for ZooKeeper; that the AppMaster lives is told all the same.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// What the dispatcher's orders are for.
pub trait Cluster {
    /// None where it cannot be told now.
    fn status(&self) -> impl Future<Output = Option<Status>>;

    fn carry_out(&self, what: &What) -> impl Future<Output = Carried>;
}

/// What outlasts this process.
pub trait Memory {
    fn load(&mut self) -> io::Result<Option<Ledger>>;

    fn save(&mut self, ledger: &Ledger) -> io::Result<()>;
}

/// Another attempt is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dispatcher says that attempt {attempt} of this cluster's AppMaster is the current one")]
pub struct Superseded {
    pub attempt: u32,
}

struct Orders {
    ledger: Mutex<Ledger>,
    arrived: Notify,
    /// There is an outcome to tell.
    concluded: Notify,
}

/// Until the dispatcher says that another attempt is the current one.
pub async fn keep(
    home: &Home,
    cluster: &impl Cluster,
    mut memory: impl Memory,
    journal: &Journal,
) -> Result<Superseded, StartError> {
    let line = Line::new(home)?;
    let ledger = memory.load().unwrap_or_else(|error| {
        let text = format!("the orders of the dispatcher that were carried out cannot be read: {error}");
        journal.warn("orders_forgotten", text);
        None
    });
    let ledger = Mutex::new(ledger.unwrap_or_default().resumed());
    let orders = Orders { ledger, arrived: Notify::new(), concluded: Notify::new() };
    let ask = Asking { home, cluster, orders: &orders, journal, line };
    tokio::select! {
        superseded = ask.ask() => Ok(superseded),
        never = carry_out(&orders, cluster, memory, journal) => match never {},
    }
}

impl Orders {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry_out(
    orders: &Orders,
    cluster: &impl Cluster,
    mut memory: impl Memory,
    journal: &Journal,
) -> Infallible {
    loop {
        let begun = orders.ledger().next_order();
        let Some(order) = begun else {
            orders.arrived.notified().await;
            continue;
        };
        let stored = memory.save(&orders.ledger());
        let result = match stored {
            Ok(()) => cluster.carry_out(&order.what).await,
            Err(error) => Carried::NotNow { why: format!("cannot store that it is carried out: {error}") },
        };
        let text = format!("the dispatcher ordered to {} (order {}): {result}", order.what, order.id);
        match result {
            Carried::Done => journal.tell("dispatcher_order", text),
            Carried::Refused { .. } | Carried::NotNow { .. } => journal.warn("dispatcher_order", text),
        }
        let stored = {
            let mut ledger = orders.ledger();
            ledger.finished(result);
            memory.save(&ledger)
        };
        if let Err(error) = stored {
            journal
                .warn("order_not_stored", format!("cannot store what came of order {}: {error}", order.id));
        }
        orders.concluded.notify_one();
    }
}

struct Asking<'a, C> {
    home: &'a Home,
    cluster: &'a C,
    orders: &'a Orders,
    journal: &'a Journal,
    line: Line,
}

impl<C: Cluster> Asking<'_, C> {
    async fn ask(mut self) -> Superseded {
        let mut backoff = Backoff::new(ASK_AGAIN);
        // None before the first answer or failure.
        let mut is_heard = None;
        let mut failures = 0;
        loop {
            let begin = Instant::now();
            let report = self.report(is_heard == Some(true)).await;
            let (cluster, orders) = (self.cluster, self.orders);
            let asked = self.line.url().clone();
            let answer = tokio::select! {
                answer = self.line.ask(&report) => answer,
                // Before it is known that somebody answers there is nothing to hurry with.
                () = news(cluster, orders, report.status.as_ref()), if is_heard == Some(true) => {
                    sleep_until(begin + PACE).await;
                    continue;
                }
            };
            match answer {
                Ok(Answer::Superseded { attempt }) => return Superseded { attempt },
                Ok(Answer::Orders { orders, stored, .. }) => {
                    if is_heard.replace(true) != Some(true) {
                        let text = format!("the dispatcher at {} answers", self.line.url());
                        self.journal.tell("dispatcher_answers", text);
                    }
                    backoff.succeeded();
                    failures = 0;
                    if self.orders.ledger().handle_orders(orders, stored) {
                        self.orders.arrived.notify_one();
                    }
                    sleep_until(begin + PACE).await;
                }
                Err(error) => {
                    self.tell_silence(&error, is_heard.replace(false), &asked);
                    failures += 1;
                    // One that is gone is no reason to let the next one wait.
                    if failures % self.line.count() == 0 {
                        sleep(backoff.failed(fastrand::f64())).await;
                    }
                }
            }
        }
    }

    async fn report(&self, may_hold: bool) -> Report {
        let status = timeout(STATUS_TIMEOUT, self.cluster.status()).await.ok().flatten();
        let outcomes = self.orders.ledger().outcomes();
        let hold = if may_hold { HOLD } else { Duration::ZERO };
        Report {
            protocol: PROTOCOL,
            task_id: self.home.task_id.clone(),
            attempt: self.home.attempt,
            hold_ms: hold.as_millis().try_into().unwrap_or(u64::MAX),
            status,
            outcomes,
            dispatchers: self.line.told().to_vec(),
            leaves: false,
        }
    }

    /// Once for each silence.
    fn tell_silence(&self, error: &AnswerError, was_heard: Option<bool>, asked: &reqwest::Url) {
        let why = log::chain(error);
        match was_heard {
            Some(false) => debug!("no dispatcher answers, {asked} was asked: {why}"),
            Some(true) | None => {
                let text =
                    format!("the dispatcher does not answer, and the cluster goes on without it: {why}");
                self.journal.warn("dispatcher_silent", text);
            }
        }
    }
}

/// Waits until there is something to tell that the last report did not have.
async fn news(cluster: &impl Cluster, orders: &Orders, told: Option<&Status>) {
    let changed = async {
        loop {
            sleep(LOOK_EVERY).await;
            let status = timeout(STATUS_TIMEOUT, cluster.status()).await.ok().flatten();
            if status.as_ref() != told {
                return;
            }
        }
    };
    tokio::select! {
        () = orders.concluded.notified() => {}
        () = changed => {}
    }
}
