//! What outlives a worker, and who may write it.
//!
//! Without ZooKeeper the state lives in a memory file that `init` holds open ([`memory`]): it survives every crash
//! of the worker and goes with the container. With `mesos.state-dir` it lies in a directory ([`directory`]), and the next
//! AppMaster on the same host goes on with it.
//!
//! With ZooKeeper AppMasters elect one of them ([`contender`], [`election`]), which alone may act ([`base::lease`]) and
//! write ([`zookeeper`]).

#![forbid(unsafe_code)]

pub mod contender;
pub mod directory;
pub mod election;
pub mod flink;
pub mod memory;
pub mod paths;
pub mod zookeeper;
