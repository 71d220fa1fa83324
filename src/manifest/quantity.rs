//! Amounts of memory and of CPUs, as the operator reads them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use conf::size::MemorySize;
use domain::need::Milli;

/// Written as Flink writes it, in the largest unit that it is a multiple of: `2Gi` and `2048m` are `2g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "2048m")]
pub struct Memory(MemorySize);

/// What was expected instead of a wrong text.
pub const MEMORY_EXPECTED: &str = "a size such as `2048m`, `2g` or `2Gi`";
pub const CPUS_EXPECTED: &str = "a number of CPUs such as `1`, `0.5` or `500m`";

const SUFFIXES: [(&str, u32); 4] = [("g", 30), ("m", 20), ("k", 10), ("", 0)];

/// Of Kubernetes' quantities; below a byte there is nothing.
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: [(&str, u32); 6] = [("K", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// Longer numbers are a mistake, and all shorter ones fit in 128 bits.
const MAX_DIGITS: usize = 18;

impl Memory {
    /// First as Flink does, to whom `2g`, `2G` and `2gb` are 2 GiB and a bare number is bytes; what Flink does not know, as
    /// Kubernetes does, to whom `2Gi` is 2 GiB and `1.5G` is 1.5 times 10⁹ bytes.
    pub fn parse(text: &str) -> Option<Self> {
        MemorySize::parse(text).or_else(|| quantity(text)).map(Self)
    }

    pub const fn of(size: MemorySize) -> Self {
        Self(size)
    }

    pub fn size(self) -> MemorySize {
        self.0
    }

    pub fn bytes(self) -> u64 {
        self.0.bytes()
    }

    /// Rounded up.
    pub fn mebibytes(self) -> u64 {
        self.bytes().div_ceil(1 << 20)
    }
}

/// As the operator hands a text that Flink cannot read to Kubernetes: in capitals, without blanks and without a `B` behind.
fn quantity(text: &str) -> Option<MemorySize> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let text = text.strip_suffix('B').unwrap_or(&text);
    let text = text.strip_suffix('I').map_or_else(|| text.to_owned(), |text| format!("{text}i"));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
        "" => 1,
        suffix => {
            let binary = BINARY.iter().find(|(name, _)| *name == suffix).map(|(_, shift)| 1u128 << shift);
            let decimal =
                DECIMAL.iter().find(|(name, _)| *name == suffix).map(|(_, power)| 10u128.pow(*power));
            binary.or(decimal)?
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.len() > MAX_DIGITS || fraction.contains('.') {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let bytes = digits.parse::<u128>().ok()?.checked_mul(factor)?.div_ceil(scale);
    u64::try_from(bytes).ok().and_then(MemorySize::from_bytes)
}

impl fmt::Display for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        let fits = |(_, shift): &&(&str, u32)| bytes != 0 && bytes.is_multiple_of(1 << shift);
        let (unit, shift) = SUFFIXES.iter().find(fits).unwrap_or(&SUFFIXES[3]);
        write!(out, "{}{unit}", bytes >> shift)
    }
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("expected {MEMORY_EXPECTED}"))
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

/// In thousandths, as Mesos reckons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schema(value_type = f64, example = 1.5)]
pub struct Cpus(Milli);

impl Cpus {
    pub fn milli(self) -> Milli {
        self.0
    }

    pub const ONE: Self = Self(Milli(1000));

    /// A number, or one with Kubernetes' `m` for thousandths. Only the range is left to be looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, parts) = text.strip_suffix('m').map_or((text, 1.0), |number| (number, 1000.0));
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        let number: f64 = number.parse().ok().filter(|_| number.chars().all(is_number))?;
        number.is_finite().then(|| Self(Milli::of(number / parts)))
    }

    pub fn value(self) -> f64 {
        self.0.value()
    }

    pub fn is_positive(self) -> bool {
        self.0 > Milli(0)
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl TryFrom<f64> for Cpus {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() {
            Ok(Self(Milli::of(number)))
        } else {
            Err(format!("expected {CPUS_EXPECTED}"))
        }
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        cpus.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_operator_does() {
        for (text, bytes) in [
            ("2048m", 2 << 30),
            ("2048 mb", 2 << 30),
            ("2g", 2 << 30),
            ("2G", 2 << 30),
            ("2Gi", 2 << 30),
            ("2gi", 2 << 30),
            ("2GiB", 2 << 30),
            (" 2 Gi ", 2 << 30),
            ("1024", 1024),
            ("1.5Gi", 3 << 29),
            ("1.5G", 1_500_000_000),
            ("1.5g", 1_500_000_000),
            (".5Ki", 512),
            ("1500Mi", 1500 << 20),
            ("0.1", 1),
            ("0", 0),
        ] {
            assert_eq!(Memory::parse(text).map(Memory::bytes), Some(bytes), "{text}");
        }
        for wrong in
            ["", "g", "Gi", "-1g", "2x", "2 G i x", "1..5Gi", "1e3Gi", "9999999999Ei", "1.5.5Gi", "∞"]
        {
            assert_eq!(Memory::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_is_written_in_one_way() {
        for (text, expected) in [
            ("2Gi", "2g"),
            ("2048m", "2g"),
            ("1728m", "1728m"),
            ("1536k", "1536k"),
            ("1025", "1025"),
            ("0", "0"),
        ] {
            let memory = Memory::parse(text).unwrap();
            assert_eq!(memory.to_string(), expected);
            assert_eq!(Memory::parse(expected), Some(memory));
        }
        assert_eq!(Memory::parse("1025").map(Memory::mebibytes), Some(1));
    }

    #[test]
    fn cpus() {
        for (text, expected) in [
            ("1", Some(1.0)),
            ("0.5", Some(0.5)),
            ("500m", Some(0.5)),
            ("1.50", Some(1.5)),
            ("-1", Some(-1.0)),
        ] {
            assert_eq!(Cpus::parse(text).map(Cpus::value), expected, "{text}");
        }
        for wrong in ["", "m", "one", "inf", "NaN", "1e999"] {
            assert_eq!(Cpus::parse(wrong), None, "{wrong}");
        }
        assert!(Cpus::ONE.is_positive() && !Cpus::parse("0").unwrap().is_positive());
    }
}
