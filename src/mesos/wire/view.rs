//! What offered resources and attributes say, read where they lie in the record.
//!
//! Offers come by the thousand with several of them each, and hardly any of those is more than counted or compared.

use super::fields::{Fields, Value};
use super::resource::ValueType;

/// As much of an encoded [`Resource`](super::resource::Resource) as decides who may take how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceView<'a> {
    /// Empty if the sender left it out.
    pub name: &'a str,
    /// Zero if the sender left it out.
    pub scalar: f64,
    ranges: &'a [u8],
    /// Whom it is reserved for, in the form from before reservations could be refined.
    pub role: Option<&'a str>,
    pub allocated_to: Option<&'a str>,
    /// How many there are, one within the other.
    pub reservations: usize,
    /// It is not plainly the disk of an agent: it has a source, or there is a volume on it.
    pub is_special_disk: bool,
    pub is_revocable: bool,
    pub is_shared: bool,
}

/// An encoded [`Attribute`](super::resource::Attribute).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AttributeView<'a> {
    /// Empty if the sender left it out.
    pub name: &'a str,
    /// None for one that we do not know.
    pub kind: Option<ValueType>,
    pub scalar: Option<f64>,
    ranges: &'a [u8],
    pub text: Option<&'a str>,
    set: &'a [u8],
}

impl<'a> ResourceView<'a> {
    /// None if it is no such message.
    pub fn read(resource: &'a [u8]) -> Option<Self> {
        let mut view = Self::default();
        Fields(resource).each(|number, value| {
            match number {
                1 => view.name = value.text()?,
                3 => view.scalar = double(value.bytes()?)?.unwrap_or(view.scalar),
                4 => view.ranges = value.bytes()?,
                6 => view.role = Some(value.text()?),
                7 => view.is_special_disk |= !value.bytes()?.is_empty(),
                9 => view.is_revocable = true,
                10 => view.is_shared = true,
                11 => view.allocated_to = text(value.bytes()?)?.or(view.allocated_to),
                13 => view.reservations += 1,
                _ => {}
            }
            Some(())
        })?;
        Some(view)
    }

    /// See [`AttributeView::ranges`].
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        ranges(self.ranges)
    }
}

impl<'a> AttributeView<'a> {
    /// None if it is no such message.
    pub fn read(attribute: &'a [u8]) -> Option<Self> {
        let mut view = Self::default();
        Fields(attribute).each(|number, value| {
            match number {
                1 => view.name = value.text()?,
                2 => view.kind = i32::try_from(value.varint()?).ok().and_then(|kind| kind.try_into().ok()),
                3 => view.scalar = double(value.bytes()?)?.or(view.scalar),
                4 => view.ranges = value.bytes()?,
                5 => view.text = text(value.bytes()?)?.or(view.text),
                6 => view.set = value.bytes()?,
                _ => {}
            }
            Some(())
        })?;
        Some(view)
    }

    /// The first and the last of each range, as they came; none after one that cannot be read.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        ranges(self.ranges)
    }

    /// The items of a set.
    pub fn items(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Fields(self.set).all(1).filter_map(|item| std::str::from_utf8(item).ok())
    }
}

/// Of a [`Scalar`](super::resource::Scalar).
fn double(scalar: &[u8]) -> Option<Option<f64>> {
    Fields(scalar).last(1, Value::double)
}

/// Of a [`Text`](super::resource::Text) or an [`AllocationInfo`](super::resource::AllocationInfo).
fn text(message: &[u8]) -> Option<Option<&str>> {
    Fields(message).last(1, Value::text)
}

/// Of [`Ranges`](super::resource::Ranges).
fn ranges(message: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    Fields(message).all(1).map_while(|range| {
        let mut bounds = (0, 0);
        Fields(range).each(|number, value| {
            match number {
                1 => bounds.0 = value.varint()?,
                2 => bounds.1 = value.varint()?,
                _ => {}
            }
            Some(())
        })?;
        Some(bounds)
    })
}

#[cfg(test)]
mod tests;
