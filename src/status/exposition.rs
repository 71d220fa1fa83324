//! A page of metrics in Prometheus' text format, and what every scheduler has on it.

use prometheus::core::Collector;
use prometheus::{Encoder, GaugeVec, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use scheduler::counters::Counters;
use scheduler::report::{AgentStanding, AgentState};

use super::lookout::Lookout;

/// All names begin so.
pub const PREFIX: &str = "flink_on_mesos_";

#[derive(Default)]
pub struct Page(Registry);

/// What something is called and what it is, with its value.
pub type Number<'a, T> = (&'a str, &'a str, T);

impl Page {
    /// What a scheduler has heard, said and taken.
    pub fn scheduler(&self, counters: &Counters, lookout: &Lookout) -> Result<(), prometheus::Error> {
        self.counters(&[
            ("offers", "Offers received from the master.", counters.offers),
            ("accepts", "ACCEPT calls sent.", counters.accepts),
            ("declines", "DECLINE calls sent.", counters.declines),
            ("revives", "REVIVE calls sent.", counters.revives),
            ("suppresses", "SUPPRESS calls sent.", counters.suppresses),
            ("kills", "KILL calls sent.", counters.kills),
            ("reconciliations", "RECONCILE calls sent.", counters.reconciles),
            ("updates", "Task status updates received.", counters.updates),
            ("subscriptions", "Subscriptions that a master accepted.", counters.subscriptions),
            ("disconnections", "Subscriptions that were lost.", counters.disconnections),
        ])?;
        self.add(lookout.rounds.clone())?;
        self.add(lookout.store_writes.clone())
    }

    pub fn version(&self, version: &str) -> Result<(), prometheus::Error> {
        self.by("build_info", "The program's version.", "version", [(version.to_owned(), 1)])
    }

    /// Their names get the end `_total`.
    pub fn counters(&self, counters: &[Number<'_, u64>]) -> Result<(), prometheus::Error> {
        for (name, help, value) in counters {
            let counter = IntCounter::new(format!("{PREFIX}{name}_total"), *help)?;
            counter.inc_by(*value);
            self.add(counter)?;
        }
        Ok(())
    }

    pub fn gauges(&self, gauges: &[Number<'_, usize>]) -> Result<(), prometheus::Error> {
        for (name, help, value) in gauges {
            let gauge = IntGauge::new(format!("{PREFIX}{name}"), *help)?;
            gauge.set(i64::try_from(*value).unwrap_or(i64::MAX));
            self.add(gauge)?;
        }
        Ok(())
    }

    /// A gauge with a label.
    pub fn by(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (String, i64)>,
    ) -> Result<(), prometheus::Error> {
        let gauges = IntGaugeVec::new(Opts::new(format!("{PREFIX}{name}"), help), &[label])?;
        for (value, number) in values {
            gauges.with_label_values(&[value]).set(number);
        }
        self.add(gauges)
    }

    /// The same of numbers with parts.
    pub fn seconds_by(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (String, f64)>,
    ) -> Result<(), prometheus::Error> {
        let gauges = GaugeVec::new(Opts::new(format!("{PREFIX}{name}"), help), &[label])?;
        for (value, number) in values {
            gauges.with_label_values(&[value]).set(number);
        }
        self.add(gauges)
    }

    pub fn add(&self, metric: impl Collector + 'static) -> Result<(), prometheus::Error> {
        self.0.register(Box::new(metric))
    }

    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.gather(), &mut text)?;
        Ok(text)
    }
}

/// Of so many agents.
pub fn quarantined(agents: &[AgentState]) -> usize {
    let is_out = |agent: &&AgentState| match agent.standing {
        AgentStanding::Quarantined { .. } => true,
        AgentStanding::Good
        | AgentStanding::Avoided { .. }
        | AgentStanding::OnTrial { .. }
        | AgentStanding::Leaving { .. } => false,
    };
    agents.iter().filter(is_out).count()
}
