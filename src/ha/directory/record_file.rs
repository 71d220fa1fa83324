//! The content of the file `state`: `flink-on-mesos-state <length> <SHA-256>`, then the record.

use base::digest::{Sha256, hexadecimal};

use domain::record::RecordError;

const NAME: &str = "flink-on-mesos-state";

pub fn wrap(content: &[u8]) -> Vec<u8> {
    let digest = hexadecimal(&Sha256::of(content));
    let mut bytes = format!("{NAME} {} {digest}\n", content.len()).into_bytes();
    bytes.extend(content);
    bytes
}

/// The record, if all of it is as it was written.
pub fn unwrap(bytes: &[u8]) -> Result<&[u8], RecordError> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let (first, content) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 1..]));
    let mut words = str::from_utf8(first).unwrap_or_default().split(' ');
    if words.next() != Some(NAME) || end.is_none() {
        return Err(RecordError::Damaged("it does not begin with `flink-on-mesos-state`".to_owned()));
    }
    let length = words.next().and_then(|word| word.parse::<usize>().ok());
    if length != Some(content.len()) {
        let told = length.map_or_else(|| "an unknown number".to_owned(), |length| length.to_string());
        return Err(RecordError::Damaged(format!("it has {} bytes instead of {told}", content.len())));
    }
    if words.next() != Some(&hexadecimal(&Sha256::of(content))) || words.next().is_some() {
        return Err(RecordError::Damaged("its SHA-256 does not match".to_owned()));
    }
    Ok(content)
}
