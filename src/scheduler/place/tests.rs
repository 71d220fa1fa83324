use super::*;
use crate::resources::Holding;
use base::time::Moment;
use bytes::Bytes;
use domain::constraint::Traits;
use domain::need::Milli;
use mesos::wire::encoded;
use mesos::wire::offer::Offer;
use mesos::wire::resource::{Attribute, Resource, Scalar, Text, ValueType};
use mesos::wire::view::OfferView;

fn scalar(name: &str, value: f64) -> Resource {
    Resource { name: Some(name.into()), scalar: Some(Scalar { value: Some(value) }), ..Resource::default() }
}

fn offer_of_rack(value: &str) -> Offer {
    let rack = Attribute {
        name: Some("rack".into()),
        r#type: Some(ValueType::Text as i32),
        text: Some(Text { value: Some(value.into()) }),
        ..Attribute::default()
    };
    Offer { attributes: encoded(&[rack]), ..Offer::default() }
}

fn candidate<'a>(agent_id: &'a str, cpus: f64) -> Candidate<'a> {
    let mut holding = Holding::default();
    holding.add(encoded(&[scalar("cpus", cpus)]).iter().map(Bytes::as_ref), "*");
    let traits = Traits { hostname: agent_id, ..Traits::default() };
    Candidate { agent_id, role: "*", traits, holding }
}

/// For TaskManagers of one cpu.
struct World {
    need: Need,
    placement: Placement,
    hard: Vec<Constraint>,
    soft: Vec<Constraint>,
    tasks: BTreeMap<String, TaskRecord>,
    standings: BTreeMap<String, Regard>,
    home_region: Option<&'static str>,
}

impl World {
    fn new(placement: Placement) -> Self {
        Self {
            need: Need { scalars: vec![("cpus".into(), Milli::of(1.0))], ports: 0 },
            placement,
            hard: Vec::new(),
            soft: Vec::new(),
            tasks: BTreeMap::new(),
            standings: BTreeMap::new(),
            home_region: None,
        }
    }

    fn running(mut self, agents: &[&str]) -> Self {
        let record = |agent: &&str| TaskRecord::new((*agent).to_owned(), (*agent).to_owned());
        self.tasks =
            agents.iter().enumerate().map(|(number, agent)| (number.to_string(), record(agent))).collect();
        self
    }

    fn hard(mut self, text: &str) -> Self {
        self.hard.push(Constraint::parse(text).expect(text));
        self
    }

    fn soft(mut self, text: &str) -> Self {
        self.soft.push(Constraint::parse(text).expect(text));
        self
    }

    fn standing(mut self, agent: &str, standing: Regard) -> Self {
        self.standings.insert(agent.to_owned(), standing);
        self
    }

    fn request(&self, wanted: usize) -> Request<'_> {
        Request {
            noun: "TaskManager",
            group: &GroupName::TASKMANAGERS,
            wanted,
            need: &self.need,
            role: None,
            placement: self.placement,
            hard: &self.hard,
            soft: &self.soft,
            tasks: &self.tasks,
            home_region: self.home_region,
        }
    }

    /// Who gets how many, and why the others get no more.
    fn place(&self, candidates: &[Candidate<'_>], wanted: usize) -> String {
        let mut ground = Ground::new(candidates.to_vec(), &self.tasks, &self.standings);
        let mut placing = Placing::new(&ground, self.request(wanted));
        let picks = placing.run(&mut ground);
        let mut counts = BTreeMap::<usize, usize>::new();
        for index in &picks {
            *counts.entry(*index).or_default() += 1;
        }
        let placed = counts.iter().map(|(index, count)| format!("{}:{count}", candidates[*index].agent_id));
        let placed: Vec<_> = placed.collect();
        if picks.len() == wanted {
            return placed.join(" ");
        }
        let verdict = placing.nearest(&ground).map(|verdict| verdict.describe(Moment::START));
        format!("{}; {}", placed.join(" "), verdict.unwrap_or_default())
    }
}

fn three() -> [Candidate<'static>; 3] {
    [candidate("a", 4.0), candidate("b", 4.0), candidate("c", 4.0)]
}

#[test]
fn spread_and_pack() {
    let spread = World::new(Placement::Spread);
    assert_eq!(spread.place(&three(), 3), "a:1 b:1 c:1");
    assert_eq!(spread.running(&["a", "a"]).place(&three(), 2), "b:1 c:1");
    let pack = World::new(Placement::Pack);
    assert_eq!(pack.place(&three(), 3), "a:3");
    assert_eq!(pack.running(&["b"]).place(&three(), 5), "a:1 b:4");
}

#[test]
fn a_trial_is_told_in_the_word_of_the_group() {
    let world = World::new(Placement::Spread).standing("a", Regard::OnTrial { strikes: 2, is_taken: true });
    let ground = Ground::new(vec![candidate("a", 4.0)], &world.tasks, &world.standings);
    for noun in ["AppMaster", "TaskManager"] {
        let placing = Placing::new(&ground, Request { noun, ..world.request(1) });
        assert_eq!(
            placing.verdict(&ground, 0).describe(Moment::START),
            format!("nearest host=a trial: one {noun} at a time until one registers, after failures")
        );
    }
}

#[test]
fn standings() {
    let until = Moment::START + std::time::Duration::from_secs(9);
    let world = World::new(Placement::Spread)
        .standing("a", Regard::Avoided { strikes: 1 })
        .standing("b", Regard::Quarantined { until });
    assert_eq!(world.place(&three(), 4), "c:4");
    assert_eq!(world.place(&three(), 5), "a:1 c:4");
    let both = World::new(Placement::Pack)
        .standing("a", Regard::Avoided { strikes: 2 })
        .standing("c", Regard::Avoided { strikes: 1 });
    assert_eq!(both.place(&three(), 9), "a:1 b:4 c:4");
    let short = "nearest host=a cpus: needs 1, offered 0";
    assert_eq!(world.place(&three(), 9), format!("a:4 c:4; {short}"));
    assert_eq!(world.place(&three()[1..2], 1), "; nearest host=b quarantine: 9 s left after failures");
}

#[test]
fn constraints_that_count() {
    let world = || World::new(Placement::Pack);
    assert_eq!(world().hard("HOSTNAME:GROUP_BY").place(&three(), 7), "a:3 b:2 c:2");
    let unique = world().hard("HOSTNAME:UNIQUE").place(&three(), 4);
    assert_eq!(unique, "a:1 b:1 c:1; nearest host=a constraint HOSTNAME:UNIQUE: has a");
    assert_eq!(world().soft("HOSTNAME:MAX_PER:2").place(&three(), 7), "a:3 b:2 c:2");
    let until = Moment::START;
    let held = world().hard("HOSTNAME:GROUP_BY").standing("b", Regard::Quarantined { until });
    let placed = held.place(&three(), 3);
    assert!(
        placed.starts_with("a:1 c:1;"),
        "a third would leave b, which is not to be had, behind: {placed}"
    );
    let soft = world().soft("HOSTNAME:LIKE:[bc]").standing("c", Regard::Avoided { strikes: 1 });
    assert_eq!(soft.place(&three(), 3), "b:3");
}

#[test]
fn values_shared_by_several_agents() {
    let offers = encoded(&["r1", "r1", "r2"].map(offer_of_rack));
    let mut candidates = three();
    for (candidate, offer) in candidates.iter_mut().zip(&offers) {
        candidate.traits.attributes = OfferView::read(offer).expect("an offer").attributes;
    }
    let world = World::new(Placement::Spread).hard("rack:GROUP_BY");
    assert_eq!(world.place(&candidates, 6), "a:2 b:1 c:3");
    let lacking = world.place(&[candidates[2].clone(), candidate("d", 4.0)], 9);
    assert_eq!(lacking, "c:4; nearest host=c cpus: needs 1, offered 0");
    let refused = World::new(Placement::Spread).hard("rack:r2").place(&candidates[..1], 1);
    assert_eq!(refused, "; nearest host=a constraint rack:r2: has r1");
}

#[test]
fn an_agent_offered_to_two_roles_counts_once_and_gives_reserved_resources_first() {
    let role = |role, candidate: Candidate<'static>| Candidate { role, ..candidate };
    let candidates = [role("x", candidate("a", 1.0)), role("y", candidate("a", 1.0)), candidate("b", 1.0)];
    assert_eq!(World::new(Placement::Spread).place(&candidates, 2), "a:1 b:1");
    let mut reserved = candidates.clone();
    reserved[1].holding = Holding::default();
    let reservation = mesos::wire::resource::ReservationInfo::default();
    let cpus = Resource { reservations: vec![reservation], ..scalar("cpus", 1.0) };
    reserved[1].holding.add(encoded(&[cpus]).iter().map(Bytes::as_ref), "y");
    let world = World::new(Placement::Spread);
    let mut ground = Ground::new(reserved.to_vec(), &world.tasks, &world.standings);
    assert_eq!(Placing::new(&ground, world.request(1)).run(&mut ground), [1]);
}

/// Another group's tasks use up room and count where placement looks, and constraints do not count them.
#[test]
fn two_groups_on_the_same_offers() {
    let red = World {
        need: Need { scalars: vec![("cpus".into(), Milli::of(2.0))], ports: 0 },
        ..World::new(Placement::Pack)
    };
    let red = red.hard("HOSTNAME:UNIQUE");
    let red_name = GroupName::parse("red").expect("a name");
    let blue = World::new(Placement::Spread);
    let mut ground = Ground::new(three().to_vec(), &blue.tasks, &blue.standings);
    let mut reds = Placing::new(&ground, Request { group: &red_name, ..red.request(9) });
    let mut blues = Placing::new(&ground, blue.request(9));
    assert_eq!(reds.place_one(&mut ground), Some(0));
    assert_eq!(blues.place_one(&mut ground), Some(1), "where nothing is yet");
    assert_eq!(reds.place_one(&mut ground), Some(1), "of those where another red may be the fullest");
    assert_eq!(blues.place_one(&mut ground), Some(2));
    let rest = blues.run(&mut ground);
    assert_eq!(rest.len(), 6, "{rest:?}");
    assert_eq!(reds.place_one(&mut ground), None);
    let verdict = reds.nearest(&ground).expect("a reason").describe(Moment::START);
    assert_eq!(verdict, "nearest host=c cpus: needs 2, offered 0");
}

#[test]
fn taskmanagers_stay_in_the_masters_region_unless_a_constraint_speaks_of_regions() {
    let mut candidates = three();
    candidates[0].traits.region = Some("us");
    candidates[1].traits.region = Some("eu");
    let home = World { home_region: Some("eu"), ..World::new(Placement::Spread) };
    assert_eq!(home.place(&candidates, 2), "b:1 c:1", "one without a region is at home");
    let far = home.place(&candidates[..1], 1);
    assert_eq!(far, "; nearest host=a region us: the master is in eu, and no constraint names @region");
    assert_eq!(World { home_region: None, ..World::new(Placement::Pack) }.place(&candidates, 1), "a:1");
    let us = World { home_region: Some("eu"), ..World::new(Placement::Spread) }.hard("@region:us");
    assert_eq!(us.place(&candidates, 1), "a:1");
    let soft = World { home_region: Some("eu"), ..World::new(Placement::Spread) }.soft("@region:us");
    assert_eq!(soft.place(&candidates, 5), "a:4 b:1", "a wish opens the other regions too");
}

/// However many values are counted, a round stays near n log n: here it would take minutes otherwise.
#[test]
fn a_large_round_with_constraints_that_count() {
    let names: Vec<_> = (0..5_000).map(|number| format!("host-{number}")).collect();
    let candidates: Vec<_> = names.iter().map(|name| candidate(name, 4.0)).collect();
    let world = World::new(Placement::Pack).hard("HOSTNAME:GROUP_BY").soft("HOSTNAME:UNIQUE");
    let placed = world.place(&candidates, 10_000);
    assert_eq!(placed.split(' ').filter(|text| text.ends_with(":2")).count(), 5_000);
}
