//! The cluster's clock, which may run faster than the real one.

use std::time::Duration;

use base::time::{Clock, Moment};

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    clock: Clock,
    factor: u32,
}

impl Pace {
    /// A factor of 1 is real time.
    pub fn new(clock: Clock, factor: u32) -> Self {
        Self { clock, factor: factor.max(1) }
    }

    /// The same clock at another speed.
    pub fn at(self, factor: u32) -> Self {
        Self::new(self.clock, factor)
    }

    pub fn factor(&self) -> u32 {
        self.factor
    }

    pub fn now(&self) -> Moment {
        Moment::START + self.clock.now().since(Moment::START).saturating_mul(self.factor)
    }

    /// How long a span of this clock really takes.
    pub fn real(&self, span: Duration) -> Duration {
        span / self.factor
    }
}
