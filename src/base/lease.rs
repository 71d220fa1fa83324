//! Permission to act, until a moment that whoever grants it moves on.

use tokio::sync::watch;

use crate::time::{Clock, Deadline};

/// Lets others act until a moment.
#[derive(Debug)]
pub struct Grantor {
    until: watch::Sender<Option<Deadline>>,
    clock: Clock,
}

/// Asked right before each act that nobody else must do at the same time.
#[derive(Clone, Debug)]
pub struct Lease(Option<Granted>);

#[derive(Clone, Debug)]
struct Granted {
    until: watch::Receiver<Option<Deadline>>,
    clock: Clock,
}

impl Grantor {
    /// Nothing is granted yet. The deadlines to come are moments of `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { until: watch::Sender::new(None), clock }
    }

    pub fn lease(&self) -> Lease {
        Lease(Some(Granted { until: self.until.subscribe(), clock: self.clock }))
    }

    pub fn extend(&self, until: Deadline) {
        self.until.send_replace(Some(until));
    }

    pub fn revoke(&self) {
        self.until.send_replace(None);
    }
}

impl Lease {
    /// Where nobody else could act.
    pub fn unlimited() -> Self {
        Self(None)
    }

    pub fn is_held(&self) -> bool {
        self.0.as_ref().is_none_or(Granted::is_held)
    }

    /// Waits until acting is allowed; for ever once nobody is left who could allow it.
    pub async fn held(&self) {
        let Some(mut granted) = self.0.clone() else { return };
        while !granted.is_held() {
            if granted.until.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Granted {
    fn is_held(&self) -> bool {
        self.until.borrow().is_some_and(|until| !until.has_passed(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_held_until_its_moment_and_waited_for_after_it() {
        let clock = Clock::start();
        let grantor = Grantor::new(clock);
        let lease = grantor.lease();
        assert!(!lease.is_held() && Lease::unlimited().is_held());
        grantor.extend(Deadline::after(clock.now(), Duration::from_secs(60)));
        assert!(lease.is_held());
        lease.held().await;
        grantor.extend(Deadline::after(clock.now(), Duration::ZERO));
        assert!(!lease.is_held(), "it ends by itself");
        let waiting = tokio::spawn(async move { lease.held().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        grantor.extend(Deadline::after(clock.now(), Duration::from_secs(60)));
        waiting.await.expect("it ends");
    }
}
