//! Descriptors by number.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};

/// Takes over a descriptor that was handed to this process by number.
///
/// Fails with `EBADF` when it is not open. The caller must be the only owner of that number.
pub fn adopt_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    set_cloexec(number)?;
    // SAFETY: the descriptor is open, and it was handed over to be owned here.
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

/// Descriptors are looked for up to here when the kernel cannot list them.
const FDS_MOST: RawFd = 65_536;

/// Closes all descriptors from 3 on but those of `keep`, which get close-on-exec.
pub fn close_others(keep: &[RawFd]) {
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
    // SAFETY: no memory is involved; nothing in this process owns the descriptors of the range.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn close_one_by_one(first: RawFd, last: RawFd) {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    let numbers = listed.unwrap_or_else(|_| (first..=last.min(FDS_MOST)).collect());
    for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as above.
        unsafe {
            libc::close(number);
        }
    }
}

/// What a pipe takes as a whole or not at all.
const PIPE_BUF: usize = 4096;

/// Writes a line, unless that would mean to wait for its reader: a line is worth less than the end of the
/// container in time. One that is too long for a single write is cut.
pub fn write_to_stderr(line: &str) {
    let mut end = line.len().min(PIPE_BUF);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let line = &line.as_bytes()[..end];
    let is_pipe = fstat(io::stderr())
        .is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO);
    match write_without_waiting(line) {
        Ok(()) => {}
        Err(Errno::EAGAIN) if is_pipe => {}
        // Not every kind of file knows how; a terminal or a file seldom makes anybody wait.
        Err(
            Errno::EAGAIN | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::EPERM | Errno::ESPIPE,
        ) => {
            if stderr_is_writable() {
                let _ = nix::unistd::write(io::stderr(), line);
            }
        }
        // Closed, or full to the end.
        Err(_) => {}
    }
}

fn write_without_waiting(line: &[u8]) -> Result<(), Errno> {
    let part = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
    // SAFETY: the kernel reads one part, whose bytes outlive the call.
    Errno::result(unsafe { libc::pwritev2(libc::STDERR_FILENO, &part, 1, -1, libc::RWF_NOWAIT) }).map(drop)
}

fn stderr_is_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
