//! Floating point numbers as Java reads them.

/// `Double.parseDouble`, but for `NaN` and `Infinity` by name: `1.5`, `1e3`, `.5f`, `0x1.8p3d`, with blanks around.
pub fn parse_double(text: &str) -> Option<f64> {
    match number(text)? {
        Number::Decimal(text) => text.parse().ok(),
        Number::Hexadecimal(number) => Some(number.nearest(53, -1074)),
    }
}

/// `Float.parseFloat`, as [`parse_double`].
#[expect(clippy::cast_possible_truncation, reason = "it was rounded to a number of 24 bits")]
pub fn parse_float(text: &str) -> Option<f32> {
    match number(text)? {
        Number::Decimal(text) => text.parse().ok(),
        Number::Hexadecimal(number) => Some(number.nearest(24, -149) as f32),
    }
}

enum Number<'a> {
    Decimal(&'a str),
    Hexadecimal(Binary),
}

/// ± `digits` × 2^`exponent`
struct Binary {
    is_negative: bool,
    digits: u128,
    exponent: i64,
}

fn number(text: &str) -> Option<Number<'_>> {
    let text = text.trim_matches(|c| c <= ' ');
    let bare = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let (is_negative, unsigned) = match bare.strip_prefix(['-', '+']) {
        Some(rest) => (bare.starts_with('-'), rest),
        None => (false, bare),
    };
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        return hexadecimal(digits, is_negative).map(Number::Hexadecimal);
    }
    // Rust reads the rest of Java's grammar, and some names.
    let is_plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'e' | b'E');
    bare.bytes().all(is_plain).then_some(Number::Decimal(bare))
}

/// `1.8p3`: the exponent must be there.
fn hexadecimal(text: &str, is_negative: bool) -> Option<Binary> {
    let (mantissa, power) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power_digits = power.strip_prefix(['-', '+']).unwrap_or(power);
    if (whole.is_empty() && fraction.is_empty()) || !power_digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if power_digits.is_empty() {
        return None;
    }
    let most = if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let power = power.parse().map_or(most, |power: i64| power.clamp(i64::MIN / 2, i64::MAX / 2));
    let (mut digits, mut exponent) = (0_u128, 0_i64);
    for (digit, shift) in whole.chars().map(|c| (c, 0)).chain(fraction.chars().map(|c| (c, -4))) {
        let digit = digit.to_digit(16)?;
        exponent += shift;
        // What is beyond a hundred bits matters only in that it is not nothing.
        if digits >> 100 == 0 {
            digits = digits << 4 | u128::from(digit);
        } else {
            digits |= u128::from(digit > 0);
            exponent += 4;
        }
    }
    Some(Binary { is_negative, digits, exponent: exponent + power })
}

impl Binary {
    /// Rounded half to even to `bits` bits, and to multiples of 2^`least`.
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits are left")]
    fn nearest(&self, bits: u32, least: i64) -> f64 {
        let sign = if self.is_negative { -1.0 } else { 1.0 };
        let length = i64::from(u128::BITS - self.digits.leading_zeros());
        if length == 0 {
            return 0.0 * sign;
        }
        let exponent = (self.exponent + length - i64::from(bits)).max(least);
        let shift = exponent - self.exponent;
        let rounded = match u32::try_from(shift) {
            Ok(0) => self.digits,
            Ok(shift) if shift > 127 => 0,
            Ok(shift) => {
                let (kept, cut) = (self.digits >> shift, self.digits & ((1 << shift) - 1));
                let half = 1 << (shift - 1);
                kept + u128::from(cut > half || (cut == half && kept & 1 == 1))
            }
            // Not more than `bits` bits, moved up to them.
            Err(_) if shift < 0 => self.digits << shift.unsigned_abs(),
            Err(_) => 0,
        };
        if exponent > 1100 {
            return f64::INFINITY * sign;
        }
        let halves = [exponent / 2, exponent - exponent / 2];
        let power = |exponent: i64| 2_f64.powi(i32::try_from(exponent).unwrap_or_default());
        halves.into_iter().fold(rounded as f64 * sign, |number, exponent| number * power(exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right side is what JDK 17 answered.
    #[test]
    fn reads_what_java_reads() {
        for (text, expected) in [
            ("1", Some(1.0)),
            (" 1.5\t", Some(1.5)),
            ("1f", Some(1.0)),
            ("1.D", Some(1.0)),
            (".5e1F", Some(5.0)),
            ("-0x1p3", Some(-8.0)),
            ("0X.8P1f", Some(1.0)),
            ("0x1.8p-1", Some(0.75)),
            ("0x1.fffffffffffff8p0", Some(2.0)),
            ("0x1.fffffffffffff7ffffffffffffffffffffffffffffp0", Some(1.999_999_999_999_999_8)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1075", Some(0.0)),
            ("0x1.8p-1075", Some(5e-324)),
            ("0x1p1024", Some(f64::INFINITY)),
            ("0x1.fffffffffffffp1023", Some(f64::MAX)),
            ("0x0p99999999999999999999", Some(0.0)),
            ("0x1p-99999999999999999999", Some(0.0)),
            ("0x100000000000000000000000000000000p-128", Some(1.0)),
            ("0x1", None),
            ("0x1.8", None),
            ("0xp1", None),
            ("0x.p1", None),
            ("0x1p", None),
            ("0x1p+", None),
            ("0xgp1", None),
            ("1p3", None),
            ("f", None),
            ("", None),
            ("1ff", None),
            ("nan", None),
            ("inf", None),
            ("1_0", None),
        ] {
            assert_eq!(parse_double(text), expected, "{text}");
        }
        assert_eq!(parse_float("0x1.0000010p0"), Some(1.0));
        assert_eq!(parse_float("0x1.0000018p0"), Some(1.000_000_1));
        assert_eq!(parse_float("0x1p128"), Some(f32::INFINITY));
        assert_eq!(parse_float("0.1f"), Some(0.1));
    }
}
