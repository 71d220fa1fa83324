//! Flink's arithmetic with sizes.

pub use conf::size::MemorySize;

use super::number::Decimal;

/// Times the shortest decimal that reads as `factor`, truncated. None when `factor` is not a number from 0 up, or above the maximum.
pub(super) fn times(size: MemorySize, factor: f64) -> Option<MemorySize> {
    let factor = Decimal::of(factor)?;
    let product = u128::from(size.bytes()).checked_mul(u128::from(factor.digits))?;
    if product == 0 {
        return Some(MemorySize::ZERO);
    }
    let power = 10u128.checked_pow(factor.exponent.unsigned_abs());
    let bytes = match power {
        // More than 38 decimals below a product of at most 36 digits.
        None if factor.exponent < 0 => 0,
        None => return None,
        Some(power) if factor.exponent < 0 => product / power,
        Some(power) => product.checked_mul(power)?,
    };
    u64::try_from(bytes).ok().and_then(MemorySize::from_bytes)
}
