//! Blocked and ignored signals.

use std::mem::MaybeUninit;

use nix::libc;
use nix::unistd::getppid;

use crate::plan::Inherited;
use crate::signals::{Signal, SignalSet};

/// Blocks every signal and tells what was blocked and ignored before.
pub fn block_signals() -> Inherited {
    let blockable = Signal::all().filter(|signal| !signal.belongs_to_libc()).collect();
    let mask = set_mask(blockable);
    let ignored = Signal::all().filter(|&signal| disposition(signal) == libc::SIG_IGN).collect();
    Inherited { mask, ignored, parent: getppid().as_raw() }
}

/// Sets the signal mask and returns the one before. The system call itself is used, since the C library
/// quietly changes what is asked for in the signals it keeps for itself.
pub fn set_mask(mask: SignalSet) -> SignalSet {
    let mut before = 0u64;
    // SAFETY: both point to the 8 bytes that the kernel takes as a signal set. It cannot fail then.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask.0,
            &raw mut before,
            8usize,
        );
    }
    SignalSet(before)
}

fn disposition(signal: Signal) -> libc::sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `action` is valid for writes; all zeros is a valid value of it should the call fail.
    unsafe {
        libc::sigaction(signal.number(), std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

pub fn set_disposition(signal: Signal, handler: libc::sighandler_t) {
    // SAFETY: `handler` is SIG_DFL or SIG_IGN, so no code of ours is called.
    unsafe {
        libc::signal(signal.number(), handler);
    }
}

/// SIGCHLD not ignored, which would make the kernel throw statuses away. Handlers there are none: `exec` has ended them
/// and Rust's runtime, which has two, does not run.
pub fn reset_dispositions() {
    for signal in CHANGED.iter() {
        set_disposition(signal, libc::SIG_DFL);
    }
}

/// What [`reset_dispositions`] changes; all else is in init as it was inherited.
pub const CHANGED: SignalSet = SignalSet(1 << (libc::SIGCHLD - 1));

/// A closed pipe is an error of the write, not the end of the process.
pub fn ignore_sigpipe() {
    set_disposition(Signal::PIPE, libc::SIG_IGN);
}

/// The kernel keeps PID 1 from every signal that it has no handler for: without init, one that ends others ends nothing.
pub fn end_by_signals() {
    extern "C" fn end(number: libc::c_int) {
        // SAFETY: it does not return, and signal handlers may call it.
        unsafe { libc::_exit(128 + number) }
    }
    let handler = end as extern "C" fn(libc::c_int);
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        if disposition(signal) == libc::SIG_DFL {
            // SAFETY: the handler makes a single system call.
            unsafe {
                libc::signal(signal.number(), handler as libc::sighandler_t);
            }
        }
    }
}
