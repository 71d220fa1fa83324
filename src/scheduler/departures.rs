//! Agents that are about to leave, and their TaskManagers, which move before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::time::Moment;
use mesos::call::Call;
use mesos::wire::id::{AgentId, OfferId};
use mesos::wire::offer::InverseOffer;
use mesos::wire::time::Unavailability;
use mesos::wire::view::OfferView;

use super::ground::Regard;
use super::{Note, Scheduler};
use domain::state::Goal;

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
pub(super) struct Departures {
    planned: BTreeMap<String, Departure>,
    /// Agents that an offer said of that nothing is planned any more.
    stay: BTreeSet<String>,
    /// Since when masters could tell of them.
    listening: Option<Moment>,
}

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
            if self.planned.remove(agent_id).is_some() {
                self.stay.insert(agent_id.to_owned());
            }
            return;
        };
        let start = told.start.as_ref().and_then(|start| start.nanoseconds).unwrap_or_default();
        let since_epoch = Duration::from_nanos(u64::try_from(start).unwrap_or_default());
        let begin = Moment::START + since_epoch.saturating_sub(epoch);
        let lasts = told.duration.as_ref().and_then(|duration| duration.nanoseconds);
        let lasts = lasts.and_then(|nanoseconds| u64::try_from(nanoseconds).ok()).map(Duration::from_nanos);
        let departure = Departure { begin, end: lasts.map(|lasts| begin + lasts), told: now };
        self.stay.remove(agent_id);
        self.planned.insert(agent_id.to_owned(), departure);
    }

    /// Nobody told anything while there was no master.
    pub(super) fn told_again(&mut self, now: Moment) {
        self.planned.values_mut().for_each(|departure| departure.told = now);
        self.listening = Some(now);
    }

    fn forget_called_off(&mut self, now: Moment) {
        self.planned.retain(|agent_id, departure| {
            let holds =
                now.since(departure.told) < CALLED_OFF_AFTER && departure.end.is_none_or(|end| now < end);
            if !holds {
                self.stay.insert(agent_id.clone());
            }
            holds
        });
    }

    /// When TaskManagers are to leave the agent.
    fn move_at(&self, agent_id: &str) -> Option<Moment> {
        self.planned.get(agent_id).map(|departure| departure.begin_early(MOVE_BEFORE))
    }

    /// Whether an agent stays that was to leave. Nobody knows before the master had time to ask for it again.
    fn are_called_off(&self, agent_id: &str, now: Moment) -> bool {
        let has_listened = self.listening.is_some_and(|since| now.since(since) >= CALLED_OFF_AFTER);
        !self.planned.contains_key(agent_id) && (has_listened || self.stay.contains(agent_id))
    }

    /// What it means for new TaskManagers.
    fn standing(&self, agent_id: &str, now: Moment) -> Option<Regard> {
        let departure =
            self.planned.get(agent_id).filter(|departure| departure.begin_early(AVOID_BEFORE) <= now)?;
        Some(Regard::Leaving { at: departure.begin })
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
        // The master takes several together for a mistake unless they are of one agent.
        let mut by_agent: BTreeMap<&str, Vec<OfferId>> = BTreeMap::new();
        for offer in offers {
            let agent_id = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
            by_agent.entry(agent_id).or_default().extend(offer.id.clone());
        }
        for offer_ids in by_agent.into_values().filter(|ids| !ids.is_empty()) {
            self.send(Call::AcceptInverseOffers { offer_ids, refuse: ASKED_EVERY });
        }
        self.plan(now);
    }

    /// What offers say of their agents' maintenance.
    pub(super) fn learn_departures(&mut self, offers: &[OfferView<'_>], now: Moment) {
        for offer in offers {
            self.departures.learn(offer.agent_id, offer.unavailability.as_ref(), self.spec.epoch, now);
        }
        self.move_no_more(now);
    }

    /// What is held against agents: failures, and that they leave.
    pub(super) fn standings(&self, now: Moment) -> BTreeMap<String, Regard> {
        let starting = self.seen.iter().filter(|(_, seen)| seen.is_starting());
        let starting = starting.filter_map(|(id, _)| Some(self.state.tasks.get(id)?.agent_id.as_str()));
        let starting = if self.agents.has_trials() { starting.collect() } else { BTreeSet::new() };
        let mut standings = self.agents.standings(&starting, self.offered.agents() <= 1, now);
        for agent_id in self.departures.planned.keys() {
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
        self.move_no_more(now);
        if self.departures.planned.is_empty() {
            return;
        }
        let due: Vec<_> =
            self.kept().filter(|id| self.move_at(id).is_some_and(|at| at <= now)).cloned().collect();
        for id in due {
            self.replace(&id, "its agent goes into maintenance");
            if let Some(record) = self.state.tasks.get_mut(&id) {
                record.leaves = true;
            }
        }
    }

    /// Those that were to move and need not any more go on; what was launched in their place is too much then.
    fn move_no_more(&mut self, now: Moment) {
        let stays = |id: &&String| {
            let record = self.state.tasks.get(*id);
            record
                .is_some_and(|record| record.leaves && self.departures.are_called_off(&record.agent_id, now))
        };
        let staying: Vec<_> = self.replaced().filter(stays).cloned().collect();
        for id in &staying {
            if let Some(record) = self.state.tasks.get_mut(id) {
                (record.goal, record.leaves) = (Goal::Run, false);
            }
            self.note(Note::NotMoving { task: id.clone() });
        }
        if !staying.is_empty() {
            self.store();
            self.retire_surplus();
        }
    }

    /// When the next TaskManager has to move.
    pub(super) fn departure_due(&self) -> Option<Moment> {
        let moves =
            self.kept().filter(|_| !self.departures.planned.is_empty()).filter_map(|id| self.move_at(id));
        moves.chain(self.called_off_due()).min()
    }

    /// When what is to move may stay, as far as nobody says otherwise.
    fn called_off_due(&self) -> Option<Moment> {
        let leaving =
            self.replaced().filter_map(|id| self.state.tasks.get(id)).filter(|record| record.leaves);
        let due = leaving.filter_map(|record| match self.departures.planned.get(&record.agent_id) {
            Some(departure) => {
                let unsaid = departure.told + CALLED_OFF_AFTER;
                Some(departure.end.map_or(unsaid, |end| end.min(unsaid)))
            }
            None => self.departures.listening.map(|since| since + CALLED_OFF_AFTER),
        });
        due.min()
    }

    fn move_at(&self, id: &str) -> Option<Moment> {
        self.departures.move_at(&self.state.tasks.get(id)?.agent_id)
    }
}
