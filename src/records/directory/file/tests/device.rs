//! A file in memory that remembers all that was done to it, and may have no more room.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

#[derive(Clone, Debug, Default)]
pub struct Device(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    file: File,
    log: Vec<Op>,
    most: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { file: File::default(), log: Vec::new(), most: u64::MAX }
    }
}

#[derive(Clone, Debug, Default)]
pub struct File(Vec<u8>);

#[derive(Clone)]
pub enum Op {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
    Sync,
}

impl std::fmt::Debug for Op {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write { offset, data } => write!(out, "{} bytes at {offset}", data.len()),
            Self::SetLen(length) => write!(out, "length {length}"),
            Self::Sync => out.write_str("sync"),
        }
    }
}

impl Op {
    pub fn is_sync(&self) -> bool {
        matches!(self, Self::Sync)
    }

    /// As it may be cut short, from nothing to nearly all of it.
    pub fn cuts(&self) -> Vec<Self> {
        let Self::Write { offset, data } = self else { return Vec::new() };
        let lengths = [0, 1, 9, 10, 64, 200, data.len() / 2, data.len().saturating_sub(1)];
        let mut lengths: Vec<_> = lengths.into_iter().filter(|length| *length < data.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
            .into_iter()
            .map(|length| Self::Write { offset: *offset, data: data[..length].to_vec() })
            .collect()
    }
}

impl File {
    pub fn apply(&mut self, operation: &Op) {
        match operation {
            Op::Write { offset, data } => {
                let (start, end) = (*offset as usize, *offset as usize + data.len());
                if self.0.len() < end {
                    self.0.resize(end, 0);
                }
                self.0[start..end].copy_from_slice(data);
            }
            Op::SetLen(length) => self.0.resize(*length as usize, 0),
            Op::Sync => {}
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl Device {
    pub fn of(bytes: Vec<u8>) -> Self {
        let device = Self::default();
        device.state().file = File(bytes);
        device
    }

    /// The length that the file may have.
    pub fn limit(&self, most: u64) {
        self.state().most = most;
    }

    pub fn operations(&self) -> usize {
        self.state().log.len()
    }

    pub fn log(&self) -> Vec<Op> {
        self.state().log.clone()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.state().file.bytes()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panicked")
    }

    fn carry_out(&self, operation: Op, end: u64) -> io::Result<()> {
        let mut state = self.state();
        if end > state.most {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.file.apply(&operation);
        state.log.push(operation);
        Ok(())
    }
}

impl StorageBackend for Device {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().file.0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + out.len());
        let state = self.state();
        let bytes = state.file.0.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.carry_out(Op::SetLen(length), length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.carry_out(Op::Sync, 0)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        self.carry_out(Op::Write { offset, data: data.to_vec() }, end)
    }
}
