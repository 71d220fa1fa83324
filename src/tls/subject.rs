//! Whom a certificate is for.

use super::der::{self, INTEGER, SEQUENCE};

const OBJECT_IDENTIFIER: u8 = 0x06;
const SET: u8 = 0x31;
/// `[0] EXPLICIT Version`
const VERSION: u8 = 0xa0;
/// Those of a name's text that are written in ASCII or UTF-8.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
/// 2.5.4.3
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// The last common name of the subject, which is the nearest to its holder. `certificate` is in DER, and somebody has checked it.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = der::read(certificate, SEQUENCE)?;
    let (body, _) = der::read(certificate, SEQUENCE)?;
    let body = der::read(body, VERSION).map_or(body, |(_, rest)| rest);
    let (_serial, rest) = der::read(body, INTEGER)?;
    let (_algorithm, rest) = der::read(rest, SEQUENCE)?;
    let (_issuer, rest) = der::read(rest, SEQUENCE)?;
    let (_validity, rest) = der::read(rest, SEQUENCE)?;
    let (mut subject, _) = der::read(rest, SEQUENCE)?;
    let mut found = None;
    while let Some((mut set, rest)) = der::read(subject, SET) {
        while let Some((attribute, more)) = der::read(set, SEQUENCE) {
            found = text(attribute).or(found);
            set = more;
        }
        subject = rest;
    }
    found
}

fn text(attribute: &[u8]) -> Option<String> {
    let (kind, value) = der::read(attribute, OBJECT_IDENTIFIER)?;
    let (text, _) = TEXTS.iter().find_map(|tag| der::read(value, *tag))?;
    let text = String::from_utf8(text.to_vec()).ok()?;
    (kind == COMMON_NAME && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::write;

    fn certificate(version: &[u8], subject: &[u8]) -> Vec<u8> {
        let empty = write(SEQUENCE, &[]);
        let (serial, subject) = (write(INTEGER, &[&[1]]), write(SEQUENCE, &[subject]));
        write(SEQUENCE, &[&write(SEQUENCE, &[version, &serial, &empty, &empty, &empty, &subject, &empty])])
    }

    fn attribute(kind: &[u8], tag: u8, text: &str) -> Vec<u8> {
        let parts = [write(OBJECT_IDENTIFIER, &[kind]), write(tag, &[text.as_bytes()])].concat();
        write(SET, &[&write(SEQUENCE, &[&parts])])
    }

    #[test]
    fn the_common_name_is_found_among_the_others() {
        let organisation = attribute(&[0x55, 0x04, 0x0a], 0x0c, "Example");
        let name = |tag, text| attribute(&COMMON_NAME, tag, text);
        let version = write(VERSION, &[&write(INTEGER, &[&[2]])]);
        for (subject, expected) in [
            (organisation.clone(), None),
            ([organisation.clone(), name(0x0c, "ann")].concat(), Some("ann")),
            ([name(0x13, "users"), name(0x13, "bob"), organisation.clone()].concat(), Some("bob")),
            (name(0x0c, ""), None),
            // In a set of characters of its own.
            (name(0x1e, "ann"), None),
        ] {
            for version in [&[][..], &version] {
                assert_eq!(common_name(&certificate(version, &subject)).as_deref(), expected);
            }
        }
        let whole = certificate(&version, &name(0x0c, "ann"));
        for end in 0..whole.len() {
            assert_eq!(common_name(&whole[..end]), None, "{end}");
        }
    }
}
