//! Answering offers: every offer is used or declined at once, none is hoarded.

use std::collections::BTreeMap;

use crate::mesos::call::Call;
use crate::mesos::wire::id::OfferId;
use crate::mesos::wire::offer::Offer;
use crate::mesos::wire::task::TaskInfo;
use crate::time::Moment;

use super::constraint::Counts;
use super::demand::Demand;
use super::place::{self, Group, Placed, Verdict, Wish};
use super::resources::Share;
use super::state::TaskRecord;
use super::{Action, Gang, Note, Round, Scheduler, Seen, task, token};

impl Scheduler {
    /// The master offers resources.
    pub fn handle_offers(&mut self, offers: &[Offer], now: Moment) {
        let wanted = self.wanted(now);
        self.hear_offers(now);
        if self.demand == Some(Demand::Suppressed) {
            // On their way when it was said, or SUPPRESS got lost: say it again.
            self.demand = None;
        }
        self.learn_departures(offers, now);
        let groups = place::group(offers);
        let mut placed = place::place(
            groups,
            &Wish {
                wanted,
                need: &self.spec.need,
                placement: self.spec.placement,
                hard: &self.spec.hard,
                soft: &self.spec.soft,
                present: &self.present(),
                counts: &self.counts(),
                standings: &self.standings(now),
            },
        );
        if self.waits_for_all(&placed, wanted, now) {
            // Declined like any other: whoever hoards starves the rest.
            placed.unused.extend(std::mem::take(&mut placed.accepted).into_iter().map(|(group, _)| group));
        }
        if wanted > 0 {
            self.remember_round(wanted, offers.len(), placed.misses, now);
        }

        let launches: Vec<_> =
            placed.accepted.into_iter().map(|(group, shares)| self.name_tasks(group, shares, now)).collect();
        if !launches.is_empty() {
            self.store();
        }
        for (group, tasks) in launches {
            self.accept(group, tasks);
        }
        let unused: Vec<OfferId> = placed.unused.into_iter().flat_map(|group| group.offers).collect();
        if !unused.is_empty() {
            self.send(Call::Decline { offer_ids: unused, refuse: self.spec.refuse });
        }
        self.plan(now);
    }

    /// Whether nothing is launched because not everything fits, as long as `Spec::gang` allows.
    fn waits_for_all(&mut self, placed: &Placed, wanted: usize, now: Moment) -> bool {
        let Some(patience) = self.spec.gang.filter(|_| wanted > 0) else { return false };
        let fits = placed.accepted.iter().map(|(_, shares)| shares.len()).sum();
        let is_whole_set = self.kept().next().is_none();
        if !is_whole_set || fits >= wanted {
            self.gang = None;
            return false;
        }
        let since = self.gang.map_or(now, |gang| gang.since);
        self.gang = Some(Gang { since, fits });
        now.since(since) < patience
    }

    /// How many TaskManagers each agent holds, those that may come back included.
    fn present(&self) -> BTreeMap<String, usize> {
        let mut present = BTreeMap::new();
        for record in self.state.tasks.values() {
            *present.entry(record.agent_id.clone()).or_default() += 1;
        }
        present
    }

    /// The same by the attributes that constraints count by.
    fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for (attribute, value) in self.state.tasks.values().flat_map(|record| &record.attributes) {
            let values = counts.entry(attribute.clone()).or_default();
            *values.entry(value.clone()).or_default() += 1;
        }
        counts
    }

    fn remember_round(&mut self, wanted: usize, offers: usize, verdicts: Vec<Verdict>, now: Moment) {
        let known = self.last_round.as_ref().is_some_and(|round| round.verdicts == verdicts);
        if let Some(nearest) = place::nearest(&verdicts).filter(|_| !known) {
            self.note(Note::DoesNotFit { wanted, offers, nearest: nearest.to_string() });
        }
        self.last_round = Some(Round { at: now, offers, verdicts });
    }

    /// Gives each share a task id and a record.
    fn name_tasks(&mut self, group: Group, shares: Vec<Share>, now: Moment) -> (Group, Vec<(String, Share)>) {
        let tasks = shares.into_iter().map(|share| {
            self.state.task_counter += 1;
            let id = format!("taskmanager-{:05}", self.state.task_counter);
            let mut record = TaskRecord::new(group.agent_id.clone(), group.hostname.clone());
            for constraint in self.spec.hard.iter().chain(&self.spec.soft).filter(|known| known.counts()) {
                let value = constraint.value(&group.traits);
                record.attributes.extend(value.map(|value| (constraint.attribute().to_owned(), value)));
            }
            self.state.tasks.insert(id.clone(), record);
            self.seen.insert(id.clone(), Seen::new(now));
            (id, share)
        });
        let tasks = tasks.collect();
        (group, tasks)
    }

    /// The master has not heard of these launches.
    pub(super) fn forget_launches(&mut self, launch: &[TaskInfo]) {
        let ids = launch.iter().filter_map(|task| task.name.as_deref());
        for id in ids {
            self.state.tasks.remove(id);
            self.seen.remove(id);
            self.reconciliation.forget(id);
        }
        self.store();
    }

    fn accept(&mut self, group: Group, tasks: Vec<(String, Share)>) {
        let mut infos = Vec::with_capacity(tasks.len());
        for (id, share) in tasks {
            let token = token::of(&self.state.token_secret, &id);
            infos.push(task::info(&self.spec, &id, &group.agent_id, &group.hostname, &share, token));
            self.note(Note::Launched {
                task: id,
                hostname: group.hostname.clone(),
                agent_id: group.agent_id.clone(),
            });
        }
        let call = Call::Accept { offer_ids: group.offers, launch: infos, refuse: self.spec.refuse };
        self.actions.push_back(Action::Send(call));
    }
}
