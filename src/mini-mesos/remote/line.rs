//! What is with the link to the master: none, under way, there.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::link::{DialError, Greeting, Link, LinkError, ToHost, dial};
use crate::message::FromAgent;
use base::time::{Backoff, BackoffPolicy, Moment};

/// A master that comes back is found at once, and one that stays away is not asked all the time.
const REDIAL: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(200), most: Duration::from_secs(10), jitter: 0.5 };

pub struct Line {
    state: State,
    backoff: Backoff,
}

enum State {
    Down { again_at: Moment },
    Dialing(JoinHandle<Result<Link, DialError>>),
    Up { link: Link, heard: Moment },
}

pub enum Happening {
    Dialed(Result<Box<Link>, DialError>),
    Ordered(Box<ToHost>),
    /// With no error the master closed it.
    Lost(Option<LinkError>),
}

impl Line {
    /// To be dialed at once.
    pub fn down(now: Moment) -> Self {
        Self { state: State::Down { again_at: now }, backoff: Backoff::new(REDIAL) }
    }

    pub fn up(link: Link, now: Moment) -> Self {
        Self { state: State::Up { link, heard: now }, backoff: Backoff::new(REDIAL) }
    }

    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// When to dial: it is time again, or a link has been silent for too long.
    pub fn poll_timeout(&self, silence: Option<Duration>) -> Option<Moment> {
        match &self.state {
            State::Down { again_at } => Some(*again_at),
            State::Dialing(_) => None,
            State::Up { heard, .. } => silence.map(|silence| *heard + silence),
        }
    }

    /// A link that is there is given up.
    pub fn dial(&mut self, master: String, greeting: Greeting) {
        self.state = State::Dialing(tokio::spawn(dial(master, greeting)));
    }

    pub fn failed(&mut self, now: Moment) {
        self.state = State::Down { again_at: now + self.backoff.failed(fastrand::f64()) };
    }

    pub fn heard(&mut self, now: Moment) {
        if let State::Up { heard, .. } = &mut self.state {
            *heard = now;
        }
    }

    /// Lost if there is no link; one whose master does not read is given up.
    pub fn send(&mut self, report: FromAgent, now: Moment) {
        let State::Up { link, .. } = &self.state else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = link.reports.try_send(report) {
            tracing::warn!("the master does not read the link: given up");
            self.state = State::Down { again_at: now };
        }
    }

    /// Waits for what comes next. Nothing is lost when nobody waits to the end.
    pub async fn next(&mut self) -> Happening {
        match &mut self.state {
            State::Down { .. } => std::future::pending().await,
            State::Dialing(dialing) => match dialing.await {
                Ok(dialed) => Happening::Dialed(dialed.map(Box::new)),
                // Nobody aborts it, and a panic ends the program in the release.
                Err(_) => Happening::Lost(None),
            },
            State::Up { link, .. } => match link.orders.recv().await {
                Some(order) => Happening::Ordered(Box::new(order)),
                None => Happening::Lost((&mut link.carrier).await.ok().and_then(Result::err)),
            },
        }
    }

    /// Until all has been sent.
    pub async fn close(self) {
        if let State::Up { link, .. } = self.state {
            drop(link.reports);
            let _ = link.carrier.await;
        }
    }
}
