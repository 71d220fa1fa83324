//! Taking what a TaskManager needs out of offered resources.
//!
//! Mesos keeps scalars as fixed-point numbers with three decimals, so all arithmetic here is in thousandths.
//! A resource goes back to the master as a clone of the offered one with only the amount changed: role,
//! reservations, allocation and disk info must equal what was offered, else the master finds it nowhere.

use std::fmt;

use domain::need::{Milli, Need};
use mesos::wire::resource::{Range, Ranges, Resource, Scalar, ValueType};
use mesos::wire::view::ResourceView;
use prost::Message as _;

/// A resource that the offers of one agent lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    pub resource: String,
    pub needed: Milli,
    pub offered: Milli,
}

impl fmt::Display for Miss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: needs {}, offered {}", self.resource, self.needed, self.offered)
    }
}

fn missing_per_mille(needed: Milli, offered: Milli) -> i64 {
    (needed.0 - offered.0).saturating_mul(1000) / needed.0.max(1)
}

/// What one task gets of the offered resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allotment {
    pub resources: Vec<Resource>,
    /// As many as [`Need::ports`], in ascending order.
    pub ports: Vec<u64>,
}

/// How much of each resource an agent offers to one role, in numbers alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holding {
    /// By [`COMMON_NAMES`]: most agents have no others, and need no memory for these.
    common: [Amount; COMMON_NAMES.len()],
    others: Vec<(String, Amount)>,
    pub ports: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Amount {
    free: Milli,
    /// The part that nobody else can use; it is used first.
    reserved: Milli,
}

const COMMON_NAMES: [&str; 4] = ["cpus", "mem", "disk", "gpus"];

/// An agent with more kinds of resources has the others forgotten.
const MAX_OTHERS: usize = 28;

impl Holding {
    /// Adds what [`Pool::add`] would.
    pub fn add<'r>(&mut self, resources: impl Iterator<Item = &'r [u8]>, role: &str) {
        for (_, view) in usable(resources, role) {
            if view.name == PORTS.as_bytes() {
                self.ports += spans(&view).iter().map(|(first, last)| last - first + 1).sum::<u64>();
                continue;
            }
            let free = Milli::of(view.scalar);
            if free.0 > 0 && !view.name.is_empty() {
                self.add_scalar(view.name, free, depth(&view) > 0);
            }
        }
    }

    fn add_scalar(&mut self, name: &[u8], free: Milli, is_reserved: bool) {
        let common = COMMON_NAMES.iter().position(|common| common.as_bytes() == name);
        let amount = match common {
            Some(index) => Some(&mut self.common[index]),
            None => self.other(name),
        };
        if let Some(amount) = amount {
            amount.free.0 = amount.free.0.saturating_add(free.0);
            if is_reserved {
                amount.reserved.0 = amount.reserved.0.saturating_add(free.0);
            }
        }
    }

    /// Of one that is none of the common ones. None if there are too many of these, or its name is no text.
    fn other(&mut self, name: &[u8]) -> Option<&mut Amount> {
        let index = match self.others.iter().position(|(known, _)| known.as_bytes() == name) {
            Some(index) => index,
            None if self.others.len() >= MAX_OTHERS => return None,
            None => {
                let name = std::str::from_utf8(name).ok()?;
                self.others.push((name.to_owned(), Amount::default()));
                self.others.len() - 1
            }
        };
        self.others.get_mut(index).map(|(_, amount)| amount)
    }

    /// Takes `need` out if all of it is there.
    pub fn take(&mut self, need: &Need) -> bool {
        if self.shortages(need).next().is_some() {
            return false;
        }
        for (name, needed) in &need.scalars {
            if let Some(amount) = self.amount_mut(name) {
                amount.free.0 -= needed.0;
                amount.reserved.0 = (amount.reserved.0 - needed.0).max(0);
            }
        }
        self.ports -= need.ports as u64;
        true
    }

    /// Everything that is missing.
    pub fn misses<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = Miss> + 'a {
        self.shortages(need).map(|(resource, needed, offered)| Miss {
            resource: resource.into(),
            needed,
            offered,
        })
    }

    /// How much of it is missing, each in thousandths of what is needed.
    pub fn missing_per_mille<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = i64> + 'a {
        self.shortages(need).map(|(_, needed, offered)| missing_per_mille(needed, offered))
    }

    /// Name, needed and offered.
    fn shortages<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = (&'a str, Milli, Milli)> {
        let free = |name: &str| self.amount(name).map(|amount| amount.free).unwrap_or_default();
        let scalars = need.scalars.iter().map(move |(name, needed)| (name.as_str(), *needed, free(name)));
        let ports =
            (need.ports > 0).then(|| (PORTS, Milli::whole(need.ports as u64), Milli::whole(self.ports)));
        scalars.chain(ports).filter(|(_, needed, offered)| needed > offered)
    }

    /// Whether something that is needed is reserved.
    pub fn is_reserved_for(&self, need: &Need) -> bool {
        let amounts = need.scalars.iter().filter_map(|(name, _)| self.amount(name));
        amounts.into_iter().any(|amount| amount.reserved.0 > 0)
    }

    /// What there is of each.
    pub fn amounts(&self) -> impl Iterator<Item = (&str, Milli)> {
        let ports = (PORTS, Milli::whole(self.ports));
        self.scalars().chain(std::iter::once(ports).filter(|(_, free)| free.0 > 0))
    }

    fn scalars(&self) -> impl Iterator<Item = (&str, Milli)> {
        let common = COMMON_NAMES.into_iter().zip(&self.common);
        let others = self.others.iter().map(|(name, amount)| (name.as_str(), amount));
        common.chain(others).map(|(name, amount)| (name, amount.free)).filter(|(_, free)| free.0 > 0)
    }

    fn amount(&self, name: &str) -> Option<&Amount> {
        match COMMON_NAMES.iter().position(|common| *common == name) {
            Some(index) => Some(&self.common[index]),
            None => self.others.iter().find(|(known, _)| known == name).map(|(_, amount)| amount),
        }
    }

    fn amount_mut(&mut self, name: &str) -> Option<&mut Amount> {
        match COMMON_NAMES.iter().position(|common| *common == name) {
            Some(index) => Some(&mut self.common[index]),
            None => self.others.iter_mut().find(|(known, _)| known == name).map(|(_, amount)| amount),
        }
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, free) in self.scalars() {
            write!(out, "{name} {free}, ")?;
        }
        write!(out, "ports {}", self.ports)
    }
}

const PORTS: &str = "ports";

/// What is left of the offers of one agent to one role.
#[derive(Clone, Debug, Default)]
pub struct Pool<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Debug)]
struct Part<'a> {
    offered: &'a [u8],
    name: &'a [u8],
    depth: usize,
    free: Milli,
    /// In ascending order.
    spans: Vec<(u64, u64)>,
}

impl<'a> Pool<'a> {
    /// Adds an offer's resources, leaving out what a TaskManager must not take: revocable and shared
    /// resources, disks with a source or a volume on them, and what is allocated to another role than the offer.
    pub fn add(&mut self, resources: impl Iterator<Item = &'a [u8]>, role: &str) {
        self.parts.extend(usable(resources, role).map(|(offered, view)| Part {
            offered,
            name: view.name,
            depth: depth(&view),
            free: Milli::of(view.scalar),
            spans: if view.name == PORTS.as_bytes() { spans(&view) } else { Vec::new() },
        }));
        // Reserved resources first, and those first that fewest others could use.
        self.parts.sort_by_key(|part| std::cmp::Reverse(part.depth));
    }

    /// Takes `need` out of the pool. None if it is not all there, and then the pool is of no use any more.
    pub fn take(&mut self, need: &Need) -> Option<Allotment> {
        let mut share = Allotment::default();
        for (name, amount) in &need.scalars {
            self.take_scalar(name, *amount, &mut share)?;
        }
        self.take_ports(need.ports, &mut share)?;
        Some(share)
    }

    fn take_scalar(&mut self, name: &str, needed: Milli, share: &mut Allotment) -> Option<()> {
        let mut left = needed;
        for part in self.parts.iter_mut().filter(|part| part.name == name.as_bytes()) {
            let taken = left.min(part.free);
            if taken.0 > 0 {
                share.resources.push(part.with_amount(taken)?);
                part.free = Milli(part.free.0 - taken.0);
                left = Milli(left.0 - taken.0);
            }
        }
        (left.0 <= 0).then_some(())
    }

    fn take_ports(&mut self, count: usize, share: &mut Allotment) -> Option<()> {
        for part in self.parts.iter_mut().filter(|part| part.name == PORTS.as_bytes()) {
            let mut taken = Vec::new();
            while share.ports.len() + taken.len() < count
                && let Some(port) = take_lowest(&mut part.spans)
            {
                // Twice the same port cannot be right, but must not do harm.
                if !share.ports.contains(&port) {
                    taken.push(port);
                }
            }
            if !taken.is_empty() {
                share.resources.push(part.with_ports(&taken)?);
                share.ports.extend(taken);
            }
        }
        share.ports.sort_unstable();
        (share.ports.len() == count).then_some(())
    }
}

impl Part<'_> {
    fn with_amount(&self, amount: Milli) -> Option<Resource> {
        Some(Resource { scalar: Some(Scalar { value: Some(amount.value()) }), ..self.decoded()? })
    }

    fn with_ports(&self, ports: &[u64]) -> Option<Resource> {
        let range = ports.iter().map(|port| Range { begin: Some(*port), end: Some(*port) });
        let ranges = Some(Ranges { range: range.collect() });
        Some(Resource { r#type: Some(ValueType::Ranges as i32), ranges, ..self.decoded()? })
    }

    /// None if it was garbage where a [`ResourceView`] does not look.
    fn decoded(&self) -> Option<Resource> {
        Resource::decode(self.offered).ok()
    }
}

/// What a TaskManager may take of an offer's resources; garbage is nothing.
fn usable<'a>(
    resources: impl Iterator<Item = &'a [u8]>,
    role: &str,
) -> impl Iterator<Item = (&'a [u8], ResourceView<'a>)> {
    let views = resources.filter_map(|resource| Some((resource, ResourceView::read(resource)?)));
    views.filter(move |(_, view)| {
        let is_ours = view.allocated_to.is_none_or(|allocated| allocated == role.as_bytes());
        is_ours && !view.is_revocable && !view.is_shared && !view.is_special_disk
    })
}

/// How many reservations are on it, one within the other.
fn depth(view: &ResourceView<'_>) -> usize {
    let old_form = view.role.is_some_and(|role| role != "*");
    view.reservations.max(usize::from(old_form))
}

/// The ports of a resource in ascending order, each once, whatever the ranges are like.
fn spans(view: &ResourceView<'_>) -> Vec<(u64, u64)> {
    const MAX_PORT: u64 = u16::MAX as u64;
    let mut spans: Vec<_> = view
        .ranges()
        .map(|(first, last)| (first.max(1), last.min(MAX_PORT)))
        .filter(|(first, last)| first <= last)
        .collect();
    spans.sort_unstable();
    spans.dedup_by(|next, before| {
        let overlaps = next.0 <= before.1;
        if overlaps {
            before.1 = before.1.max(next.1);
        }
        overlaps
    });
    spans
}

fn take_lowest(spans: &mut Vec<(u64, u64)>) -> Option<u64> {
    let (first, last) = spans.first_mut()?;
    let lowest = *first;
    if first == last {
        spans.remove(0);
    } else {
        *first += 1;
    }
    Some(lowest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use bytes::Bytes;
    use mesos::wire::encoded;
    use mesos::wire::resource::{AllocationInfo, ReservationInfo, RevocableInfo};

    pub fn scalar(name: &str, value: f64) -> Resource {
        Resource {
            name: Some(name.into()),
            r#type: Some(ValueType::Scalar as i32),
            scalar: Some(Scalar { value: Some(value) }),
            ..Resource::default()
        }
    }

    fn ports(spans: &[(u64, u64)]) -> Resource {
        let range = spans.iter().map(|(begin, end)| Range { begin: Some(*begin), end: Some(*end) }).collect();
        Resource {
            name: Some("ports".into()),
            r#type: Some(ValueType::Ranges as i32),
            ranges: Some(Ranges { range }),
            ..Resource::default()
        }
    }

    fn reserved(resource: Resource, role: &str) -> Resource {
        let reservation = ReservationInfo { role: Some(role.into()), ..ReservationInfo::default() };
        Resource { reservations: vec![reservation], ..resource }
    }

    fn need(cpus: f64, mem: f64, ports: usize) -> Need {
        Need { scalars: vec![("cpus".into(), Milli::of(cpus)), ("mem".into(), Milli::of(mem))], ports }
    }

    fn pool(resources: &[Bytes]) -> Pool<'_> {
        let mut pool = Pool::default();
        pool.add(resources.iter().map(Bytes::as_ref), "flink");
        pool
    }

    fn holding(resources: &[Resource]) -> Holding {
        let mut holding = Holding::default();
        holding.add(encoded(resources).iter().map(Bytes::as_ref), "flink");
        holding
    }

    #[test]
    fn reserved_resources_go_first_and_keep_their_reservation() {
        let offered =
            encoded(&[scalar("cpus", 8.0), reserved(scalar("cpus", 2.0), "flink"), scalar("mem", 1024.0)]);
        let mut pool = pool(&offered);
        let share = pool.take(&need(3.0, 512.0, 0)).expect("fits");
        let cpus: Vec<_> =
            share.resources.iter().filter(|resource| resource.name.as_deref() == Some("cpus")).collect();
        let amount = |resource: &Resource| resource.scalar.as_ref().and_then(|scalar| scalar.value);
        assert_eq!(amount(cpus[0]), Some(2.0));
        assert_eq!(cpus[0].reservations[0].role.as_deref(), Some("flink"));
        assert_eq!((amount(cpus[1]), cpus[1].reservations.len()), (Some(1.0), 0));
    }

    #[test]
    fn three_tenths_add_up() {
        let offered = encoded(&[scalar("cpus", 0.3), scalar("mem", 3.0)]);
        let mut pool = pool(&offered);
        for _ in 0..3 {
            pool.take(&need(0.1, 1.0, 0)).expect("fits");
        }
        assert!(pool.take(&need(0.1, 0.0, 0)).is_none());
    }

    #[test]
    fn ports_come_in_ascending_order_out_of_several_ranges() {
        let offered = encoded(&[
            scalar("cpus", 9.0),
            scalar("mem", 99.0),
            ports(&[(31005, 31005), (31000, 31001)]),
            ports(&[(32000, 32000)]),
        ]);
        let mut pool = pool(&offered);
        let share = pool.take(&need(1.0, 1.0, 3)).expect("fits");
        assert_eq!(share.ports, [31000, 31001, 31005]);
        let share = pool.take(&need(1.0, 1.0, 1)).expect("fits");
        assert_eq!(share.ports, [32000]);
    }

    #[test]
    fn everything_that_is_missing_is_told_and_nothing_is_taken() {
        let mut holding = holding(&[scalar("cpus", 1.0), scalar("mem", 64.0), ports(&[(1, 1)])]);
        let need_more = need(2.0, 128.0, 2);
        let misses = holding.misses(&need_more);
        let told: Vec<_> =
            misses.map(|miss| format!("{} {} {}", miss.resource, miss.needed, miss.offered)).collect();
        assert_eq!(told, ["cpus 2 1", "mem 128 64", "ports 2 1"]);
        assert!(!holding.take(&need_more));
        assert!(holding.take(&need(1.0, 64.0, 1)), "still all there");
        assert_eq!(holding.to_string(), "ports 0");
    }

    #[test]
    fn revocable_resources_and_those_of_other_roles_stay_where_they_are() {
        let revocable = Resource { revocable: Some(RevocableInfo {}), ..scalar("cpus", 4.0) };
        let foreign = Resource {
            allocation_info: Some(AllocationInfo { role: Some("other".into()) }),
            ..scalar("cpus", 4.0)
        };
        let offered = [revocable, foreign, scalar("mem", 64.0)];
        assert!(pool(&encoded(&offered)).take(&need(1.0, 1.0, 0)).is_none());
        assert!(!holding(&offered).take(&need(1.0, 1.0, 0)));
    }

    #[test]
    fn the_deepest_reservation_goes_first() {
        let refined = |cpus: f64, roles: &[&str]| Resource {
            reservations: roles
                .iter()
                .map(|role| reserved(scalar("", 0.0), role).reservations[0].clone())
                .collect(),
            ..scalar("cpus", cpus)
        };
        let offered = encoded(&[
            scalar("cpus", 1.0),
            refined(1.0, &["eng"]),
            refined(1.0, &["eng", "eng/flink"]),
            scalar("mem", 9.0),
        ]);
        let mut pool = pool(&offered);
        let depth = |resource: &Resource| resource.reservations.len();
        let depths = |share: &Allotment| share.resources.iter().map(depth).collect::<Vec<_>>();
        assert_eq!(depths(&pool.take(&need(1.5, 0.0, 0)).expect("fits")), [2, 1]);
        assert_eq!(depths(&pool.take(&need(1.5, 0.0, 0)).expect("fits")), [1, 0]);
    }

    #[test]
    fn garbage_is_nothing() {
        let garbage = [
            scalar("cpus", f64::NAN),
            scalar("cpus", -8.0),
            Resource { scalar: None, ..scalar("cpus", 1.0) },
            Resource { name: None, ..scalar("cpus", 8.0) },
            scalar("ports", 7.0),
            ports(&[(9, 3), (0, 0), (70_000, u64::MAX), (10, 12), (11, 13)]),
        ];
        assert_eq!(holding(&garbage).to_string(), "ports 4");
        let mut held = holding(&[scalar("cpus", f64::INFINITY), scalar("cpus", f64::MAX)]);
        assert!(held.take(&need(4.0, 0.0, 0)));
        let offered = encoded(&[ports(&[(10, 12), (11, 13)]), ports(&[(12, 12)])]);
        let mut pool = pool(&offered);
        let share = pool.take(&Need { scalars: Vec::new(), ports: 4 }).expect("fits");
        assert_eq!(share.ports, [10, 11, 12, 13]);
        assert!(pool.take(&Need { scalars: Vec::new(), ports: 2 }).is_none(), "one is left");
    }
}
