//! A log that somebody writes, renames and begins anew between any two steps of whoever follows it.

mod followed;
mod last_lines;
