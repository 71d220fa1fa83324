//! What an ensemble has committed, read from its servers' transaction logs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

/// `ZKLG`, a version and a number of the database.
const FILE_HEAD_BYTES: usize = 16;
const END_OF_RECORD: u8 = b'B';
/// ZooKeeper refuses requests of more than 1 MiB.
const MAX_RECORD_BYTES: usize = 2 << 20;

const MULTI: i32 = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Write,
    Check,
    /// Of a transaction that failed.
    Error,
    /// Sessions come and go.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub kind: Kind,
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub zxid: i64,
    /// Milliseconds since 1970, by the clock of the server that led.
    pub at_ms: i64,
    pub operations: Vec<Operation>,
}

/// In their order. What lies in the logs of a majority is committed, and everything that is lies there.
pub fn committed(logs: &[impl AsRef<Path>]) -> Vec<Transaction> {
    let mut found: BTreeMap<(i64, i64), (usize, Transaction)> = BTreeMap::new();
    for directory in logs {
        let mut own = BTreeMap::new();
        for entry in fs::read_dir(directory).expect("a server's directory") {
            let entry = entry.expect("an entry");
            if entry.file_name().to_string_lossy().starts_with("log.") {
                let read = read(BufReader::new(File::open(entry.path()).expect("a log")));
                own.extend(read.into_iter().map(|transaction| (transaction.zxid, transaction)));
            }
        }
        for (zxid, transaction) in own {
            found.entry((zxid, transaction.at_ms)).or_insert((0, transaction)).0 += 1;
        }
    }
    found.into_values().filter(|(servers, _)| *servers > logs.len() / 2).map(|(_, found)| found).collect()
}

/// Up to what has not been written yet.
fn read(mut log: impl Read) -> Vec<Transaction> {
    let mut found = Vec::new();
    if log.read_exact(&mut [0; FILE_HEAD_BYTES]).is_ok() {
        while let Ok(Some(transaction)) = next(&mut log) {
            found.push(transaction);
        }
    }
    found
}

fn next(log: &mut impl Read) -> io::Result<Option<Transaction>> {
    let mut head = [0; 12];
    log.read_exact(&mut head)?;
    let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let Some(length) = usize::try_from(length).ok().filter(|length| (1..MAX_RECORD_BYTES).contains(length))
    else {
        return Ok(None);
    };
    let mut record = vec![0; length + 1];
    log.read_exact(&mut record)?;
    Ok((record.pop() == Some(END_OF_RECORD)).then(|| parse(&record)).flatten())
}

fn parse(record: &[u8]) -> Option<Transaction> {
    let mut record = Bytes(record);
    let (_session, _number) = (record.long()?, record.int()?);
    let (zxid, at_ms, kind) = (record.long()?, record.long()?, record.int()?);
    let operations = if kind == MULTI {
        let count = record.int()?;
        (0..count).map(|_| operation(record.int()?, &mut Bytes(record.buffer()?))).collect::<Option<_>>()?
    } else {
        vec![operation(kind, &mut record)?]
    };
    Some(Transaction { zxid, at_ms, operations })
}

/// Each begins with its path.
fn operation(kind: i32, body: &mut Bytes<'_>) -> Option<Operation> {
    let kind = match kind {
        1 | 2 | 5 | 7 | 15 | 19 | 20 | 21 => Kind::Write,
        13 => Kind::Check,
        -1 => Kind::Error,
        _ => Kind::Other,
    };
    let path = match kind {
        Kind::Write | Kind::Check => String::from_utf8_lossy(body.buffer()?).into_owned(),
        Kind::Error | Kind::Other => String::new(),
    };
    Some(Operation { kind, path })
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn int(&mut self) -> Option<i32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*number))
    }

    fn long(&mut self) -> Option<i64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_be_bytes(*number))
    }

    /// With its length before it.
    fn buffer(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.int()?).ok()?;
        let (buffer, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(buffer)
    }
}
