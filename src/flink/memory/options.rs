//! Typed reading of options: the key first, then its deprecated spelling.

use super::{Amount, MemoryError, MemorySize, number, size};
use conf::table::{Setting, Table};

/// An option's key and the spelling it had before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    deprecated: Option<&'static str>,
}

impl Key {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, deprecated: None }
    }

    pub(super) const fn formerly(name: &'static str, deprecated: &'static str) -> Self {
        Self { name, deprecated: Some(deprecated) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    table: &'a Table,
}

impl<'a> Options<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self { table }
    }

    pub(super) fn is_set(self, key: Key) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn size(self, key: Key) -> Result<Option<MemorySize>, MemoryError> {
        self.read(key, "a size such as 1728m, 4g or a number of bytes", MemorySize::parse)
    }

    pub(super) fn size_or(self, key: Key, default: MemorySize) -> Result<Amount, MemoryError> {
        Ok(Amount::new(key.name, self.size(key)?.unwrap_or(default)))
    }

    pub(super) fn integer(self, key: Key) -> Result<Option<i32>, MemoryError> {
        self.read(key, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn long(
        self,
        key: &str,
        expected: &'static str,
        fits: impl FnOnce(&i64) -> bool,
    ) -> Result<Option<i64>, MemoryError> {
        let Some(setting) = self.table.setting(key) else { return Ok(None) };
        let parsed = setting.value.parse().ok().filter(fits);
        Ok(Some(parsed.ok_or_else(|| unreadable(key, setting, expected))?))
    }

    pub(super) fn double(self, key: Key) -> Result<Option<f64>, MemoryError> {
        self.read(key, "a number", number::parse_double)
    }

    pub(super) fn truth(self, key: Key) -> Result<Option<bool>, MemoryError> {
        self.read(key, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    pub(super) fn text(self, key: Key) -> Option<&'a str> {
        self.find(key).map(|(_, setting)| setting.value.as_str())
    }

    /// A size that is a share of another one, held between two limits.
    pub(super) fn range(self, keys: RangeKeys, defaults: RangeDefaults) -> Result<Range, MemoryError> {
        let min = self.size_or(keys.min, defaults.min)?;
        let max = self.size_or(keys.max, defaults.max)?;
        let fraction = self.fraction(keys.fraction, defaults.fraction)?;
        if min.size > max.size {
            return Err(MemoryError::MinAboveMax { min, max });
        }
        Ok(Range { min, max, fraction })
    }

    /// From 0 to less than 1.
    pub(super) fn fraction(self, key: Key, default: f32) -> Result<f64, MemoryError> {
        const EXPECTED: &str = "a number from 0 to less than 1";
        let in_range = |value: &f64| (0.0..1.0).contains(value);
        let value = self.read(key, EXPECTED, |text| number::parse_float(text).filter(in_range))?;
        Ok(value.unwrap_or(f64::from(default)))
    }

    /// An error for a value that can be read but not used.
    pub(super) fn unusable(self, key: Key, expected: &'static str) -> MemoryError {
        match self.find(key) {
            Some((name, setting)) => unreadable(name, setting, expected),
            None => MemoryError::Unreadable {
                key: key.name.to_owned(),
                value: String::new(),
                origin: "not set".to_owned(),
                expected,
            },
        }
    }

    fn read<T>(
        self,
        key: Key,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, MemoryError> {
        let Some((name, setting)) = self.find(key) else { return Ok(None) };
        let value = parse(&setting.value).ok_or_else(|| unreadable(name, setting, expected))?;
        Ok(Some(value))
    }

    fn find(self, key: Key) -> Option<(&'static str, &'a Setting)> {
        [Some(key.name), key.deprecated]
            .into_iter()
            .flatten()
            .find_map(|name| self.table.setting(name).map(|setting| (name, setting)))
    }
}

#[derive(Clone, Copy)]
pub(super) struct RangeKeys {
    pub(super) min: Key,
    pub(super) max: Key,
    pub(super) fraction: Key,
}

#[derive(Clone, Copy)]
pub(super) struct RangeDefaults {
    pub(super) min: MemorySize,
    pub(super) max: MemorySize,
    pub(super) fraction: f32,
}

#[derive(Debug)]
pub(super) struct Range {
    min: Amount,
    max: Amount,
    fraction: f64,
}

impl Range {
    /// The share of `whole`.
    pub(super) fn of_whole(&self, whole: MemorySize) -> Result<MemorySize, MemoryError> {
        self.capped(whole, self.fraction)
    }

    /// The share of the whole of which `rest` is what remains without the share.
    pub(super) fn beside_rest(&self, rest: MemorySize) -> Result<MemorySize, MemoryError> {
        self.capped(rest, self.fraction / (1.0 - self.fraction))
    }

    /// Checks a size that was derived from others; the fraction has no say then.
    pub(super) fn check(&self, derived: Amount) -> Result<MemorySize, MemoryError> {
        if derived.size < self.min.size || derived.size > self.max.size {
            return Err(MemoryError::OutOfRange { derived, min: self.min.clone(), max: self.max.clone() });
        }
        Ok(derived.size)
    }

    fn capped(&self, base: MemorySize, factor: f64) -> Result<MemorySize, MemoryError> {
        let share = size::times(base, factor)
            .ok_or_else(|| MemoryError::Overflow { what: format!("{base} times {factor}") })?;
        Ok(share.clamp(self.min.size, self.max.size))
    }
}

fn unreadable(key: &str, setting: &Setting, expected: &'static str) -> MemoryError {
    MemoryError::Unreadable {
        key: key.to_owned(),
        value: setting.value.clone(),
        origin: setting.origin.to_string(),
        expected,
    }
}
