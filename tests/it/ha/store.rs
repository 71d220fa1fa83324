//! The one suite for all stores, and what only ZooKeeper's has.
