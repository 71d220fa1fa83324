//! The state in a memory file, for clusters without ZooKeeper; and such files for what else outlasts a worker.
//!
//! The file has two slots. A content is written to the one not in use, with its length and digest, and counts only when
//! it is complete: a worker that is killed in the middle of a write leaves the older one in force.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use nix::sys::memfd::{MFdFlags, memfd_create};

use base::digest::Sha256;
use domain::state::State;

use domain::record;
use domain::store::{Store, StoreError};

const NAME: &CStr = c"flink-on-mesos-state";
/// Sequence number, length and digest.
const HEADER_BYTES: usize = 8 + 8 + 32;
/// Far above what 10,000 TaskManagers need, about 150 bytes each; the file is sparse.
const SLOT_BYTES: u64 = 64 << 20;
const MOST_BYTES: usize = (64 << 20) - HEADER_BYTES;

/// An empty memory file that `exec` does not close.
pub fn create() -> io::Result<OwnedFd> {
    Ok(memfd_create(NAME, MFdFlags::empty())?)
}

/// One open memory file, for one content that is written as a whole.
#[derive(Debug)]
pub struct MemoryFile {
    file: File,
    /// Of the newest complete content; 0 when there is none.
    sequence: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are more than the {most} that have room")]
struct TooLarge {
    bytes: usize,
    most: usize,
}

impl MemoryFile {
    pub fn new(file: OwnedFd) -> Self {
        Self { file: file.into(), sequence: 0 }
    }

    pub fn read_newest(&mut self) -> io::Result<Option<Vec<u8>>> {
        let slots = [self.read_slot(0)?, self.read_slot(1)?];
        let newest = slots.into_iter().flatten().max_by_key(|(sequence, _)| *sequence);
        let Some((sequence, content)) = newest else { return Ok(None) };
        self.sequence = sequence;
        Ok(Some(content))
    }

    /// A slot's sequence number and content, or none if it was never or not completely written.
    fn read_slot(&self, slot: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let offset = slot * SLOT_BYTES;
        let mut header = [0; HEADER_BYTES];
        if self.file.metadata()?.len() < offset + HEADER_BYTES as u64 {
            return Ok(None);
        }
        self.file.read_exact_at(&mut header, offset)?;
        let (sequence, length, digest) = split(&header);
        if sequence == 0 || length > SLOT_BYTES {
            return Ok(None);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most SLOT_BYTES")]
        let mut content = vec![0; length as usize];
        match self.file.read_exact_at(&mut content, offset + HEADER_BYTES as u64) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        Ok((digest == digest_of(sequence, &content)).then_some((sequence, content)))
    }

    pub fn write(&mut self, content: &[u8]) -> io::Result<()> {
        if content.len() > MOST_BYTES {
            return Err(io::Error::other(TooLarge { bytes: content.len(), most: MOST_BYTES }));
        }
        let sequence = self.sequence + 1;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
        bytes.extend(sequence.to_le_bytes());
        bytes.extend((content.len() as u64).to_le_bytes());
        bytes.extend(digest_of(sequence, content));
        bytes.extend(content);
        self.file.write_all_at(&bytes, (sequence % 2) * SLOT_BYTES)?;
        self.sequence = sequence;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.sequence = 0;
        Ok(())
    }
}

/// The state in one.
#[derive(Debug)]
pub struct MemoryStore(MemoryFile);

impl MemoryStore {
    pub fn new(file: OwnedFd) -> Self {
        Self(MemoryFile::new(file))
    }

    fn read_newest(&mut self) -> Result<Option<State>, StoreError> {
        let content = self.0.read_newest()?;
        Ok(content.map(|content| record::decode(&content)).transpose()?)
    }

    fn write(&mut self, content: &[u8]) -> Result<(), StoreError> {
        if content.len() > MOST_BYTES {
            return Err(StoreError::TooLarge { bytes: content.len(), most: MOST_BYTES });
        }
        Ok(self.0.write(content)?)
    }
}

impl Store for MemoryStore {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        self.read_newest()
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        self.write(&record::encode(state)?)
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        Ok(self.0.clear()?)
    }
}

fn split(header: &[u8; HEADER_BYTES]) -> (u64, u64, [u8; 32]) {
    let mut word = [0; 8];
    word.copy_from_slice(&header[..8]);
    let sequence = u64::from_le_bytes(word);
    word.copy_from_slice(&header[8..16]);
    let length = u64::from_le_bytes(word);
    let mut digest = [0; 32];
    digest.copy_from_slice(&header[16..]);
    (sequence, length, digest)
}

fn digest_of(sequence: u64, content: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::begin();
    hash.update(sequence.to_le_bytes());
    hash.update(content);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u64) -> State {
        State { task_counter: number, ..State::default() }
    }

    /// Another worker on the same file.
    fn successor(store: &MemoryStore) -> MemoryStore {
        MemoryStore::new(store.0.file.try_clone().expect("a second descriptor").into())
    }

    #[test]
    fn a_successor_reads_what_was_written_last() {
        let mut store = MemoryStore::new(create().expect("a memory file"));
        assert_eq!(store.read_newest().expect("readable"), None);
        for number in 1..=5 {
            store.write(&record::encode(&numbered(number)).expect("encoded")).expect("written");
            let read = successor(&store).read_newest().expect("readable");
            assert_eq!(read, Some(numbered(number)));
        }
    }

    #[test]
    fn a_write_cut_short_anywhere_leaves_the_older_state() {
        let mut store = MemoryStore::new(create().expect("a memory file"));
        for number in 1..=3 {
            store.write(&record::encode(&numbered(number)).expect("encoded")).expect("written");
        }
        let content = record::encode(&numbered(4)).expect("encoded");
        let mut whole = MemoryStore::new(create().expect("a memory file"));
        whole.0.sequence = 3;
        whole.write(&content).expect("written");
        let mut bytes = vec![0; HEADER_BYTES + content.len()];
        whole.0.file.read_exact_at(&mut bytes, 0).expect("the slot of an even number");
        for length in 0..bytes.len() {
            store.0.file.write_all_at(&bytes[..length], 0).expect("written");
            let read = successor(&store).read_newest().expect("readable");
            // The tails of the old and the new content may be equal: then a cut write is complete after all.
            let complete = read == Some(numbered(4)) && length > HEADER_BYTES;
            assert!(complete || read == Some(numbered(3)), "cut after {length} bytes: {read:?}");
        }
        store.0.file.write_all_at(&bytes, 0).expect("written");
        assert_eq!(successor(&store).read_newest().expect("readable"), Some(numbered(4)));
    }

    #[test]
    fn a_successor_goes_on_with_the_sequence() {
        let mut first = MemoryStore::new(create().expect("a memory file"));
        first.write(&record::encode(&numbered(1)).expect("encoded")).expect("written");
        let mut second = successor(&first);
        second.read_newest().expect("readable");
        second.write(&record::encode(&numbered(2)).expect("encoded")).expect("written");
        assert_eq!(successor(&first).read_newest().expect("readable"), Some(numbered(2)));
    }
}
