//! What one TaskManager takes from an agent, in the numbers that Mesos reckons with.

use std::fmt;

/// Thousandths of a scalar resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

/// More than any machine has; sums of offers stay far from where they overflow.
const MAX_AMOUNT: i64 = 1_000_000_000_000_000;

impl Milli {
    /// No number is nothing.
    pub fn of(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        Self(((value * 1000.0).round() as i64).clamp(-MAX_AMOUNT, MAX_AMOUNT))
    }

    pub fn whole(units: u64) -> Self {
        Self(i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    pub fn value(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "Mesos' own numbers are doubles")]
        let value = self.0 as f64;
        value / 1000.0
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.value())
    }
}

/// What one TaskManager takes from an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Scalar resources by Mesos name; memory and disk in MB. Zero amounts are left out.
    pub scalars: Vec<(String, Milli)>,
    /// How many ports.
    pub ports: usize,
}

impl fmt::Display for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scalars = self.scalars.iter().map(|(name, amount)| format!("{name} {amount}"));
        let ports = (self.ports > 0).then(|| format!("ports {}", self.ports));
        write!(out, "{}", scalars.chain(ports).collect::<Vec<_>>().join(", "))
    }
}
