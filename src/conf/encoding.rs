//! From the bytes of a configuration file to text.

use super::grammar::Grammar;

/// A file's text, and what is odd about how it was stored.
pub struct Decoded {
    pub text: String,
    pub warning: Option<&'static str>,
}

/// In what a text is stored, as a mark in front of it tells.
#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16 { to_unit: fn([u8; 2]) -> u16 },
    Utf32 { to_unit: fn([u8; 4]) -> u32 },
}

/// The longer ones come first: the mark of UTF-32 begins as that of UTF-16.
const MARKS: [(&[u8], Encoding); 5] = [
    (b"\xff\xfe\0\0", Encoding::Utf32 { to_unit: u32::from_le_bytes }),
    (b"\0\0\xfe\xff", Encoding::Utf32 { to_unit: u32::from_be_bytes }),
    (b"\xff\xfe", Encoding::Utf16 { to_unit: u16::from_le_bytes }),
    (b"\xfe\xff", Encoding::Utf16 { to_unit: u16::from_be_bytes }),
    (b"\xef\xbb\xbf", Encoding::Utf8),
];

/// `Err` with the line, counted from 1, of what is no text.
///
/// As Flink reads YAML. The old grammar it reads as UTF-8, whatever is there: it takes a mark for a part of the first key, and
/// puts a sign in the place of what is no UTF-8.
pub fn decode(bytes: &[u8], grammar: Grammar) -> Result<Decoded, usize> {
    match (decode_marked(bytes, grammar), grammar) {
        // It only looked like a mark.
        (Err(_), Grammar::Legacy) => {
            Ok(Decoded { text: String::from_utf8_lossy(bytes).into_owned(), warning: Some(REPLACED) })
        }
        (decoded, _) => decoded,
    }
}

const REPLACED: &str = "is not UTF-8: \u{fffd} replaces the bytes that are not, as in Flink";

fn decode_marked(bytes: &[u8], grammar: Grammar) -> Result<Decoded, usize> {
    let mark = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark));
    let (body, encoding) =
        mark.map_or((bytes, Encoding::Utf8), |(mark, encoding)| (&bytes[mark.len()..], *encoding));
    let text = match encoding {
        Encoding::Utf8 => utf8(body, grammar)?,
        Encoding::Utf16 { to_unit } => {
            let units: Vec<_> = body.as_chunks().0.iter().map(|unit| to_unit(*unit)).collect();
            Some(String::from_utf16(&units).map_err(|_| line_of_unit(&units))?)
                .filter(|_| body.len().is_multiple_of(2))
                .ok_or(1_usize)?
        }
        Encoding::Utf32 { to_unit } => {
            let units = body.as_chunks().0.iter().map(|unit| char::from_u32(to_unit(*unit)));
            units.collect::<Option<String>>().filter(|_| body.len().is_multiple_of(4)).ok_or(1_usize)?
        }
    };
    let is_replaced = matches!(encoding, Encoding::Utf8) && std::str::from_utf8(body).is_err();
    let warning = match (grammar, mark) {
        (Grammar::Yaml, _) => None,
        (Grammar::Legacy, Some(_)) => Some(
            "begins with a byte order mark, which Flink's own scripts would read as a part of the first key",
        ),
        (Grammar::Legacy, None) if is_replaced => Some(REPLACED),
        (Grammar::Legacy, None) => None,
    };
    Ok(Decoded { text, warning })
}

fn utf8(bytes: &[u8], grammar: Grammar) -> Result<String, usize> {
    match (std::str::from_utf8(bytes), grammar) {
        (Ok(text), _) => Ok(text.to_owned()),
        (Err(_), Grammar::Legacy) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        (Err(error), Grammar::Yaml) => {
            Err(1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count())
        }
    }
}

fn line_of_unit(units: &[u16]) -> usize {
    let decoded = char::decode_utf16(units.iter().copied());
    1 + decoded.map_while(Result::ok).filter(|c| *c == '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], grammar: Grammar, expected: Result<&str, usize>) {
        let decoded = decode(bytes, grammar).map(|decoded| decoded.text);
        assert_eq!(decoded.as_deref().map_err(|line| *line), expected, "{bytes:?}");
    }

    #[test]
    fn a_mark_tells_the_encoding() {
        for bytes in [
            &b"a\n"[..],
            b"\xef\xbb\xbfa\n",
            b"\xff\xfea\0\n\0",
            b"\xfe\xff\0a\0\n",
            b"\xff\xfe\0\0a\0\0\0\n\0\0\0",
            b"\0\0\xfe\xff\0\0\0a\0\0\0\n",
        ] {
            check(bytes, Grammar::Yaml, Ok("a\n"));
            check(bytes, Grammar::Legacy, Ok("a\n"));
        }
        check(b"\xfe\xff\xd8\x3d\xde\x00", Grammar::Yaml, Ok("\u{1f600}"));
    }

    #[test]
    fn what_is_no_text_is_refused_or_replaced() {
        check(b"a\n\xe9", Grammar::Yaml, Err(2));
        check(b"a\n\xe9", Grammar::Legacy, Ok("a\n\u{fffd}"));
        check(b"\xff\xfea\0\n\0\0\xdc", Grammar::Yaml, Err(2));
        check(b"\xff\xfea", Grammar::Yaml, Err(1));
        check(b"\xff\xfe\0\0a\0\0", Grammar::Yaml, Err(1));
        let warning = |bytes: &[u8]| decode(bytes, Grammar::Legacy).ok().and_then(|decoded| decoded.warning);
        assert!(warning(b"\xef\xbb\xbfa").is_some_and(|warning| warning.contains("byte order mark")));
        assert!(warning(b"\xe9").is_some_and(|warning| warning.contains("not UTF-8")));
        assert_eq!(warning(b"a"), None);
    }
}
