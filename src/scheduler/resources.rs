//! Taking what a TaskManager needs out of offered resources.
//!
//! Mesos keeps scalars as fixed-point numbers with three decimals, so all arithmetic here is in thousandths.
//! A resource goes back to the master as a clone of the offered one with only the amount changed: role,
//! reservations, allocation and disk info must equal what was offered, else the master finds it nowhere.

use std::fmt;

use crate::mesos::wire::resource::{Range, Ranges, Resource, Scalar, ValueType};

/// Thousandths of a scalar resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

impl Milli {
    pub fn of(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
        Self((value * 1000.0).round() as i64)
    }

    pub fn whole(units: u64) -> Self {
        Self(i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    fn value(self) -> f64 {
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

impl Miss {
    /// How much of what is needed is missing, in thousandths.
    pub fn missing_per_mille(&self) -> i64 {
        (self.needed.0 - self.offered.0).saturating_mul(1000) / self.needed.0.max(1)
    }
}

/// The share of one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    pub resources: Vec<Resource>,
    /// As many as [`Need::ports`], in ascending order.
    pub ports: Vec<u64>,
}

/// What is left of the offers of one agent to one role.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    resources: Vec<Resource>,
}

impl Pool {
    /// Adds an offer's resources, leaving out what a TaskManager must not take: revocable and shared
    /// resources and disks with a source or a volume on them.
    pub fn add(&mut self, resources: &[Resource]) {
        let usable = resources.iter().filter(|resource| {
            let plain_disk = resource.disk.as_ref().is_none_or(|disk| {
                disk.source.is_none() && disk.persistence.is_none() && disk.volume.is_none()
            });
            resource.revocable.is_none() && resource.shared.is_none() && plain_disk
        });
        self.resources.extend(usable.cloned());
        // Reserved resources first: nobody else can use them.
        self.resources.sort_by_key(|resource| !is_reserved(resource));
    }

    /// Takes `need` out of the pool, or says everything that is missing and takes nothing.
    pub fn take(&mut self, need: &Need) -> Result<Share, Vec<Miss>> {
        let misses = self.misses(need);
        if !misses.is_empty() {
            return Err(misses);
        }
        let mut share = Share::default();
        for (name, amount) in &need.scalars {
            self.take_scalar(name, *amount, &mut share);
        }
        self.take_ports(need.ports, &mut share);
        Ok(share)
    }

    fn misses(&self, need: &Need) -> Vec<Miss> {
        let scalars = need.scalars.iter().map(|(name, needed)| (name.as_str(), *needed, self.scalar(name)));
        let ports = (need.ports > 0)
            .then(|| ("ports", Milli::whole(need.ports as u64), Milli::whole(self.port_count())));
        scalars
            .chain(ports)
            .filter(|(_, needed, offered)| needed > offered)
            .map(|(resource, needed, offered)| Miss { resource: resource.to_owned(), needed, offered })
            .collect()
    }

    fn scalar(&self, name: &str) -> Milli {
        Milli(self.named(name).map(amount).map(|amount| amount.0).sum())
    }

    fn port_count(&self) -> u64 {
        self.named("ports")
            .flat_map(ranges)
            .map(|range| range.end().saturating_sub(range.begin()).saturating_add(1))
            .sum()
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |resource| resource.name.as_deref() == Some(name))
    }

    fn take_scalar(&mut self, name: &str, needed: Milli, share: &mut Share) {
        let mut left = needed;
        for resource in self.resources.iter_mut().filter(|resource| resource.name.as_deref() == Some(name)) {
            let taken = left.min(amount(resource));
            if taken.0 <= 0 {
                continue;
            }
            share.resources.push(with_amount(resource, taken));
            *resource = with_amount(resource, Milli(amount(resource).0 - taken.0));
            left = Milli(left.0 - taken.0);
        }
    }

    fn take_ports(&mut self, count: usize, share: &mut Share) {
        for resource in self.resources.iter_mut().filter(|resource| resource.name.as_deref() == Some("ports"))
        {
            let mut taken = Vec::new();
            while share.ports.len() + taken.len() < count
                && let Some(port) = take_lowest_port(resource)
            {
                taken.push(port);
            }
            if !taken.is_empty() {
                share.resources.push(with_ports(resource, &taken));
                share.ports.extend(taken);
            }
        }
        share.ports.sort_unstable();
    }
}

fn is_reserved(resource: &Resource) -> bool {
    !resource.reservations.is_empty() || resource.role.as_deref().is_some_and(|role| role != "*")
}

fn amount(resource: &Resource) -> Milli {
    Milli::of(resource.scalar.as_ref().and_then(|scalar| scalar.value).unwrap_or_default())
}

fn ranges(resource: &Resource) -> &[Range] {
    resource.ranges.as_ref().map(|ranges| ranges.range.as_slice()).unwrap_or_default()
}

fn with_amount(offered: &Resource, amount: Milli) -> Resource {
    Resource { scalar: Some(Scalar { value: Some(amount.value()) }), ..offered.clone() }
}

fn with_ports(offered: &Resource, ports: &[u64]) -> Resource {
    let range = ports.iter().map(|port| Range { begin: Some(*port), end: Some(*port) }).collect();
    Resource { r#type: Some(ValueType::Ranges as i32), ranges: Some(Ranges { range }), ..offered.clone() }
}

fn take_lowest_port(resource: &mut Resource) -> Option<u64> {
    let ranges = &mut resource.ranges.as_mut()?.range;
    let index = (0..ranges.len()).min_by_key(|index| ranges[*index].begin())?;
    let lowest = ranges[index].begin();
    if lowest >= ranges[index].end() {
        ranges.remove(index);
    } else {
        ranges[index].begin = Some(lowest + 1);
    }
    Some(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesos::wire::resource::{ReservationInfo, RevocableInfo};

    fn scalar(name: &str, value: f64) -> Resource {
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

    fn pool(resources: &[Resource]) -> Pool {
        let mut pool = Pool::default();
        pool.add(resources);
        pool
    }

    #[test]
    fn reserved_resources_go_first_and_keep_their_reservation() {
        let mut pool =
            pool(&[scalar("cpus", 8.0), reserved(scalar("cpus", 2.0), "flink"), scalar("mem", 1024.0)]);
        let share = pool.take(&need(3.0, 512.0, 0)).expect("fits");
        let cpus: Vec<_> =
            share.resources.iter().filter(|resource| resource.name.as_deref() == Some("cpus")).collect();
        assert_eq!(amount(cpus[0]), Milli(2000));
        assert_eq!(cpus[0].reservations[0].role.as_deref(), Some("flink"));
        assert_eq!((amount(cpus[1]), cpus[1].reservations.len()), (Milli(1000), 0));
    }

    #[test]
    fn three_tenths_add_up() {
        let mut pool = pool(&[scalar("cpus", 0.3), scalar("mem", 3.0)]);
        for _ in 0..3 {
            pool.take(&need(0.1, 1.0, 0)).expect("fits");
        }
        assert!(pool.take(&need(0.1, 0.0, 0)).is_err());
    }

    #[test]
    fn ports_come_in_ascending_order_out_of_several_ranges() {
        let mut pool = pool(&[
            scalar("cpus", 9.0),
            scalar("mem", 99.0),
            ports(&[(31005, 31005), (31000, 31001)]),
            ports(&[(32000, 32000)]),
        ]);
        let share = pool.take(&need(1.0, 1.0, 3)).expect("fits");
        assert_eq!(share.ports, [31000, 31001, 31005]);
        let share = pool.take(&need(1.0, 1.0, 1)).expect("fits");
        assert_eq!(share.ports, [32000]);
    }

    #[test]
    fn everything_that_is_missing_is_told_and_nothing_is_taken() {
        let mut pool = pool(&[scalar("cpus", 1.0), scalar("mem", 64.0), ports(&[(1, 1)])]);
        let misses = pool.take(&need(2.0, 128.0, 2)).expect_err("too much");
        let told: Vec<_> =
            misses.iter().map(|miss| format!("{} {} {}", miss.resource, miss.needed, miss.offered)).collect();
        assert_eq!(told, ["cpus 2 1", "mem 128 64", "ports 2 1"]);
        pool.take(&need(1.0, 64.0, 1)).expect("still all there");
    }

    #[test]
    fn revocable_resources_stay_where_they_are() {
        let revocable = Resource { revocable: Some(RevocableInfo {}), ..scalar("cpus", 4.0) };
        assert!(pool(&[revocable, scalar("mem", 64.0)]).take(&need(1.0, 1.0, 0)).is_err());
    }
}
