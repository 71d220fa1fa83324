//! Answers for a dispatcher that does not lead, from what is stored. What only the scheduler knows is missing.

use std::time::Duration;

use base::log;
use records::zookeeper::Reader;
use records::{LoadError, Loaded, Revision};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Ask, Desk, Dispatcher, Handle, Limits, NotAnswered, Timestamp};

/// From one look at what is stored to the next at least.
const LOOK_EVERY: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1000 });

/// Whoever asks waits so long for a newer answer than the last one.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// As often what changes meanwhile is read again.
const MAX_READS: u32 = 3;

/// Where records are read that somebody else writes.
pub trait RecordSource {
    /// Of the last commit.
    fn revision(&mut self) -> impl Future<Output = Result<Revision, LoadError>>;

    /// All of them.
    fn load(&mut self) -> impl Future<Output = Result<Loaded, LoadError>>;
}

impl RecordSource for Reader {
    async fn revision(&mut self) -> Result<Revision, LoadError> {
        Reader::revision(self).await
    }

    async fn load(&mut self) -> Result<Loaded, LoadError> {
        Reader::load(self, None).await
    }
}

pub struct Standby<S> {
    source: S,
    limits: Limits,
    desk: Desk,
    /// As it was read last.
    known: Option<Known>,
    /// When it may be looked again.
    due: Instant,
    /// Why the last look failed, if it did.
    trouble: Option<String>,
    has_read: watch::Sender<bool>,
    clock: fn() -> Timestamp,
}

struct Known {
    core: Dispatcher,
    revision: Revision,
}

impl<S: RecordSource> Standby<S> {
    pub fn new(source: S, limits: Limits, clock: fn() -> Timestamp) -> (Self, Handle) {
        let (desk, handle) = Desk::new();
        let (due, has_read) = (Instant::now(), watch::Sender::new(false));
        (Self { source, limits, desk, known: None, due, trouble: None, has_read, clock }, handle)
    }

    /// Whether anything could be read so far.
    pub fn has_read(&self) -> watch::Receiver<bool> {
        self.has_read.subscribe()
    }

    /// Until nobody can ask any more.
    pub async fn run(mut self) {
        loop {
            let looks_by_itself = self.known.is_none() || self.desk.events.receiver_count() > 0;
            tokio::select! {
                ask = self.desk.asks.recv() => {
                    let Some(ask) = ask else { return };
                    self.look().await;
                    self.answer(ask);
                }
                () = sleep_until(self.due), if looks_by_itself => self.look().await,
                // Somebody may begin to follow.
                () = tokio::time::sleep(LOOK_EVERY), if !looks_by_itself => {}
            }
        }
    }

    async fn look(&mut self) {
        if Instant::now() < self.due {
            return;
        }
        self.trouble = match timeout(LOOK_TIMEOUT, self.read()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(log::chain(&error)),
            Err(_elapsed) => Some(format!("no answer within {} s", LOOK_TIMEOUT.as_secs())),
        };
        self.due = Instant::now() + LOOK_EVERY;
    }

    async fn read(&mut self) -> Result<(), LoadError> {
        let mut revision = self.source.revision().await?;
        if self.known.as_ref().is_some_and(|known| known.revision == revision) {
            return Ok(());
        }
        let mut loaded = self.source.load().await?;
        for _ in 0..MAX_READS {
            // Of records that were read while somebody wrote some may not fit together.
            let now = self.source.revision().await?;
            if std::mem::replace(&mut revision, now) == now {
                break;
            }
            loaded = self.source.load().await?;
        }
        let core = restore(&loaded, self.limits);
        let known = Known { core, revision };
        if let Some(before) = self.known.replace(known) {
            self.tell_since(&before.core);
        }
        self.has_read.send_replace(true);
        Ok(())
    }

    fn tell_since(&self, before: &Dispatcher) {
        let last = before.sequence;
        let Some(Known { core, .. }) = &self.known else { return };
        for event in core.events().into_iter().filter(|event| event.id > last) {
            // Nobody may follow.
            let _ = self.desk.events.send(event.clone());
        }
    }

    fn answer(&mut self, Ask { question, is_for_leader }: Ask) {
        let now = (self.clock)();
        let known = self.known.as_mut().filter(|_| !is_for_leader);
        let Some(Known { core, .. }) = known else {
            let mut nothing =
                restore(&Loaded { revision: Revision::default(), records: Vec::new() }, self.limits);
            let why = self.trouble.clone().unwrap_or_else(|| "nothing has been read yet".to_owned());
            let why = if is_for_leader { NotAnswered::NotLeading } else { NotAnswered::NotRead(why) };
            question(&mut nothing, now)(Err(why));
            return;
        };
        let answer = question(core, now);
        if core.next_action().is_none() {
            answer(Ok(()));
        } else {
            // An order, which came when this dispatcher no longer led.
            (self.known, self.due) = (None, Instant::now());
            answer(Err(NotAnswered::NotLeading));
        }
    }
}

/// Without orders to a scheduler.
fn restore(loaded: &Loaded, limits: Limits) -> Dispatcher {
    let mut core = Dispatcher::restore(loaded, limits);
    while core.next_action().is_some() {}
    core
}

#[cfg(test)]
mod tests;
