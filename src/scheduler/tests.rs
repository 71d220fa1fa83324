//! The whole core against the embedded Mesos' models, under every fault.

mod cluster;
mod definitions;
mod dispatched;
mod faults;
mod groups;
mod hearing;
mod jobmanager;
mod mutations;
mod oracle;
mod parting;
mod placement;
mod simulation;
mod spell;
mod steps;
mod worker;
