//! The one clock, the one deadline and the one backoff.
//!
//! Cores take [`Moment`]s and random numbers as arguments; only drivers hold a [`Clock`].

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A point of monotonic time, counted from an arbitrary start, so that tests begin at zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    pub const START: Self = Self(Duration::ZERO);

    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// Where drivers get their [`Moment`]s from. It goes on while the machine sleeps, as the clocks of others do that wait
/// for us.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Duration,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: since_boot() }
    }

    pub fn now(&self) -> Moment {
        Moment(since_boot().saturating_sub(self.start))
    }
}

fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has this clock since 2.6.39").into()
}

/// A moment until which something must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Moment);

impl Deadline {
    pub fn after(now: Moment, span: Duration) -> Self {
        Self(now + span)
    }

    pub fn at(self) -> Moment {
        self.0
    }

    pub fn has_passed(self, now: Moment) -> bool {
        now >= self.0
    }

    /// What is left at `now`; zero once it has passed.
    pub fn left(self, now: Moment) -> Duration {
        self.0.since(now)
    }
}

/// How waits between attempts grow: doubled from `first` up to `most`, each shortened at random by up to
/// `jitter` of itself so that many clients do not come back in step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackoffPolicy {
    pub first: Duration,
    pub most: Duration,
    /// 0.0 ..= 1.0
    pub jitter: f64,
}

/// The state of one series of attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    policy: BackoffPolicy,
    attempts: u32,
}

impl Backoff {
    pub fn new(policy: BackoffPolicy) -> Self {
        Self { policy, attempts: 0 }
    }

    /// One in which so many attempts have failed.
    pub fn after(policy: BackoffPolicy, attempts: u32) -> Self {
        Self { policy, attempts }
    }

    /// Attempts that have failed since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    pub fn succeeded(&mut self) {
        self.attempts = 0;
    }

    /// The wait after one more failure; `random` is uniform in `0.0 .. 1.0`.
    pub fn failed(&mut self, random: f64) -> Duration {
        let doubled = self.policy.first.saturating_mul(1 << self.attempts.min(20));
        self.attempts = self.attempts.saturating_add(1);
        doubled.min(self.policy.most).mul_f64(1.0 - self.policy.jitter * random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BackoffPolicy =
        BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(1), jitter: 0.5 };

    #[test]
    fn backoff_doubles_up_to_the_most_and_starts_again_after_success() {
        let mut backoff = Backoff::new(POLICY);
        let waits: Vec<_> = (0..6).map(|_| backoff.failed(0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.0).as_millis(), 100);
    }

    #[test]
    fn jitter_only_shortens() {
        assert_eq!(Backoff::new(POLICY).failed(0.99).as_micros(), 50_500);
    }

    #[test]
    fn backoff_survives_any_number_of_failures() {
        let mut backoff = Backoff::new(POLICY);
        for _ in 0..10_000 {
            assert!(backoff.failed(0.0) <= POLICY.most);
        }
    }

    #[test]
    fn deadline() {
        let deadline = Deadline::after(Moment::START, Duration::from_secs(2));
        let later = Moment::START + Duration::from_secs(3);
        assert_eq!(deadline.left(Moment::START), Duration::from_secs(2));
        assert!(deadline.has_passed(later) && deadline.left(later).is_zero());
    }
}
