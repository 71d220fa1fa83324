//! The recorded traffic of a real master: where the files are and what is in them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use mesos::recordio::Decoder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    pub const ALL: [Self; 2] = [Self::Protobuf, Self::Json];

    pub fn folder(self) -> PathBuf {
        root().join(match self {
            Self::Protobuf => "pb",
            Self::Json => "json",
        })
    }
}

/// The content of one recorded file, such as `pb/auth-bad/01-subscribe.stream.http`.
pub fn file(path: &str) -> Bytes {
    read(&root().join(path))
}

pub fn read(path: &Path) -> Bytes {
    Bytes::from(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// All files of an encoding whose names end in `suffix`, sorted.
pub fn files(encoding: Encoding, suffix: &str) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.expect("a directory entry").path()).collect()
    };
    let mut found: Vec<_> = list(&encoding.folder())
        .iter()
        .flat_map(|scenario| list(scenario))
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    found
}

/// A request or an answer as it stood on the wire.
pub struct Http {
    pub head: String,
    pub body: Bytes,
}

impl Http {
    pub fn parse(bytes: &Bytes) -> Self {
        const BLANK_LINE: &[u8] = b"\r\n\r\n";
        let end = bytes.windows(BLANK_LINE.len()).position(|window| window == BLANK_LINE).expect("a header");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a text header");
        Self { head: head + "\r\n", body: bytes.slice(end + BLANK_LINE.len()..) }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// The records of a whole stream.
pub fn records(chunks: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    let mut decoder = Decoder::default();
    let mut records = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().expect("a well-formed stream") {
            records.push(record);
        }
    }
    assert!(decoder.is_between_records(), "the recording ends within a record");
    records
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mesos-traffic")
}
