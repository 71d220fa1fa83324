//! What offers, their resources and attributes say, read where they lie in the record.
//!
//! Offers come by the thousand with several resources each, and hardly any of that is more than counted or compared.

use prost::Message as _;

use super::fields::{Fields, Value};
use super::resource::ValueType;
use super::time::Unavailability;

/// As much of an encoded [`Offer`](super::offer::Offer) as a scheduler looks at. A text is empty if the sender left it out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfferView<'a> {
    pub id: &'a str,
    pub agent_id: &'a str,
    pub hostname: &'a str,
    /// Each to be read by a [`ResourceView`].
    pub resources: Repeated<'a, 5>,
    pub attributes: Attributes<'a>,
    pub unavailability: Option<Unavailability>,
    /// Whom it is allocated to.
    pub role: &'a str,
    pub region: Option<&'a str>,
    pub zone: Option<&'a str>,
}

/// The messages of one field of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeated<'a, const NUMBER: u64> {
    /// Begins with the first of them.
    fields: &'a [u8],
    /// Up to the end of the last.
    length: usize,
}

/// Of an offer; each to be read by an [`AttributeView`].
pub type Attributes<'a> = Repeated<'a, 7>;

/// As much of an encoded [`Resource`](super::resource::Resource) as decides who may take how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceView<'a> {
    /// Empty if the sender left it out. Nobody has looked whether it is a text.
    pub name: &'a [u8],
    /// Zero if the sender left it out.
    pub scalar: f64,
    ranges: &'a [u8],
    /// Whom it is reserved for, in the form from before reservations could be refined.
    pub role: Option<&'a str>,
    /// Like the name.
    pub allocated_to: Option<&'a [u8]>,
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

impl<'a> OfferView<'a> {
    /// None if it is no such message.
    pub fn read(offer: &'a [u8]) -> Option<Self> {
        let mut view = Self::default();
        let mut fields = Fields(offer);
        loop {
            let from = fields.0;
            let Some((number, value)) = fields.next_field()? else { return Some(view) };
            match number {
                1 => view.id = text(value.bytes()?)?.unwrap_or(view.id),
                3 => view.agent_id = text(value.bytes()?)?.unwrap_or(view.agent_id),
                4 => view.hostname = value.text()?,
                5 => value.bytes().map(|_| view.resources.extend(from, fields.0))?,
                7 => value.bytes().map(|_| view.attributes.extend(from, fields.0))?,
                9 => view.unavailability.get_or_insert_default().merge(value.bytes()?).ok()?,
                10 => view.role = text(value.bytes()?)?.unwrap_or(view.role),
                11 => view.read_domain(value.bytes()?)?,
                _ => {}
            }
        }
    }

    /// A [`DomainInfo`](super::cluster::DomainInfo).
    fn read_domain(&mut self, domain: &'a [u8]) -> Option<()> {
        let mut read_fault_domain = |number, value: Value<'a>| {
            match number {
                1 => self.region = text(value.bytes()?)?.or(self.region),
                2 => self.zone = text(value.bytes()?)?.or(self.zone),
                _ => {}
            }
            Some(())
        };
        Fields(domain).each(|number, value| match number {
            1 => Fields(value.bytes()?).each(&mut read_fault_domain),
            _ => Some(()),
        })
    }
}

impl<'a, const NUMBER: u64> Repeated<'a, NUMBER> {
    /// What [`Self::encoded`] gave.
    pub fn of(encoded: &'a [u8]) -> Self {
        Self { fields: encoded, length: encoded.len() }
    }

    /// All of them with their numbers and lengths.
    pub fn encoded(self) -> &'a [u8] {
        &self.fields[..self.length]
    }

    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        Fields(self.encoded()).all(NUMBER)
    }

    /// By a field that begins where `from` does, and ends where `rest` begins.
    fn extend(&mut self, from: &'a [u8], rest: &'a [u8]) {
        if self.length == 0 {
            self.fields = from;
        }
        self.length = self.fields.len() - rest.len();
    }
}

/// Whatever lies between them.
impl<const NUMBER: u64> PartialEq for Repeated<'_, NUMBER> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a> ResourceView<'a> {
    /// None if it is no such message.
    pub fn read(resource: &'a [u8]) -> Option<Self> {
        let mut view = Self::default();
        Fields(resource).each(|number, value| {
            match number {
                1 => view.name = value.bytes()?,
                3 => view.scalar = double(value.bytes()?)?.unwrap_or(view.scalar),
                4 => view.ranges = value.bytes()?,
                6 => view.role = Some(value.text()?),
                7 => view.is_special_disk |= !value.bytes()?.is_empty(),
                9 => view.is_revocable = true,
                10 => view.is_shared = true,
                11 => {
                    view.allocated_to = Fields(value.bytes()?).last(1, Value::bytes)?.or(view.allocated_to);
                }
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

/// Of a message whose one field is a text, as of a [`Text`](super::resource::Text), an
/// [`AllocationInfo`](super::resource::AllocationInfo) and an id.
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
