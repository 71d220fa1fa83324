//! All exit codes of this program that do not come from a child.
//!
//! The numbers are those of `sysexits.h` where one fits. A JobManager's own code passes through unchanged
//! and never collides: Flink uses 0, 1, 2, 163, 165, 239 and 128 + signal, and those below 64 here are of commands that start
//! no JobManager.

/// Why the program ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    /// Of `diff` alone: something is another.
    Differs = 1,
    /// Of `apply`, `plan` and `session create` alone: all was accepted, and something of it does not fit into the latest offers.
    NotPlaceable = 2,
    /// Of commands that order something: as things stand it is not carried out, as when jobs run.
    Refused = 3,
    /// Of commands: there is no such cluster, job, task or log.
    NotThere = 4,
    /// Of `status` alone: the AppMaster answers, and its JobManager does not.
    Silent = 5,
    /// The command line cannot be understood.
    Usage = 64,
    /// A configuration file or the stored state cannot be parsed.
    Data = 65,
    /// A configuration file or directory cannot be read.
    NoInput = 66,
    /// Nobody answers a command; no Mesos master answered in time, it refused the framework, or another scheduler or AppMaster is in our
    /// place.
    Unavailable = 69,
    /// A failure inside this program.
    Software = 70,
    /// The operating system refused something, such as a fork.
    Os = 71,
    /// Java or the Flink distribution is missing or incomplete.
    NoFlink = 72,
    /// A port cannot be bound, a file cannot be created, or another AppMaster has the directory of the state.
    CannotCreate = 73,
    /// More TaskManagers failed than the configuration allows.
    TooManyFailures = 75,
    /// Two JobManagers led, and this one had lost its place.
    Deposed = 76,
    /// A dispatcher does not let the caller of a command do it; or the AppMaster of a TaskManager does not want it any more, or is gone
    /// for good.
    NotPermitted = 77,
    /// A value in the configuration is wrong or contradicts another.
    Config = 78,
    /// A program was found but could not be executed.
    NotExecutable = 126,
    /// A program was not found.
    NotFound = 127,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }
}
