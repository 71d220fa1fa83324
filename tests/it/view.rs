//! What an operator sees: the status page, the API and the metrics of a running cluster, and the commands.

pub mod api;
pub mod browser;
mod commands;
mod monitoring;
mod page;
mod ready;
mod standby;
