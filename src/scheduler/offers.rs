//! Answering offers: every offer is used or declined at once, none is hoarded.

use std::collections::BTreeMap;
use std::ops::Range;

use base::time::Moment;
use mesos::call::Call;
use mesos::wire::id::{AgentId, OfferId};
use mesos::wire::offer::Offer;
use mesos::wire::task::TaskInfo;

use super::demand::Demand;
use super::place::{Candidate, Placing, Standing, Wish};
use super::resources::{Holding, Pool, Share};
use super::verdict::Verdict;
use super::{Note, Round, Scheduler, Seen, task, token};
use domain::constraint::Traits;
use domain::state::TaskRecord;

/// Where nothing is held against any agent.
static NO_STANDINGS: BTreeMap<String, Standing> = BTreeMap::new();

/// Offers put together that one ACCEPT may name, in order of agent and role.
struct Groups<'a> {
    offers: Vec<&'a Offer>,
    /// Which of the offers are of which candidate.
    ranges: Vec<Range<usize>>,
}

/// TaskManagers to be launched on the offers of one group.
struct Launch {
    agent_id: String,
    hostname: String,
    offer_ids: Vec<OfferId>,
    tasks: Vec<(String, Share)>,
}

impl Scheduler {
    /// The master offers resources.
    pub fn handle_offers(&mut self, offers: &[Offer], now: Moment) {
        self.count_offers(offers.len());
        // Whoever need not move any more needs no other in its place.
        self.learn_departures(offers, now);
        let wanted = self.wanted(now);
        self.hear_offers(now);
        if self.demand == Some(Demand::Suppressed) {
            // On their way when it was said, or SUPPRESS got lost: say it again.
            self.demand = None;
        }
        let (groups, candidates) = group(offers);
        self.offered.begin();
        for candidate in &candidates {
            self.offered.remember(candidate, now);
        }
        let (candidates, counts) = self.place(candidates, wanted, offers.len(), now);
        let launches = self.name_all(&groups, &candidates, &counts, now);
        if !launches.is_empty() {
            self.store();
        }
        for launch in launches {
            self.progress.begin(now);
            self.accept(launch);
        }
        let unused = groups.unused(&counts);
        if !unused.is_empty() {
            self.send(Call::Decline { offer_ids: unused, refuse: self.spec.refuse });
        }
        self.plan(now);
    }

    /// How many TaskManagers each candidate gets.
    fn place<'a>(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        wanted: usize,
        offers: usize,
        now: Moment,
    ) -> (Vec<Candidate<'a>>, Vec<usize>) {
        let none = vec![0; candidates.len()];
        if wanted == 0 {
            return (candidates, none);
        }
        let standings = self.standings(now);
        let wish = Wish { standings: &standings, ..self.wish(wanted) };
        let mut placing = Placing::new(candidates, &wish);
        let fits = placing.run();
        let nearest = (fits < wanted).then(|| placing.nearest()).flatten();
        let nearest = nearest.map(|nearest| self.with_reasons(nearest));
        let counts = placing.placed().to_vec();
        let candidates = placing.into_candidates();
        self.remember_round(wanted, offers, nearest, now);
        if self.waits_for_all(fits, wanted, now) {
            // Declined like any other: whoever hoards starves the rest.
            return (candidates, none);
        }
        for (candidate, _) in candidates.iter().zip(&counts).filter(|(_, count)| **count > 0) {
            self.offered.remember(candidate, now);
        }
        (candidates, counts)
    }

    /// What is known of where `wanted` TaskManagers may go, apart from what is thought of agents.
    pub(super) fn wish(&self, wanted: usize) -> Wish<'_> {
        Wish {
            wanted,
            need: &self.spec.need,
            placement: self.spec.placement,
            hard: &self.spec.hard,
            soft: &self.spec.soft,
            tasks: &self.state.tasks,
            standings: &NO_STANDINGS,
            home_region: self.home_region.as_deref(),
        }
    }

    fn remember_round(&mut self, wanted: usize, offers: usize, nearest: Option<Verdict>, now: Moment) {
        let known = self.last_round.as_ref().is_some_and(|round| round.nearest == nearest);
        if let Some(nearest) = nearest.as_ref().filter(|_| !known)
            && self.progress.tells_shortcoming(now)
        {
            self.note(Note::DoesNotFit { wanted, offers, nearest: nearest.told(now) });
        }
        self.last_round = Some(Round { at: now, offers, nearest });
    }

    fn name_all(
        &mut self,
        groups: &Groups<'_>,
        candidates: &[Candidate<'_>],
        counts: &[usize],
        now: Moment,
    ) -> Vec<Launch> {
        let mut launches = Vec::new();
        for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let candidate = &candidates[index];
            let offers = &groups.offers[groups.ranges[index].clone()];
            let mut pool = Pool::default();
            for offer in offers {
                pool.add(&offer.resources, candidate.role);
            }
            // What adds up but cannot be taken is garbage, and is accepted without launching anything.
            let shares = (0..*count).map_while(|_| pool.take(&self.spec.need));
            let shares: Vec<_> = shares.collect();
            launches.push(Launch {
                agent_id: candidate.agent_id.to_owned(),
                hostname: candidate.traits.hostname.to_owned(),
                offer_ids: offers.iter().filter_map(|offer| offer.id.clone()).collect(),
                tasks: shares.into_iter().map(|share| (self.name_task(candidate, now), share)).collect(),
            });
        }
        launches
    }

    /// A new task's id; its record is kept from here on.
    fn name_task(&mut self, candidate: &Candidate<'_>, now: Moment) -> String {
        self.state.task_counter += 1;
        let id = self.state.task_id(self.state.task_counter);
        let mut record = TaskRecord::new(candidate.agent_id.to_owned(), candidate.traits.hostname.to_owned());
        for constraint in self.spec.hard.iter().chain(&self.spec.soft).filter(|known| known.counts()) {
            let value = constraint.value(&candidate.traits);
            record.attributes.extend(value.map(|value| (constraint.attribute().to_owned(), value.into())));
        }
        self.state.tasks.insert(id.clone(), record);
        self.seen.insert(id.clone(), Seen { is_fresh: true, ..Seen::new(now) });
        self.pioneer = None;
        self.probe(&id);
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

    fn accept(&mut self, launch: Launch) {
        let Launch { agent_id, hostname, offer_ids, tasks } = launch;
        let mut infos = Vec::with_capacity(tasks.len());
        for (id, share) in tasks {
            let token = token::of(&self.state.token_secret, &id);
            infos.push(task::info(&self.spec, &id, &agent_id, &hostname, &share, token));
            self.note(Note::Launched { task: id, hostname: hostname.clone(), agent_id: agent_id.clone() });
        }
        let call = Call::Accept { offer_ids, launch: infos, refuse: self.spec.refuse };
        self.send(call);
    }
}

impl Groups<'_> {
    fn unused(&self, counts: &[usize]) -> Vec<OfferId> {
        let unused = self.ranges.iter().zip(counts).filter(|(_, count)| **count == 0);
        let offers = unused.flat_map(|(range, _)| &self.offers[range.clone()]);
        offers.filter_map(|offer| offer.id.clone()).collect()
    }
}

/// Groups, and each of them as a candidate.
fn group(offers: &[Offer]) -> (Groups<'_>, Vec<Candidate<'_>>) {
    let mut keyed: Vec<_> = offers.iter().map(|offer| (key(offer), offer)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    let mut ranges = Vec::with_capacity(keyed.len());
    let mut candidates = Vec::with_capacity(keyed.len());
    let mut start = 0;
    for chunk in keyed.chunk_by(|(one, _), (other, _)| one == other) {
        let ((agent_id, role), first) = chunk[0];
        let mut holding = Holding::default();
        for (_, offer) in chunk {
            holding.add(&offer.resources, role);
        }
        candidates.push(Candidate { agent_id, role, traits: Traits::of(first), holding });
        ranges.push(start..start + chunk.len());
        start += chunk.len();
    }
    (Groups { offers: keyed.into_iter().map(|(_, offer)| offer).collect(), ranges }, candidates)
}

/// An offer's agent and role.
fn key(offer: &Offer) -> (&str, &str) {
    let agent_id = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
    let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref());
    (agent_id, role.unwrap_or_default())
}
