//! What kind of file a program is, when the kernel will not execute it: a script without `#!`, which shells and `execvp`
//! run all the same, or one whose interpreter is missing, about which the kernel's word is that the file is.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{AccessFlags, access};

/// What runs a script that names no interpreter.
pub const SHELL: &str = "/bin/sh";

/// The kernel reads no more of a first line, and an interpreter's path in a binary is near its begin.
const HEAD_BYTES: u64 = 4096;
const FIRST_LINE_BYTES: usize = 256;

/// Where relative paths begin.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    pub directory: Option<BorrowedFd<'a>>,
    pub cwd: Option<&'a Path>,
}

/// Why a file cannot be executed, beyond what the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The interpreter of a script, or the loader of a binary.
    NoInterpreter {
        path: String,
    },
    CarriageReturn {
        path: String,
    },
    InterpreterNotExecutable {
        path: String,
    },
    NoShell,
    Directory,
    NotMarked,
    NoExec,
    OtherMachine,
    Binary,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterpreter { path } => write!(f, "it needs {path}, which does not exist"),
            Self::CarriageReturn { path } => write!(
                f,
                "its first line names the interpreter {path:?}: the carriage return at its end (Windows line ends) is part of the name"
            ),
            Self::InterpreterNotExecutable { path } => write!(f, "it needs {path}, which cannot be executed"),
            Self::NoShell => {
                write!(f, "it is a script without #!, and there is no {SHELL} to run it")
            }
            Self::Directory => f.write_str("it is a directory"),
            Self::NotMarked => f.write_str("its mode does not allow it to be executed"),
            Self::NoExec => f.write_str("its file system is mounted noexec"),
            Self::OtherMachine => f.write_str("it is built for another processor or operating system"),
            Self::Binary => f.write_str("it is neither a program nor a script"),
        }
    }
}

/// What the begin of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Head {
    /// `#!`, or the loader that a binary names.
    Needs {
        interpreter: String,
    },
    Elf,
    /// What a shell would run.
    Text,
    Binary,
}

/// Whether a shell runs the file that the kernel found no format for.
pub fn is_script(path: &Path, from: From<'_>) -> bool {
    open(path, from).is_some_and(|file| head_of(&file) == Head::Text)
}

pub fn obstacle(path: &Path, from: From<'_>, errno: Errno) -> Option<Obstacle> {
    let file = open(path, from)?;
    let mode = fstat(&file).ok()?.st_mode;
    let kind = SFlag::from_bits_truncate(mode) & SFlag::S_IFMT;
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => match head_of(&file) {
            Head::Needs { interpreter } => Some(missing(interpreter)),
            Head::Text => Some(Obstacle::NoShell),
            Head::Elf | Head::Binary => None,
        },
        Errno::EACCES if kind == SFlag::S_IFDIR => Some(Obstacle::Directory),
        Errno::EACCES if mode & 0o111 == 0 => Some(Obstacle::NotMarked),
        Errno::EACCES if is_noexec(&file) => Some(Obstacle::NoExec),
        Errno::EACCES => match head_of(&file) {
            Head::Needs { interpreter } if access(&*interpreter, AccessFlags::X_OK).is_err() => {
                Some(Obstacle::InterpreterNotExecutable { path: interpreter })
            }
            Head::Needs { .. } | Head::Elf | Head::Text | Head::Binary => None,
        },
        Errno::ENOEXEC => match head_of(&file) {
            Head::Needs { .. } | Head::Elf => Some(Obstacle::OtherMachine),
            Head::Text | Head::Binary => Some(Obstacle::Binary),
        },
        _ => None,
    }
}

fn missing(interpreter: String) -> Obstacle {
    match interpreter.strip_suffix('\r') {
        Some(_) => Obstacle::CarriageReturn { path: interpreter },
        None => Obstacle::NoInterpreter { path: interpreter },
    }
}

fn open(path: &Path, from: From<'_>) -> Option<File> {
    let path = from.cwd.map_or_else(|| path.to_owned(), |cwd: &Path| -> PathBuf { cwd.join(path) });
    // A named pipe must not make anybody wait.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    openat(from.directory.unwrap_or(AT_FDCWD), &path, flags, Mode::empty()).ok().map(File::from)
}

fn is_noexec(file: &File) -> bool {
    fstatvfs(file).is_ok_and(|found| found.flags().contains(FsFlags::ST_NOEXEC))
}

fn head_of(file: &File) -> Head {
    let mut bytes = Vec::new();
    match file.take(HEAD_BYTES).read_to_end(&mut bytes) {
        Ok(_) => head(&bytes),
        Err(_) => Head::Binary,
    }
}

fn head(bytes: &[u8]) -> Head {
    if bytes.starts_with(b"\x7fELF") {
        return loader(bytes).map_or(Head::Elf, |interpreter| Head::Needs { interpreter });
    }
    let first = &bytes[..bytes.len().min(FIRST_LINE_BYTES)];
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Some(rest) = line.strip_prefix(b"#!") {
        let rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
        return Head::Needs { interpreter: String::from_utf8_lossy(&rest[..end]).into_owned() };
    }
    if line.contains(&0) { Head::Binary } else { Head::Text }
}

/// What a 64-bit binary of this machine's byte order names in its segment PT_INTERP.
fn loader(bytes: &[u8]) -> Option<String> {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| -> Option<usize> {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
        usize::try_from(u64::from_le_bytes(wide)).ok()
    };
    if bytes.get(4..6)? != [2, 1] {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let headers = (0..count).map_while(|index| table.checked_add(index.checked_mul(size)?));
    let header =
        headers.take_while(|at| *at < bytes.len()).find(|at| number(*at, 4) == Some(PT_INTERP as usize))?;
    let (offset, length) = (number(header.checked_add(8)?, 8)?, number(header.checked_add(32)?, 8)?);
    let path = bytes.get(offset..offset.checked_add(length)?)?;
    Some(String::from_utf8_lossy(path).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_begin_tells_what_a_file_is() {
        let needs = |path: &str| Head::Needs { interpreter: path.to_owned() };
        for (bytes, expected) in [
            (&b"#!/bin/sh\necho"[..], needs("/bin/sh")),
            (b"#! \t/usr/bin/env bash\n", needs("/usr/bin/env")),
            (b"#!/bin/sh\r\necho\r\n", needs("/bin/sh\r")),
            (b"#!/bin/sh", needs("/bin/sh")),
            (b"echo \xff\n\0", Head::Text),
            (b"", Head::Text),
            (b"PK\x03\x04\0\0", Head::Binary),
            (b"\x7fELF", Head::Elf),
            (b"\x7fELF\x02\x01\x01 and what is none", Head::Elf),
        ] {
            assert_eq!(head(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(missing("/bin/sh\r".into()), Obstacle::CarriageReturn { path: "/bin/sh\r".into() });
    }

    #[test]
    fn a_binary_names_its_loader() {
        // Any that is linked dynamically, as this machine's programs are.
        let found = std::fs::read("/bin/cat").map(|bytes| head(&bytes[..4096])).unwrap();
        let Head::Needs { interpreter } = found else { panic!("{found:?}") };
        assert!(interpreter.contains("ld-linux"), "{interpreter}");
    }

    #[test]
    fn garbage_is_no_reason_to_panic() {
        let mut bytes = std::fs::read("/bin/cat").unwrap();
        bytes.truncate(4096);
        for at in 0..120 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                head(&bytes);
                head(&bytes[..at]);
            }
        }
    }
}
