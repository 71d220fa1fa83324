//! Descriptors by number.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::Mutex;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};

use super::entry::Beginning;

/// Two who ask for one number at once.
static ADOPTING: Mutex<()> = Mutex::new(());

/// Takes over a descriptor that was handed to this process by number.
///
/// Fails with `EBADF` when it is not open, and with `EBUSY` when it has an owner: what came over an exec has no
/// close-on-exec flag, while everything that is opened here has it, and what is adopted gets it.
pub fn adopt_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    let _one_at_a_time = ADOPTING.lock();
    // SAFETY: no memory is involved.
    let flags = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    if number <= libc::STDERR_FILENO || flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EBUSY);
    }
    set_cloexec(number)?;
    // SAFETY: the descriptor is open, and nobody here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Without the buffer of the standard library's, which would stay in memory.
pub fn stdin() -> BorrowedFd<'static> {
    // SAFETY: `begin` has seen to it that it is open, and nobody closes it.
    unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }
}

pub fn set_cloexec(number: RawFd) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

pub fn is_open(number: RawFd) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

/// What was written to a socket and is still to be taken by the other end.
pub fn unsent_bytes(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut count: libc::c_int = 0;
    // SAFETY: the kernel writes one number, for which there is room. The request's name for sockets is SIOCOUTQ.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) })?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Descriptors are looked for up to here when the kernel cannot list them.
const MAX_FDS: RawFd = 65_536;

/// Closes all descriptors from 3 on but those of `keep`, which get close-on-exec. None of them has an owner: whoever has
/// the process's beginning has opened none that is still in use.
pub fn close_others(_beginning: Beginning, keep: &[RawFd]) {
    let mut keep: Vec<_> = keep.iter().copied().filter(|number| *number > 2).collect();
    keep.sort_unstable();
    keep.dedup();
    for number in &keep {
        // One that is not open is told when the child that wants it is started.
        let _ = set_cloexec(*number);
    }
    let mut first = 3;
    for number in keep.iter().copied().chain([RawFd::MAX]) {
        if first < number && close_range(first, number - 1).is_err() {
            close_one_by_one(first, number - 1);
        }
        first = number.saturating_add(1);
    }
}

fn close_range(first: RawFd, last: RawFd) -> Result<(), Errno> {
    // SAFETY: no memory is involved; the caller has seen to it that nobody owns a descriptor of the range.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn close_one_by_one(first: RawFd, last: RawFd) {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    let numbers = listed.unwrap_or_else(|_| (first..=last.min(MAX_FDS)).collect());
    for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as above.
        unsafe {
            libc::close(number);
        }
    }
}

/// Writes all to a descriptor that was handed down, which stays open.
pub fn write_to(number: RawFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: the bytes outlive the call, and the kernel only reads them.
        match Errno::result(unsafe { libc::write(number, bytes.as_ptr().cast(), bytes.len()) }) {
            Ok(written) => bytes = &bytes[written.unsigned_abs()..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// What a pipe takes as a whole or not at all.
const PIPE_BUF: usize = 4096;

/// Writes as much as is possible without waiting for a reader, and returns how much that was. What can never be written
/// counts as written.
pub fn write_to_stderr(bytes: &[u8]) -> usize {
    let is_pipe = fstat(io::stderr())
        .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO);
    let mut done = 0;
    while done < bytes.len() {
        let part = &bytes[done..bytes.len().min(done + PIPE_BUF)];
        let written = match write_without_waiting(part) {
            Err(Errno::EAGAIN) if is_pipe => return done,
            // Not every kind of file knows how; a terminal or a file seldom makes anybody wait.
            Err(
                Errno::EAGAIN
                | Errno::EOPNOTSUPP
                | Errno::ENOSYS
                | Errno::EINVAL
                | Errno::EPERM
                | Errno::ESPIPE,
            ) => {
                if !stderr_is_writable() {
                    return done;
                }
                nix::unistd::write(io::stderr(), part)
            }
            written => written,
        };
        match written {
            Ok(written) if written > 0 => done += written,
            Ok(_) | Err(Errno::EAGAIN) => return done,
            Err(Errno::EINTR) => {}
            // Closed, or the disk is full.
            Err(_) => return bytes.len(),
        }
    }
    done
}

fn write_without_waiting(bytes: &[u8]) -> Result<usize, Errno> {
    let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: the kernel reads one part, whose bytes outlive the call.
    let written = unsafe { libc::pwritev2(libc::STDERR_FILENO, &part, 1, -1, libc::RWF_NOWAIT) };
    Errno::result(written).map(isize::unsigned_abs)
}

fn stderr_is_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    use super::*;

    #[test]
    fn a_descriptor_is_adopted_once_and_only_without_an_owner() {
        let file = File::open("/").expect("a directory");
        assert_eq!(adopt_fd(file.as_raw_fd()).expect_err("it has an owner"), Errno::EBUSY);
        let handed_down = nix::unistd::dup(&file).expect("another descriptor").into_raw_fd();
        let adopted = adopt_fd(handed_down).expect("nobody has it");
        assert_eq!(adopted.as_raw_fd(), handed_down);
        assert_eq!(adopt_fd(handed_down).expect_err("it was adopted"), Errno::EBUSY);
        assert_eq!(adopt_fd(RawFd::MAX).expect_err("it is not open"), Errno::EBADF);
        assert_eq!(adopt_fd(2).expect_err("stderr"), Errno::EBUSY);
    }

    #[test]
    fn what_is_written_by_number_arrives() {
        let (mut read, write) = io::pipe().expect("a pipe");
        write_to(write.as_raw_fd(), b"256").expect("written");
        drop(write);
        assert_eq!(io::read_to_string(&mut read).expect("read"), "256");
        assert_eq!(write_to(read.as_raw_fd(), b"0"), Err(Errno::EBADF));
    }
}
