//! All tests that need the whole binary, other processes or recorded data, in one program.

mod init;
mod local;
mod mesos;
