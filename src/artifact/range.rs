//! Which part of a file a request asks for (RFC 9110, section 14).

use std::ops::Range;

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Whole,
    /// 206 with these bytes.
    Section(Range<u64>),
    /// 416: there are none of those.
    Nothing,
}

/// What the values of `Range` and `If-Range` ask of a file of `length` bytes. Several ranges at once, and what is not
/// understood, ask for all of it, as the standard allows.
pub fn wanted(range: Option<&str>, if_range: Option<&str>, tag: &str, length: u64) -> Wanted {
    // A date is no tag: then the file may be another one.
    if if_range.is_some_and(|known| known.trim() != tag) {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.and_then(bounds) else { return Wanted::Whole };
    let section = match (first, last) {
        (None, Some(count)) => length.saturating_sub(count)..length,
        (Some(first), None) => first..length,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(_), Some(_)) | (None, None) => return Wanted::Whole,
    };
    if section.is_empty() { Wanted::Nothing } else { Wanted::Section(section) }
}

/// Of `bytes=FIRST-LAST`.
fn bounds(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    Some((bound(first)?, bound(last)?))
}

/// None when it is no number, and one that is absent when it is empty.
fn bound(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_answered_with_what_there_is_of_it() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Section(0..1)),
            ("bytes=0-9", Wanted::Section(0..10)),
            ("bytes=3-", Wanted::Section(3..10)),
            ("bytes=8-99", Wanted::Section(8..10)),
            ("bytes=-4", Wanted::Section(6..10)),
            ("bytes=-99", Wanted::Section(0..10)),
            ("Bytes = 2-3", Wanted::Section(2..4)),
            ("bytes=0-18446744073709551615", Wanted::Section(0..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99-100", Wanted::Nothing),
            ("bytes=99999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("nonsense", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(range), None, "\"a\"", 10), expected, "{range}");
        }
        assert_eq!(wanted(None, None, "\"a\"", 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-0"), None, "\"a\"", 0), Wanted::Nothing);
    }

    #[test]
    fn a_range_of_another_version_is_answered_with_the_whole() {
        let of = |known| wanted(Some("bytes=1-2"), Some(known), "\"a\"", 10);
        assert_eq!(of("\"a\""), Wanted::Section(1..3));
        for known in ["\"b\"", "W/\"a\"", "Sat, 28 Nov 2026 10:00:00 GMT"] {
            assert_eq!(of(known), Wanted::Whole, "{known}");
        }
    }
}
