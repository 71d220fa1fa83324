//! RecordIO: each record is its length in decimal digits, a line feed, and that many bytes.
//!
//! Records have no relation to the chunks they arrive in: a record may span many, a chunk may hold many.

use std::collections::VecDeque;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The longest record we take. The first offers after a subscription are one record with an offer per agent
/// and role, 1 to 4 KB each: tens of megabytes with thousands of agents. Mesos itself has no limit.
pub const MAX_RECORD_BYTES: u64 = 256 * 1024 * 1024;

/// Enough for any 64-bit length.
const MAX_LENGTH_DIGITS: usize = 20;

/// How much of what is no record an error shows: enough to recognise a proxy's error page.
const MAX_SHOWN_BYTES: usize = 64;

/// Why a stream holds no further records. Permanent: after it nobody knows where a record begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("expected a record's length, got \"{got}\"")]
    NotALength { got: String },
    #[error("a record of {length} bytes is longer than the {most} allowed")]
    TooLong { length: u64, most: u64 },
}

/// Takes bytes as they arrive and gives whole records.
#[derive(Debug)]
pub struct Decoder {
    chunks: VecDeque<Bytes>,
    state: State,
    record_bytes_max: u64,
}

#[derive(Debug)]
enum State {
    /// The digits read so far.
    Length(Vec<u8>),
    /// What has arrived of a record whose end has not. It grows with what arrives, whatever was announced.
    Record {
        length: usize,
        partial: BytesMut,
    },
    Failed(RecordError),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(MAX_RECORD_BYTES)
    }
}

impl Decoder {
    pub fn with_limit(record_bytes_max: u64) -> Self {
        Self { chunks: VecDeque::new(), state: State::Length(Vec::new()), record_bytes_max }
    }

    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// The next whole record, or `None` until more bytes arrive. A record that came in one chunk is a slice of it.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Record { length, partial } => {
                    let Some(record) = take_record(&mut self.chunks, *length, partial) else {
                        return Ok(None);
                    };
                    self.state = State::Length(Vec::new());
                    return Ok(Some(record));
                }
                State::Length(digits) => match take_length(&mut self.chunks, digits, self.record_bytes_max) {
                    Ok(None) => return Ok(None),
                    Ok(Some(length)) => self.state = State::Record { length, partial: BytesMut::new() },
                    Err(error) => {
                        self.chunks.clear();
                        self.state = State::Failed(error);
                    }
                },
            }
        }
    }

    /// Whether the stream may end here without cutting a record in two.
    pub fn is_between_records(&self) -> bool {
        self.chunks.is_empty() && matches!(&self.state, State::Length(digits) if digits.is_empty())
    }
}

/// Appends `record` with its length in front.
pub fn encode(record: &[u8], stream: &mut BytesMut) {
    let length = record.len().to_string();
    stream.reserve(length.len() + 1 + record.len());
    stream.put_slice(length.as_bytes());
    stream.put_u8(b'\n');
    stream.put_slice(record);
}

fn take_record(chunks: &mut VecDeque<Bytes>, length: usize, partial: &mut BytesMut) -> Option<Bytes> {
    while partial.len() < length {
        let chunk = chunks.front_mut()?;
        let missing = length - partial.len();
        let part = chunk.split_to(missing.min(chunk.len()));
        if chunk.is_empty() {
            chunks.pop_front();
        }
        if part.len() == length {
            return Some(part);
        }
        partial.extend_from_slice(&part);
    }
    Some(std::mem::take(partial).freeze())
}

/// Reads up to the line feed after a length. Empty lines before it are skipped, as the documentation of the format does.
fn take_length(
    chunks: &mut VecDeque<Bytes>,
    digits: &mut Vec<u8>,
    record_bytes_max: u64,
) -> Result<Option<usize>, RecordError> {
    while let Some(chunk) = chunks.front_mut() {
        let Some(&byte) = chunk.first() else {
            chunks.pop_front();
            continue;
        };
        match byte {
            b'\n' if digits.is_empty() => chunk.advance(1),
            b'\n' => {
                chunk.advance(1);
                if chunk.is_empty() {
                    chunks.pop_front();
                }
                return parse_length(digits, record_bytes_max).map(Some);
            }
            b'0'..=b'9' if digits.len() < MAX_LENGTH_DIGITS => {
                digits.push(byte);
                chunk.advance(1);
            }
            _ => return Err(RecordError::NotALength { got: shown(digits, chunk) }),
        }
    }
    Ok(None)
}

fn parse_length(digits: &[u8], record_bytes_max: u64) -> Result<usize, RecordError> {
    // Twenty digits can exceed 64 bits; that is too long under any limit.
    let length = digits
        .iter()
        .fold(0_u64, |length, digit| length.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    match usize::try_from(length) {
        Ok(in_memory) if length <= record_bytes_max => Ok(in_memory),
        Ok(_) | Err(_) => Err(RecordError::TooLong { length, most: record_bytes_max }),
    }
}

fn shown(digits: &[u8], rest: &[u8]) -> String {
    digits
        .iter()
        .chain(rest)
        .take(MAX_SHOWN_BYTES)
        .copied()
        .flat_map(std::ascii::escape_default)
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(limit: u64, chunks: &[&'static [u8]]) -> (Vec<Bytes>, Option<RecordError>, bool) {
        let mut decoder = Decoder::with_limit(limit);
        let mut records = Vec::new();
        for chunk in chunks {
            decoder.push(Bytes::from_static(chunk));
            loop {
                match decoder.next_record() {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break,
                    Err(error) => return (records, Some(error), false),
                }
            }
        }
        (records, None, decoder.is_between_records())
    }

    #[test]
    fn whole_records_and_pieces() {
        for (chunks, records, between) in [
            (&[b"3\nabc".as_slice()] as &[&[u8]], &["abc"] as &[&str], true),
            (&[b"3\nabc0\n2\nde"], &["abc", "", "de"], true),
            (&[b"\n\n3\nabc\n2\nde"], &["abc", "de"], true),
            (&[b"1", b"2\nabcdef", b"", b"ghijkl1\n"], &["abcdefghijkl"], false),
            (&[b"0003\nabc"], &["abc"], true),
            (&[b"5\nab\nc"], &[], false),
            (&[b"\n"], &[], true),
            (&[b"7"], &[], false),
            (&[], &[], true),
        ] {
            let expected: Vec<_> = records.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
            assert_eq!(decode(100, chunks), (expected, None, between), "{chunks:?}");
        }
    }

    #[test]
    fn what_is_no_record_is_named_and_permanent() {
        for (chunks, message) in [
            (
                &[b"2\nab<html>\r\n<h1>Bad Gateway".as_slice()] as &[&[u8]],
                r#"expected a record's length, got "<html>\r\n<h1>Bad Gateway""#,
            ),
            (&[b"12", b" 3\n"], r#"expected a record's length, got "12 3\n""#),
            (&[b"-1\nx"], r#"expected a record's length, got "-1\nx""#),
            (&[b"3\r\nabc"], r#"expected a record's length, got "3\r\nabc""#),
            (&[b"000000000000000000001\n"], r#"expected a record's length, got "000000000000000000001\n""#),
            (&[b"101\n"], "a record of 101 bytes is longer than the 100 allowed"),
            (
                &[b"99999999999999999999\n"],
                "a record of 18446744073709551615 bytes is longer than the 100 allowed",
            ),
        ] {
            let (_, error, _) = decode(100, chunks);
            assert_eq!(error.expect("an error").to_string(), message);
        }
        let mut decoder = Decoder::default();
        decoder.push(Bytes::from_static(b"x"));
        let first = decoder.next_record();
        decoder.push(Bytes::from_static(b"1\na"));
        assert_eq!(decoder.next_record(), first);
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = Decoder::default();
        decoder.push(Bytes::from(format!("{MAX_RECORD_BYTES}\nabc")));
        assert_eq!(decoder.next_record(), Ok(None));
        let State::Record { partial, .. } = &decoder.state else { panic!("{decoder:?}") };
        assert!(partial.capacity() < 1024, "{}", partial.capacity());
    }

    #[test]
    fn a_record_within_one_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b"3\nabc4\ndefg");
        let mut decoder = Decoder::default();
        decoder.push(chunk.clone());
        let records = [decoder.next_record(), decoder.next_record()]
            .map(|record| record.expect("no error").expect("a record"));
        assert_eq!(records.map(|record| record.as_ptr()), [chunk[2..].as_ptr(), chunk[7..].as_ptr()]);
    }

    #[test]
    fn a_record_of_100_megabytes_in_small_pieces() {
        const LENGTH: usize = 100_000_000;
        let piece = Bytes::from(vec![7; 64 * 1024]);
        let mut decoder = Decoder::default();
        decoder.push(Bytes::from(format!("{LENGTH}\n")));
        let mut left = LENGTH;
        let record = loop {
            let part = piece.slice(..left.min(piece.len()));
            left -= part.len();
            decoder.push(part);
            if let Some(record) = decoder.next_record().expect("no error") {
                break record;
            }
        };
        assert_eq!((left, record.len()), (0, LENGTH));
        assert!(decoder.is_between_records());
    }

    #[test]
    fn encoded_records_decode() {
        let mut stream = BytesMut::new();
        encode(b"first", &mut stream);
        encode(b"", &mut stream);
        assert_eq!(stream, "5\nfirst0\n");
    }
}
