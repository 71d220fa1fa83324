//! Resource arithmetic: amounts in integers, matched by everything else that a resource says about itself.

mod amount;
mod malformed;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

use mesos::wire::resource::{
    AllocationInfo, DiskSourceType, ReservationInfo, ReservationType, Resource, ValueType,
};

pub use amount::{Amount, Milli, Spans};
pub use malformed::Malformed;
pub use text::{ParseError, parse, parse_attributes};

/// A bag of resources. Entries of the same shape are always merged into one. Serialized as on the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<Resource>", try_from = "Vec<Resource>")]
pub struct Resources {
    items: Vec<Item>,
}

/// One entry: the resource without its amount, with its reservations in the refined format, and the amount.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    shape: Resource,
    pub amount: Amount,
}

/// How resources look on the wire: frameworks without RESERVATION_REFINEMENT know only one role and one
/// reservation per resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Refined,
    Old,
}

impl Resources {
    pub fn from_wire(resources: &[Resource]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for resource in resources {
            all.add(Item::from_wire(resource)?);
        }
        Ok(all)
    }

    /// What cannot be said in the old format (refined reservations) is left out of it.
    pub fn to_wire(&self, format: Format) -> Vec<Resource> {
        self.items.iter().filter_map(|item| item.to_wire(format)).collect()
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn add(&mut self, item: Item) {
        if item.amount.is_empty() {
            return;
        }
        match self.items.iter_mut().find(|present| present.shape == item.shape) {
            Some(present) => present.amount.add(&item.amount),
            None => self.items.push(item),
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        for item in &other.items {
            self.add(item.clone());
        }
    }

    pub fn contains(&self, other: &Self) -> bool {
        other.items.iter().all(|wanted| self.can_give(wanted))
    }

    pub fn can_give(&self, wanted: &Item) -> bool {
        self.items.iter().any(|item| item.can_give(wanted))
    }

    /// Takes `other` out. Answers whether all of it was there; if not, nothing is taken.
    pub fn subtract(&mut self, other: &Self) -> bool {
        if !self.contains(other) {
            return false;
        }
        for wanted in &other.items {
            for item in self.items.iter_mut().filter(|item| item.shape == wanted.shape) {
                item.amount.subtract(&wanted.amount);
            }
        }
        self.items.retain(|item| !item.amount.is_empty());
        true
    }

    /// The same resources as given to `role`. An entry that is given to a role already keeps it.
    pub fn allocated_to(mut self, role: &str) -> Self {
        for item in &mut self.items {
            let info = item.shape.allocation_info.get_or_insert_default();
            info.role.get_or_insert_with(|| role.to_owned());
        }
        self.merged()
    }

    pub fn unallocated(mut self) -> Self {
        for item in &mut self.items {
            item.shape.allocation_info = None;
        }
        self.merged()
    }

    /// The roles that the entries are given to, in order of appearance; `None` for those given to nobody.
    pub fn allocation_roles(&self) -> Vec<Option<&str>> {
        let mut roles = Vec::new();
        for item in &self.items {
            let role = item.shape.allocation_info.as_ref().and_then(|info| info.role.as_deref());
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        roles
    }

    pub fn filtered(&self, keep: impl Fn(&Item) -> bool) -> Self {
        Self { items: self.items.iter().filter(|item| keep(item)).cloned().collect() }
    }

    /// What is reserved or no scalar first, then the rest, both in the order of the agent's total: the order
    /// in which the real allocator puts an offer together.
    pub fn in_offer_order(mut self, total: &Self) -> Self {
        self.items.sort_by_key(|item| {
            let place = total.items.iter().position(|other| other.shape == item.shape);
            let is_late = matches!(item.amount, Amount::Scalar(_)) && !item.is_reserved();
            (is_late, place)
        });
        self
    }

    /// The same without their last reservation.
    pub fn without_last_reservation(&self) -> Self {
        let mut all = Self::default();
        for item in &self.items {
            let mut item = item.clone();
            item.shape.reservations.pop();
            all.add(item);
        }
        all
    }

    /// The last reservation of each entry.
    pub fn last_reservations(&self) -> impl Iterator<Item = Option<&ReservationInfo>> {
        self.items.iter().map(|item| item.shape.reservations.last())
    }

    /// How much there is of this name, whoever it is reserved for. Each number of a range and each name of a
    /// set counts one.
    pub fn quantity(&self, name: &str) -> Milli {
        let amounts = self.items.iter().filter(|item| item.name() == name).map(|item| &item.amount);
        Milli(amounts.map(|amount| amount.quantity().0).sum())
    }

    /// Names of scalars, each once.
    pub fn scalar_names(&self) -> Vec<&str> {
        let scalars = self.items.iter().filter(|item| matches!(item.amount, Amount::Scalar(_)));
        let mut names: Vec<_> = scalars.map(Item::name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn merged(self) -> Self {
        let mut all = Self::default();
        for item in self.items {
            all.add(item);
        }
        all
    }
}

impl From<Resources> for Vec<Resource> {
    fn from(resources: Resources) -> Self {
        resources.to_wire(Format::Refined)
    }
}

impl TryFrom<Vec<Resource>> for Resources {
    type Error = Malformed;

    fn try_from(resources: Vec<Resource>) -> Result<Self, Malformed> {
        Self::from_wire(&resources)
    }
}

impl Item {
    /// An unreserved resource.
    pub fn unreserved(name: &str, amount: Amount) -> Self {
        let shape = Resource {
            name: Some(name.to_owned()),
            r#type: Some(amount.value_type() as i32),
            ..Resource::default()
        };
        Self { shape, amount }
    }

    /// A resource that its agent's operator reserved for `role`.
    pub fn reserved(name: &str, role: &str, amount: Amount) -> Self {
        let mut item = Self::unreserved(name, amount);
        item.shape.reservations.push(ReservationInfo {
            role: Some(role.to_owned()),
            r#type: Some(ReservationType::Static as i32),
            ..ReservationInfo::default()
        });
        item
    }

    pub fn name(&self) -> &str {
        self.shape.name.as_deref().unwrap_or_default()
    }

    pub fn is_reserved(&self) -> bool {
        !self.shape.reservations.is_empty()
    }

    /// The role that it is reserved for.
    pub fn owner(&self) -> Option<&str> {
        self.shape.reservations.last()?.role.as_deref()
    }

    pub fn is_refined(&self) -> bool {
        self.shape.reservations.len() > 1
    }

    pub fn is_revocable(&self) -> bool {
        self.shape.revocable.is_some()
    }

    pub fn is_shared(&self) -> bool {
        self.shape.shared.is_some()
    }

    pub fn persistence_id(&self) -> Option<&str> {
        self.shape.disk.as_ref()?.persistence.as_ref()?.id.as_deref()
    }

    /// Whether `role` may use it: it is unreserved, reserved for the role, or for one above it.
    pub fn is_for(&self, role: &str) -> bool {
        let Some(owner) = self.owner() else { return true };
        let below = role.strip_prefix(owner);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn from_wire(resource: &Resource) -> Result<Self, Malformed> {
        let amount = malformed::check(resource)?;
        let mut shape = Resource {
            scalar: None,
            ranges: None,
            set: None,
            reservation: None,
            role: None,
            ..resource.clone()
        };
        if shape.reservations.is_empty()
            && let Some(role) = resource.role.as_deref().filter(|role| *role != "*")
        {
            let dynamic = resource.reservation.clone();
            let kind = if dynamic.is_some() { ReservationType::Dynamic } else { ReservationType::Static };
            let reservation = ReservationInfo {
                role: Some(role.to_owned()),
                r#type: Some(kind as i32),
                ..dynamic.map(|dynamic| *dynamic).unwrap_or_default()
            };
            shape.reservations.push(reservation);
        }
        Ok(Self { shape, amount })
    }

    fn to_wire(&self, format: Format) -> Option<Resource> {
        let mut resource = self.shape.clone();
        self.amount.write_to(&mut resource);
        if format == Format::Refined {
            return Some(resource);
        }
        let mut stack = std::mem::take(&mut resource.reservations).into_iter();
        match (stack.next(), stack.next()) {
            (None, _) => resource.role = Some("*".to_owned()),
            (Some(only), None) => {
                resource.role.clone_from(&only.role);
                if only.r#type == Some(ReservationType::Dynamic as i32) {
                    let reservation = ReservationInfo { role: None, r#type: None, ..only };
                    resource.reservation = Some(Box::new(reservation));
                }
            }
            (Some(_), Some(_)) => return None,
        }
        Some(resource)
    }

    /// Volumes and whole disks are taken whole.
    fn can_give(&self, wanted: &Self) -> bool {
        let fits = if self.is_indivisible() {
            self.amount == wanted.amount
        } else {
            self.amount.contains(&wanted.amount)
        };
        fits && self.shape == wanted.shape
    }

    fn is_indivisible(&self) -> bool {
        let Some(disk) = &self.shape.disk else { return false };
        let whole = [DiskSourceType::Mount, DiskSourceType::Block].map(|kind| Some(kind as i32));
        disk.persistence.is_some()
            || disk.source.as_ref().is_some_and(|source| whole.contains(&source.r#type))
    }
}

/// `cpus(allocated: flink)(reservations: [(STATIC,flink)]):2; ports(allocated: flink):[1-2]`
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), Tags(&self.shape))?;
        write!(f, ":{}", self.amount)
    }
}

/// What stands between the name and the amount.
struct Tags<'a>(&'a Resource);

impl fmt::Display for Tags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(AllocationInfo { role: Some(role) }) = &self.0.allocation_info {
            write!(f, "(allocated: {role})")?;
        }
        for (index, reservation) in self.0.reservations.iter().enumerate() {
            f.write_str(if index == 0 { "(reservations: [" } else { "," })?;
            let kind = reservation.r#type.and_then(|n| ReservationType::try_from(n).ok());
            let kind = kind.unwrap_or(ReservationType::Unknown).name();
            write!(f, "({kind},{}", reservation.role.as_deref().unwrap_or_default())?;
            if let Some(principal) = &reservation.principal {
                write!(f, ",{principal}")?;
            }
            f.write_str(")")?;
        }
        if !self.0.reservations.is_empty() {
            f.write_str("])")?;
        }
        if self.0.revocable.is_some() {
            f.write_str("{REV}")?;
        }
        if self.0.shared.is_some() {
            f.write_str("<SHARED>")?;
        }
        Ok(())
    }
}

impl Amount {
    fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar(_) => ValueType::Scalar,
            Self::Spans(_) => ValueType::Ranges,
            Self::Set(_) => ValueType::Set,
        }
    }
}

#[cfg(test)]
mod tests;
