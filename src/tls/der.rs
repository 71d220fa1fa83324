//! As much of DER as key stores and keys need.

pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const SEQUENCE: u8 = 0x30;
pub const INTEGER: u8 = 0x02;

/// The content of the element that `input` begins with, and what follows it.
pub fn read(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match head[1] {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (head[0] == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// An element with `parts` for its content.
pub fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    match *length {
        [] => element.push(0),
        [short @ 0..=0x7f] => element.push(short),
        _ => {
            element.push(0x80 | u8::try_from(length.len()).unwrap_or(0x7f));
            element.extend(length);
        }
    }
    element.extend(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let element = [write(OCTET_STRING, &[&content]), vec![1, 2]].concat();
            assert_eq!(read(&element, OCTET_STRING), Some((&content[..], &[1, 2][..])), "{length}");
            assert_eq!(read(&element, SEQUENCE), None);
            assert_eq!(read(&element[..element.len() - 3], OCTET_STRING), None);
        }
        assert_eq!(read(&[], SEQUENCE), None);
    }
}
