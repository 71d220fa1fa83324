//! All tests that need the whole binary, other processes or recorded data, in one program.

mod check;
mod cluster;
mod completions;
mod conf;
mod conformance;
mod delivery;
mod dispatched;
mod dispatcher;
mod elf;
mod flink;
mod ha;
mod image;
mod init;
mod load;
mod local;
mod mesos;
mod mistakes;
mod mount;
mod ports;
mod records;
mod refusals;
mod schemathesis;
mod skips;
mod tables;
mod tidy;
mod view;
