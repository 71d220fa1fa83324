//! How to run stock Flink without its scripts: the distribution, the memory model, the java command lines, the REST client.

pub mod memory;
pub mod version;
