//! Blocked and ignored signals.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::unistd::getppid;

use crate::init::plan::Inherited;
use crate::init::signals::{Signal, SignalSet};

/// Rust's runtime ignores SIGPIPE before `main` runs and leaves no trace of what was inherited.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

extern "C" fn remember_pipe() {
    PIPE_WAS_IGNORED.store(disposition(Signal::PIPE) == libc::SIG_IGN, Ordering::Relaxed);
}

// SAFETY: the function has the type the loader calls and uses nothing that needs the runtime.
#[unsafe(link_section = ".init_array")]
#[used]
static REMEMBER_PIPE: extern "C" fn() = remember_pipe;

/// Blocks every signal and tells what was blocked and ignored before.
pub fn block_signals() -> Inherited {
    let blockable = Signal::all().filter(|signal| !signal.belongs_to_libc()).collect();
    let mask = set_mask(blockable);
    let mut ignored: SignalSet = Signal::all()
        .filter(|&signal| signal != Signal::PIPE && disposition(signal) == libc::SIG_IGN)
        .collect();
    if PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
        ignored.insert(Signal::PIPE);
    }
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

/// Makes the dispositions of init those that its loop relies on: no handlers (Rust's runtime has two, for a
/// message on stack overflow), and SIGCHLD not ignored, which would make the kernel throw statuses away.
pub fn reset_dispositions() {
    for signal in Signal::all() {
        let handler = disposition(signal);
        if signal == Signal::CHLD || (handler != libc::SIG_DFL && handler != libc::SIG_IGN) {
            set_disposition(signal, libc::SIG_DFL);
        }
    }
}
