//! Answering offers: every offer is used or declined at once, none is hoarded.

use std::collections::BTreeMap;
use std::ops::Range;

use base::time::Moment;
use bytes::Bytes;
use mesos::call::Call;
use mesos::wire::id::OfferId;
use mesos::wire::task::TaskInfo;
use mesos::wire::view::OfferView;

use super::demand::Demand;
use super::ground::{Candidate, Ground};
use super::group::Round;
use super::place::Request;
use super::resources::{Allotment, Holding, Pool};
use super::spec::{Placement, TASK};
use super::turns::{self, Claimant, Outcome};
use super::{Note, Scheduler, Seen, task, token};
use domain::constraint::Traits;
use domain::group::GroupName;
use domain::need::Need;
use domain::state::TaskRecord;

/// Of a group that is not there.
static NO_NEED: Need = Need { scalars: Vec::new(), ports: 0 };

/// How many tasks of which group each candidate gets, by its place in the list.
type Picks = BTreeMap<usize, BTreeMap<GroupName, usize>>;

/// Offers put together that one ACCEPT may name, in order of agent and role.
struct Lots<'a> {
    offers: Vec<OfferView<'a>>,
    /// Which of the offers are of which candidate.
    ranges: Vec<Range<usize>>,
}

/// Tasks to be launched on the offers of one lot.
struct Launch {
    agent_id: String,
    hostname: String,
    offer_ids: Vec<OfferId>,
    tasks: Vec<(GroupName, String, Allotment)>,
}

impl Scheduler {
    /// The master offers resources. Each is one that an [`OfferView`] reads.
    pub fn handle_offers(&mut self, offers: &[Bytes], now: Moment) {
        self.count_offers(offers.len());
        let mut views = Vec::with_capacity(offers.len());
        views.extend(offers.iter().filter_map(|offer| OfferView::read(offer)));
        // Whoever need not move any more needs no other in its place.
        self.learn_departures(&views, now);
        self.let_go(now);
        let wanted = self.wanted_by_group(now);
        self.hear_offers(now);
        self.look.end();
        if self.demand == Some(Demand::Suppressed) {
            // On their way when it was said, or SUPPRESS got lost: say it again.
            self.demand = None;
        }
        let (lots, candidates) = in_lots(views);
        self.offered.begin();
        self.offered.remember(&candidates, now);
        let (candidates, picks) = self.place(candidates, &wanted, offers.len(), now);
        let launches = self.name_all(&lots, &candidates, &picks, now);
        if !launches.is_empty() {
            self.store();
        }
        for launch in launches {
            self.accept(launch, now);
        }
        let unused = lots.unused(&picks);
        if !unused.is_empty() {
            self.send(Call::Decline { offer_ids: unused, refuse: self.spec.refuse });
        }
        self.plan(now);
    }

    /// The groups that want tasks, and how many.
    fn wanted_by_group(&self, now: Moment) -> Vec<(GroupName, usize)> {
        let wanted = self.census().lacking.keys().map(|name| (name, self.wanted(name, now)));
        wanted.filter(|(_, wanted)| *wanted > 0).map(|(name, wanted)| (name.clone(), wanted)).collect()
    }

    /// Which candidates get how many tasks of which groups.
    fn place<'a>(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        wanted: &[(GroupName, usize)],
        offers: usize,
        now: Moment,
    ) -> (Vec<Candidate<'a>>, Picks) {
        let mut picks = Picks::new();
        if wanted.is_empty() {
            return (candidates, picks);
        }
        let (candidates, placed, waiting) = self.hand_out(candidates, wanted, now);
        // Those of gangs that wait are declined like any others: whoever hoards starves the rest.
        for outcome in &placed {
            for index in &outcome.picks {
                *picks.entry(*index).or_default().entry(outcome.name.clone()).or_default() += 1;
            }
        }
        for index in picks.keys() {
            self.offered.remember(&candidates[*index..=*index], now);
        }
        for outcome in waiting.into_iter().chain(placed) {
            self.keep_gang(&outcome.name, outcome.picks.len(), outcome.wanted, now);
            self.remember_round(outcome, offers, now);
        }
        (candidates, picks)
    }

    /// What groups get, and what those would get that rather wait for all they want. The others get what is left without
    /// these.
    fn hand_out<'a>(
        &self,
        candidates: Vec<Candidate<'a>>,
        wanted: &[(GroupName, usize)],
        now: Moment,
    ) -> (Vec<Candidate<'a>>, Vec<Outcome>, Vec<Outcome>) {
        let standings = self.standings(now);
        let mut waiting: Vec<Outcome> = Vec::new();
        let may_wait = |name: &GroupName| self.starts_as_a_whole(name, now);
        let has_gang = wanted.iter().any(|(name, _)| may_wait(name));
        // Most rounds need no second look.
        let untouched = (has_gang && wanted.len() > 1).then(|| candidates.clone());
        let mut candidates = candidates;
        loop {
            let is_out = |name: &GroupName| waiting.iter().any(|outcome| outcome.name == *name);
            let rest = wanted.iter().filter(|(name, _)| !is_out(name));
            let claimants: Vec<_> = rest.map(|(name, wanted)| self.claimant(name, *wanted)).collect();
            #[cfg(test)]
            let claimants = self.in_another_order(claimants);
            let mut ground = Ground::new(candidates, &self.state.tasks, &standings);
            let mut outcomes = turns::hand_out(&mut ground, &claimants);
            let short = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_short());
            let short = short.filter(|(_, outcome)| may_wait(&outcome.name));
            // One at a time: what it leaves may complete another.
            let Some((index, _)) = short.max_by_key(|(index, outcome)| (outcome.missing(), *index)) else {
                self.give_reasons(outcomes.iter_mut().chain(&mut waiting));
                return (ground.into_candidates(), outcomes, waiting);
            };
            waiting.push(outcomes.remove(index));
            let Some(untouched) = untouched.as_ref().filter(|_| waiting.len() < wanted.len()) else {
                self.give_reasons(waiting.iter_mut());
                return (ground.into_candidates(), Vec::new(), waiting);
            };
            candidates = untouched.clone();
        }
    }

    fn claimant<'a>(&'a self, name: &'a GroupName, wanted: usize) -> Claimant<'a> {
        Claimant { name, level: self.level(name), request: self.request(name, wanted) }
    }

    /// As a test wants it.
    #[cfg(test)]
    fn in_another_order<'a>(&self, mut claimants: Vec<Claimant<'a>>) -> Vec<Claimant<'a>> {
        for (index, claimant) in claimants.iter_mut().enumerate().filter(|_| self.serves_by_name) {
            claimant.level.have = 1000 * index;
            claimant.level.target = 1;
        }
        claimants
    }

    fn give_reasons<'a>(&self, outcomes: impl Iterator<Item = &'a mut Outcome>) {
        for outcome in outcomes {
            outcome.nearest = outcome.nearest.take().map(|nearest| self.with_reasons(nearest));
        }
    }

    /// What is known of where `wanted` tasks of a group may go.
    pub(super) fn request<'a>(&'a self, name: &'a GroupName, wanted: usize) -> Request<'a> {
        let spec = self.groups.get(name).map(|group| &group.spec);
        Request {
            group: name,
            noun: spec.map_or(TASK, |spec| spec.noun),
            wanted,
            need: spec.map_or(&NO_NEED, |spec| &spec.need),
            role: spec.and_then(|spec| spec.role.as_deref()),
            placement: spec.map_or(Placement::Spread, |spec| spec.placement),
            hard: spec.map_or(&[], |spec| &spec.hard),
            soft: spec.map_or(&[], |spec| &spec.soft),
            tasks: &self.state.tasks,
            home_region: self.home_region.as_deref(),
        }
    }

    fn remember_round(&mut self, outcome: Outcome, offers: usize, now: Moment) {
        let Outcome { name, wanted, nearest, .. } = outcome;
        let Some(group) = self.groups.get_mut(&name) else { return };
        let known = group.last_round.as_ref().is_some_and(|round| round.nearest == nearest);
        let mut told = None;
        if let Some(nearest) = nearest.as_ref().filter(|_| !known)
            && group.progress.tells_shortcoming(now)
        {
            told = Some(Note::DoesNotFit { group: name, wanted, offers, nearest: nearest.describe(now) });
        }
        group.last_round = Some(Round { at: now, offers, nearest });
        if let Some(note) = told {
            self.note(note);
        }
    }

    fn name_all(
        &mut self,
        lots: &Lots<'_>,
        candidates: &[Candidate<'_>],
        picks: &Picks,
        now: Moment,
    ) -> Vec<Launch> {
        let mut launches = Vec::with_capacity(picks.len());
        for (index, counts) in picks {
            let candidate = &candidates[*index];
            let offers = &lots.offers[lots.ranges[*index].clone()];
            let mut pool = Pool::default();
            for offer in offers {
                pool.add(offer.resources.iter(), candidate.role);
            }
            let mut tasks = Vec::new();
            for (name, count) in counts {
                let Some(group) = self.groups.get(name) else { continue };
                // What adds up but cannot be taken is garbage, and is accepted without launching anything.
                let allotted = (0..*count).map_while(|_| pool.take(&group.spec.need));
                let allotted: Vec<_> = allotted.collect();
                for allotment in allotted {
                    tasks.push((name.clone(), self.name_task(name, candidate, now), allotment));
                }
            }
            launches.push(Launch {
                agent_id: candidate.agent_id.to_owned(),
                hostname: candidate.traits.hostname.to_owned(),
                offer_ids: offers.iter().map(|offer| OfferId::new(offer.id)).collect(),
                tasks,
            });
        }
        launches
    }

    /// A new task's id; its record is kept from here on.
    fn name_task(&mut self, name: &GroupName, candidate: &Candidate<'_>, now: Moment) -> String {
        self.state.task_counter += 1;
        let id = self.state.task_id(name, self.state.task_counter);
        let attempt = match name.is_taskmanagers() {
            true => 0,
            false => {
                let stored = self.state.group_mut(name);
                stored.launched = stored.launched.saturating_add(1);
                stored.launched
            }
        };
        let mut record = TaskRecord {
            group: name.clone(),
            attempt,
            generation: self.generation(name),
            ..TaskRecord::new(candidate.agent_id.to_owned(), candidate.traits.hostname.to_owned())
        };
        if let Some(group) = self.groups.get_mut(name) {
            let constraints = group.spec.hard.iter().chain(&group.spec.soft);
            for constraint in constraints.filter(|known| known.counts()) {
                let value = constraint.value(&candidate.traits);
                let value = value.map(|value| (constraint.attribute().to_owned(), value.into()));
                record.attributes.extend(value);
            }
            group.pioneer = None;
        }
        self.state.tasks.insert(id.clone(), record);
        self.seen.insert(id.clone(), Seen { is_fresh: true, ..Seen::new(now) });
        self.probe(name, &id);
        id
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

    fn accept(&mut self, launch: Launch, now: Moment) {
        let Launch { agent_id, hostname, offer_ids, tasks } = launch;
        let mut infos = Vec::with_capacity(tasks.len());
        for (name, id, allotment) in tasks {
            let Some(group) = self.groups.get_mut(&name) else { continue };
            group.progress.begin(now);
            let attempt = self.state.tasks.get(&id).map_or(0, |record| record.attempt);
            let assignment =
                task::Assignment { agent_id: &agent_id, hostname: &hostname, attempt, allotment: &allotment };
            let token = token::of(&self.state.token_secret, &id);
            infos.push(task::info(&group.spec.template, self.spec.kill_grace, &id, &assignment, token));
            self.note(Note::Launched { task: id, hostname: hostname.clone(), agent_id: agent_id.clone() });
        }
        let call = Call::Accept { offer_ids, launch: infos, refuse: self.spec.refuse };
        self.send(call);
    }
}

impl Lots<'_> {
    fn unused(&self, picks: &Picks) -> Vec<OfferId> {
        let unused = self.ranges.iter().enumerate().filter(|(index, _)| !picks.contains_key(index));
        let offers = unused.flat_map(|(_, range)| &self.offers[range.clone()]);
        offers.map(|offer| OfferId::new(offer.id)).collect()
    }
}

/// Lots, and each of them as a candidate.
fn in_lots(mut offers: Vec<OfferView<'_>>) -> (Lots<'_>, Vec<Candidate<'_>>) {
    offers.sort_by_key(key);
    let mut ranges = Vec::with_capacity(offers.len());
    let mut candidates = Vec::with_capacity(offers.len());
    let mut start = 0;
    for lot in offers.chunk_by(|one, other| key(one) == key(other)) {
        let (agent_id, role) = key(&lot[0]);
        let mut holding = Holding::default();
        for offer in lot {
            holding.add(offer.resources.iter(), role);
        }
        candidates.push(Candidate { agent_id, role, traits: Traits::of(&lot[0]), holding });
        ranges.push(start..start + lot.len());
        start += lot.len();
    }
    (Lots { offers, ranges }, candidates)
}

/// An offer's agent and role.
fn key<'a>(offer: &OfferView<'a>) -> (&'a str, &'a str) {
    (offer.agent_id, offer.role)
}
