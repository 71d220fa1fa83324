//! Sizes in bytes, with Flink's grammar.

use std::fmt;

/// Bytes, never above Java's `Long.MAX_VALUE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(u64);

/// Units of the grammar: all powers of 1024, the first spelling is the one we print.
const UNITS: [(u32, &str, [&str; 3]); 5] = [
    (40, "TiB", ["t", "tb", "tebibytes"]),
    (30, "GiB", ["g", "gb", "gibibytes"]),
    (20, "MiB", ["m", "mb", "mebibytes"]),
    (10, "KiB", ["k", "kb", "kibibytes"]),
    (0, "bytes", ["", "b", "bytes"]),
];

impl MemorySize {
    pub const ZERO: Self = Self(0);
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    pub const fn from_mib(mib: u32) -> Self {
        Self((mib as u64) << 20)
    }

    pub const fn from_kib(kib: u32) -> Self {
        Self((kib as u64) << 10)
    }

    /// None above [`MemorySize::MAX`].
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        (bytes <= Self::MAX.0).then_some(Self(bytes))
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Reads `1728m`, `4 gb`, `1024`: no sign, no fraction; without a unit it is bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c| c <= ' ');
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let unit = unit.trim_matches(|c| c <= ' ').to_lowercase();
        let (shift, ..) = UNITS.iter().find(|(_, _, spellings)| spellings.contains(&unit.as_str()))?;
        Self::from_bytes(number.checked_mul(1 << shift)?)
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_bytes)
    }

    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for MemorySize {
    /// Exact multiples as `1728 MiB`, others as `512.000 MiB (536870902 bytes)`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(shift, ..)| self.0 != 0 && self.0.is_multiple_of(1 << shift));
        let (shift, name, _) = *exact.filter(|(shift, ..)| *shift > 0).unwrap_or(&UNITS[4]);
        if shift > 0 || self.0 < 1024 {
            return write!(out, "{} {name}", self.0 >> shift);
        }
        let (shift, name, _) =
            UNITS.iter().find(|(shift, ..)| self.0 >> shift > 0).copied().unwrap_or(UNITS[4]);
        #[expect(clippy::cast_precision_loss, reason = "three decimals for a reader; the exact bytes follow")]
        let value = self.0 as f64 / (1u64 << shift) as f64;
        write!(out, "{value:.3} {name} ({} bytes)", self.0)
    }
}
