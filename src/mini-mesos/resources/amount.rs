//! How much: thousandths of a scalar, sorted spans of numbers, or a set of names.

use std::collections::BTreeSet;
use std::fmt;

use mesos::wire::resource::{Range, Ranges, Resource, Scalar, Set};

#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    Scalar(Milli),
    Spans(Spans),
    Set(BTreeSet<String>),
}

/// Thousandths. Mesos keeps three decimals and nothing finer, so sums never drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

/// Closed intervals, sorted, neither overlapping nor touching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(u64, u64)>);

impl Amount {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(Milli(n)) => *n <= 0,
            Self::Spans(spans) => spans.0.is_empty(),
            Self::Set(names) => names.is_empty(),
        }
    }

    pub fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(Milli(mine)), Self::Scalar(Milli(more))) => *mine = mine.saturating_add(*more),
            (Self::Spans(mine), Self::Spans(more)) => {
                *mine = Spans::new(mine.0.iter().chain(&more.0).copied().collect());
            }
            (Self::Set(mine), Self::Set(more)) => mine.extend(more.iter().cloned()),
            (Self::Scalar(_) | Self::Spans(_) | Self::Set(_), _) => {}
        }
    }

    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(mine), Self::Scalar(wanted)) => mine >= wanted,
            (Self::Spans(mine), Self::Spans(wanted)) => mine.contains(wanted),
            (Self::Set(mine), Self::Set(wanted)) => mine.is_superset(wanted),
            (Self::Scalar(_) | Self::Spans(_) | Self::Set(_), _) => false,
        }
    }

    /// `other` must be contained.
    pub fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(Milli(mine)), Self::Scalar(Milli(less))) => *mine -= less,
            (Self::Spans(mine), Self::Spans(less)) => mine.subtract(less),
            (Self::Set(mine), Self::Set(less)) => mine.retain(|name| !less.contains(name)),
            (Self::Scalar(_) | Self::Spans(_) | Self::Set(_), _) => {}
        }
    }

    pub fn quantity(&self) -> Milli {
        let count = |n: u64| Milli(i64::try_from(n.saturating_mul(1000)).unwrap_or(i64::MAX));
        match self {
            Self::Scalar(milli) => *milli,
            Self::Spans(spans) => count(spans.count()),
            Self::Set(names) => count(names.len() as u64),
        }
    }

    pub fn write_to(&self, resource: &mut Resource) {
        match self {
            Self::Scalar(milli) => resource.scalar = Some(Scalar { value: Some(milli.to_f64()) }),
            Self::Spans(spans) => resource.ranges = Some(spans.to_wire()),
            Self::Set(names) => resource.set = Some(Set { item: names.iter().cloned().collect() }),
        }
    }
}

impl Milli {
    #[expect(clippy::cast_possible_truncation, reason = "a float that does not fit saturates")]
    pub fn from_f64(value: f64) -> Self {
        Self((value * 1000.0).round() as i64)
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 thousandths")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Spans {
    pub fn new(mut spans: Vec<(u64, u64)>) -> Self {
        spans.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(spans.len());
        for (begin, end) in spans {
            match merged.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                Some(_) | None => merged.push((begin, end)),
            }
        }
        Self(merged)
    }

    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, (begin, end)| sum.saturating_add((end - begin).saturating_add(1)))
    }

    /// Part `index` of `parts` of about equal size, in order, without overlap.
    pub fn part(&self, index: u64, parts: u64) -> Self {
        let count = u128::from(self.count());
        let cut = |at: u64| u64::try_from(count * u128::from(at) / u128::from(parts)).unwrap_or(u64::MAX);
        let (mut skip, mut take) = (cut(index), cut(index + 1) - cut(index));
        let mut part = Vec::new();
        for &(begin, end) in &self.0 {
            let size = end - begin + 1;
            let skipped = skip.min(size);
            let taken = take.min(size - skipped);
            skip -= skipped;
            take -= taken;
            if taken > 0 {
                part.push((begin + skipped, begin + skipped + taken - 1));
            }
        }
        Self(part)
    }

    fn contains(&self, wanted: &Self) -> bool {
        let inside = |&(begin, end): &(u64, u64)| self.0.iter().any(|span| span.0 <= begin && end <= span.1);
        wanted.0.iter().all(inside)
    }

    fn subtract(&mut self, less: &Self) {
        for &(begin, end) in &less.0 {
            let mut left = Vec::with_capacity(self.0.len() + 1);
            for &(first, last) in &self.0 {
                if end < first || last < begin {
                    left.push((first, last));
                    continue;
                }
                if first < begin {
                    left.push((first, begin - 1));
                }
                if end < last {
                    left.push((end + 1, last));
                }
            }
            self.0 = left;
        }
    }

    fn to_wire(&self) -> Ranges {
        let range = |&(begin, end): &(u64, u64)| Range { begin: Some(begin), end: Some(end) };
        Ranges { range: self.0.iter().map(range).collect() }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(milli) => write!(f, "{milli}"),
            Self::Spans(spans) => write!(f, "{spans}"),
            Self::Set(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                write!(f, "{{{}}}", names.join(", "))
            }
        }
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_f64())
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans: Vec<_> = self.0.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
        write!(f, "[{}]", spans.join(", "))
    }
}
