//! Files that go from the kernel's cache to a connection without passing through this process.
//!
//! An answer's body that is made of files hands hyper slices of one buffer that nobody reads or writes, the stand-in,
//! and puts what they stand for into the connection's [`Outbox`]. When such a slice comes to be written, the connection
//! has the kernel send as much of the file. hyper neither looks into a body nor copies it when it writes by
//! `writev`, so it goes on to see to everything else: heads, lengths, connections that stay.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use nix::libc::off64_t;

/// Sent at once at most: large against a system call, and small enough that others have their turn.
pub const STAND_IN_BYTES: usize = 1 << 20;

/// Read at once where TLS wants to see the bytes.
const CHUNK: usize = 256 << 10;

/// What follows each other in an answer.
#[derive(Debug)]
pub enum Part {
    Bytes(Bytes),
    File(Section),
}

/// A part of a file.
#[derive(Clone, Debug)]
pub struct Section {
    pub file: Arc<File>,
    pub offset: u64,
    pub length: u64,
}

/// The body of an answer. With an outbox its files are sent by the kernel, else they are read. It breaks off when a file
/// has become shorter; the length in the answer's head is the caller's to say.
pub fn body(parts: impl Iterator<Item = io::Result<Part>> + Send + 'static, outbox: Option<Outbox>) -> Body {
    Body::from_stream(stream::iter(Frames { parts, section: None, outbox }))
}

struct Frames<P> {
    parts: P,
    /// What is left of the file that is being sent.
    section: Option<Section>,
    outbox: Option<Outbox>,
}

impl<P: Iterator<Item = io::Result<Part>>> Iterator for Frames<P> {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if let Some(section) = self.section.as_mut().filter(|section| section.length > 0) {
                return Some(match &self.outbox {
                    Some(outbox) => Ok(outbox.put(section.split(STAND_IN_BYTES))),
                    None => section.split(CHUNK).read(),
                });
            }
            self.section = None;
            match self.parts.next()? {
                Ok(Part::File(section)) => self.section = Some(section),
                Ok(Part::Bytes(bytes)) if bytes.is_empty() => {}
                Ok(Part::Bytes(bytes)) => return Some(Ok(bytes)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Section {
    /// Takes at most so many bytes from its beginning.
    fn split(&mut self, most: usize) -> Self {
        let length = self.length.min(most as u64);
        let first = Self { file: Arc::clone(&self.file), offset: self.offset, length };
        self.offset += length;
        self.length -= length;
        first
    }

    fn read(&self) -> io::Result<Bytes> {
        let mut buffer = vec![0; usize::try_from(self.length).unwrap_or_default()];
        self.file.read_exact_at(&mut buffer, self.offset)?;
        Ok(buffer.into())
    }
}

/// What became of an attempt to send.
pub struct Sent {
    pub bytes: usize,
    /// Whether the connection may take more at once.
    pub has_room: bool,
}

/// What stands for files in what a connection is about to write, in this order.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<VecDeque<Section>>>);

impl Outbox {
    fn put(&self, section: Section) -> Bytes {
        let length = usize::try_from(section.length).unwrap_or_default();
        self.sections().push_back(section);
        stand_in().slice(..length)
    }

    /// Has `send` send from where the next file is, at most `most` bytes of it.
    pub fn send(
        &self,
        most: usize,
        send: impl FnOnce(&File, &mut off64_t, usize) -> io::Result<usize>,
    ) -> io::Result<Sent> {
        let mut sections = self.sections();
        let Some(section) = sections.front_mut() else {
            return Err(io::Error::other("the body of an answer stands for no file"));
        };
        let most = most.min(usize::try_from(section.length).unwrap_or(usize::MAX));
        let mut offset = off64_t::try_from(section.offset).map_err(io::Error::other)?;
        let bytes = send(&section.file, &mut offset, most)?;
        let has_room = bytes == most;
        section.offset += bytes as u64;
        section.length -= bytes as u64;
        if bytes == 0 || !has_room && section.file.metadata()?.len() <= section.offset {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file has become shorter"));
        }
        if section.length == 0 {
            sections.pop_front();
        }
        Ok(Sent { bytes, has_room })
    }

    fn sections(&self) -> MutexGuard<'_, VecDeque<Section>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never touched, so it takes addresses and no memory.
fn stand_in() -> &'static Bytes {
    static STAND_IN: OnceLock<Bytes> = OnceLock::new();
    STAND_IN.get_or_init(|| vec![0; STAND_IN_BYTES].into())
}

/// Whether these bytes stand for others.
pub fn stands_in(bytes: &[u8]) -> bool {
    stand_in().as_ptr_range().contains(&bytes.as_ptr())
}
