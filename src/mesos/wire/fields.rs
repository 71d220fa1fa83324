//! The fields of an encoded message, read where they lie.
//!
//! All that is done with each is inlined: a call for each field of thousands of offers takes longer than what it does.

use prost::encoding::decode_varint;

pub struct Fields<'a>(pub &'a [u8]);

pub enum Value<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
    /// Of a kind that no field of Mesos has.
    Other,
}

impl<'a> Fields<'a> {
    /// Number and value; `Some(None)` at the end, none where the bytes are no message.
    #[inline(always)]
    pub fn next_field(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Value::Double(f64::from_le_bytes(*bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => {
                self.0 = self.0.get(4..)?;
                Value::Other
            }
            _ => return None,
        };
        Some(Some((key >> 3, value)))
    }

    /// Hands each to `take`. None where the bytes are no message, or `take` says so.
    #[inline(always)]
    pub fn each(mut self, mut take: impl FnMut(u64, Value<'a>) -> Option<()>) -> Option<()> {
        while let Some((number, value)) = self.next_field()? {
            take(number, value)?;
        }
        Some(())
    }

    /// The last value with this number, if there is one; none as of [`Self::each`].
    #[inline(always)]
    pub fn last<T>(self, wanted: u64, read: impl FnOnce(Value<'a>) -> Option<T>) -> Option<Option<T>> {
        let mut last = None;
        self.each(|number, value| {
            if number == wanted {
                last = Some(value);
            }
            Some(())
        })?;
        last.map_or(Some(None), |value| read(value).map(Some))
    }

    /// Every message or text with this number, up to where the bytes are no message any more.
    pub fn all(mut self, wanted: u64) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(move || {
            loop {
                match self.next_field()?? {
                    (number, Value::Bytes(bytes)) if number == wanted => return Some(bytes),
                    _ => {}
                }
            }
        })
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        // Nearly all are of one byte.
        match self.0 {
            [byte @ ..0x80, rest @ ..] => {
                self.0 = rest;
                Some(u64::from(*byte))
            }
            _ => decode_varint(&mut self.0).ok(),
        }
    }
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Varint(_) | Self::Double(_) | Self::Other => None,
        }
    }

    #[inline(always)]
    pub fn double(self) -> Option<f64> {
        match self {
            Self::Double(double) => Some(double),
            Self::Varint(_) | Self::Bytes(_) | Self::Other => None,
        }
    }

    #[inline(always)]
    pub fn varint(self) -> Option<u64> {
        match self {
            Self::Varint(number) => Some(number),
            Self::Double(_) | Self::Bytes(_) | Self::Other => None,
        }
    }

    #[inline(always)]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Varint(_) | Self::Double(_) | Self::Other => None,
        }
    }
}
