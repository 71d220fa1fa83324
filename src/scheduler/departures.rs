//! Agents that are about to leave, and their TaskManagers, which move before.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::mesos::call::Call;
use crate::mesos::wire::id::{AgentId, OfferId};
use crate::mesos::wire::offer::{InverseOffer, Offer};
use crate::mesos::wire::time::Unavailability;
use crate::time::Moment;

use super::Scheduler;
use super::place::Standing;

/// TaskManagers begin to move so long before their agent's maintenance: enough to find room for others, start them,
/// and let jobs recover on them.
const MOVE_BEFORE: Duration = Duration::from_secs(10 * 60);

/// A TaskManager that would have to move after less than this is not launched there.
const AVOID_BEFORE: Duration = Duration::from_secs(60 * 60);

/// The master asks again after this long for what is still needed back, and not any more when the maintenance was
/// called off.
const ASKED_EVERY: Duration = Duration::from_secs(60);

/// What was not repeated for so long has been called off.
const CALLED_OFF_AFTER: Duration = Duration::from_secs(3 * 60);

/// Planned maintenance by agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Departures(BTreeMap<String, Departure>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Departure {
    begin: Moment,
    /// None if nobody knows.
    end: Option<Moment>,
    /// When it was told last.
    told: Moment,
}

impl Departures {
    /// `epoch` is the time since 1970 at [`Moment::START`].
    fn learn(&mut self, agent_id: &str, told: Option<&Unavailability>, epoch: Duration, now: Moment) {
        let Some(told) = told else {
            self.0.remove(agent_id);
            return;
        };
        let start = told.start.as_ref().and_then(|start| start.nanoseconds).unwrap_or_default();
        let since_epoch = Duration::from_nanos(u64::try_from(start).unwrap_or_default());
        let begin = Moment::START + since_epoch.saturating_sub(epoch);
        let lasts = told.duration.as_ref().and_then(|duration| duration.nanoseconds);
        let lasts = lasts.and_then(|nanoseconds| u64::try_from(nanoseconds).ok()).map(Duration::from_nanos);
        let departure = Departure { begin, end: lasts.map(|lasts| begin + lasts), told: now };
        self.0.insert(agent_id.to_owned(), departure);
    }

    /// Nobody told anything while there was no master.
    pub(super) fn told_again(&mut self, now: Moment) {
        self.0.values_mut().for_each(|departure| departure.told = now);
    }

    fn forget_called_off(&mut self, now: Moment) {
        self.0.retain(|_, departure| {
            now.since(departure.told) < CALLED_OFF_AFTER && departure.end.is_none_or(|end| now < end)
        });
    }

    /// When TaskManagers are to leave the agent.
    fn move_at(&self, agent_id: &str) -> Option<Moment> {
        self.0.get(agent_id).map(|departure| departure.begin_early(MOVE_BEFORE))
    }

    /// What it means for new TaskManagers.
    fn standing(&self, agent_id: &str, now: Moment) -> Option<Standing> {
        let departure =
            self.0.get(agent_id).filter(|departure| departure.begin_early(AVOID_BEFORE) <= now)?;
        Some(Standing::Leaving { at: departure.begin })
    }
}

impl Departure {
    fn begin_early(&self, span: Duration) -> Moment {
        Moment::START + self.begin.since(Moment::START).saturating_sub(span)
    }
}

impl Scheduler {
    /// The master asks for agents back. They get them: our TaskManagers move before.
    pub fn handle_inverse_offers(&mut self, offers: &[InverseOffer], now: Moment) {
        for offer in offers {
            let agent_id = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
            self.departures.learn(agent_id, offer.unavailability.as_ref(), self.spec.epoch, now);
        }
        let offer_ids: Vec<OfferId> = offers.iter().filter_map(|offer| offer.id.clone()).collect();
        if !offer_ids.is_empty() {
            self.send(Call::AcceptInverseOffers { offer_ids, refuse: ASKED_EVERY });
        }
        self.plan(now);
    }

    /// What offers say of their agents' maintenance.
    pub(super) fn learn_departures(&mut self, offers: &[Offer], now: Moment) {
        for offer in offers {
            let agent_id = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
            self.departures.learn(agent_id, offer.unavailability.as_ref(), self.spec.epoch, now);
        }
    }

    /// What is held against agents: failures, and that they leave.
    pub(super) fn standings(&self, now: Moment) -> BTreeMap<String, Standing> {
        let mut standings = self.agents.standings(now);
        for agent_id in self.departures.0.keys() {
            if let Some(standing) = self.departures.standing(agent_id, now) {
                standings.insert(agent_id.clone(), standing);
            }
        }
        standings
    }

    /// Moves TaskManagers away from agents that leave.
    pub(super) fn leave_agents(&mut self, now: Moment) {
        if !self.is_subscribed() {
            return;
        }
        self.departures.forget_called_off(now);
        if self.departures.0.is_empty() {
            return;
        }
        let due: Vec<_> =
            self.kept().filter(|id| self.move_at(id).is_some_and(|at| at <= now)).cloned().collect();
        for id in due {
            self.replace(&id, "its agent leaves for maintenance");
        }
    }

    /// When the next TaskManager has to move.
    pub(super) fn departure_due(&self) -> Option<Moment> {
        let moves = self.kept().filter(|_| !self.departures.0.is_empty()).filter_map(|id| self.move_at(id));
        moves.min()
    }

    fn move_at(&self, id: &str) -> Option<Moment> {
        self.departures.move_at(&self.state.tasks.get(id)?.agent_id)
    }
}
