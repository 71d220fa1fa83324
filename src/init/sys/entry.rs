//! Where the program begins.
//!
//! Rust's runtime would come between the C library and `main`: it reads `/proc/self/maps`, maps a stack for handlers of
//! SIGSEGV and SIGBUS and ignores SIGPIPE, so that nobody can tell any more whether it was inherited ignored. An init
//! wants nothing of that, and it takes a tenth of its start.

use nix::errno::Errno;
use nix::libc;

/// Makes `$main`, a function of the [`Beginning`] that returns an exit code, what the C library calls.
#[macro_export]
macro_rules! begin_with {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main() -> i32 {
            // SAFETY: the C library calls this once, before anything else.
            let beginning = unsafe { $crate::sys::begin() };
            let code: u8 = $main(beginning);
            $crate::sys::end(code)
        }
    };
}

/// A process as it was executed: it owns no descriptor from 3 on. Whoever opens one that stays drops this; whoever still
/// has it may become init in this process.
#[derive(Debug)]
pub struct Beginning(());

/// Sees to it that 0, 1 and 2 are open, or the next file would get one of these numbers and somebody's output.
///
/// # Safety
///
/// To be called once, as the first thing that the process does.
pub unsafe fn begin() -> Beginning {
    for number in 0..=2 {
        // SAFETY: no memory is involved but the constant path.
        unsafe {
            if libc::fcntl(number, libc::F_GETFD) == -1 && Errno::last() == Errno::EBADF {
                // The lowest number that is free is this one.
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
    Beginning(())
}

/// Ends the process without taking apart what ends with it. Lines on stdout are written, an unfinished one is not.
pub fn end(code: u8) -> ! {
    // SAFETY: it does not return.
    unsafe { libc::_exit(i32::from(code)) }
}
