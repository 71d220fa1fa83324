//! Numbers as Java reads and writes them.

use conf::java;

/// A fraction option: Java reads a 32-bit float, and the model then widens it.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    java::parse_float(text).map(f64::from)
}

/// A finite 64-bit float.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    java::parse_double(text).filter(|value| value.is_finite())
}

/// The text of Java's `Double.toString` for a number from 0 up: `1.0`, `0.25`, `1.5E-4`, `1.0E7`.
pub(super) fn double_text(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value) {
        let text = value.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some(_) | None => text,
    }
}

/// Cuts a number from 0 up after the eighth decimal, as Flink keeps resources.
pub(super) fn truncate_to_resource_scale(value: f64) -> f64 {
    const SCALE: i32 = 8;
    let Some(decimal) = Decimal::of(value) else { return value };
    if -decimal.exponent <= SCALE {
        return value;
    }
    let dropped = 10u64.checked_pow((-decimal.exponent - SCALE).unsigned_abs());
    let digits = dropped.map_or(0, |power| decimal.digits / power);
    format!("{digits}e-{SCALE}").parse().unwrap_or(0.0)
}

/// `digits` × 10^`exponent`, the shortest decimal that reads back as the float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) digits: u64,
    pub(super) exponent: i32,
}

impl Decimal {
    /// None for what is not a finite number from 0 up.
    pub(super) fn of(value: f64) -> Option<Self> {
        if !value.is_finite() || value < 0.0 {
            return None;
        }
        // Adding zero takes the sign from -0.0.
        let text = format!("{:e}", value + 0.0);
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().ok()?;
        let shift = i32::try_from(decimals.len()).ok()?;
        Some(Self { digits: format!("{whole}{decimals}").parse().ok()?, exponent: exponent - shift })
    }
}
