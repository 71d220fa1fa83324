//! Why an agent's offers do not hold a task.

use std::fmt;

use base::time::Moment;

use super::resources::Miss;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub agent_id: String,
    pub hostname: String,
    pub role: String,
    pub obstacles: Vec<Obstacle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    Resource(Miss),
    /// It is offered to another role of the framework than the one whose offers are taken.
    Role {
        theirs: String,
        wanted: String,
    },
    /// The constraint as written, and what the agent has instead.
    Constraint {
        text: String,
        found: Vec<String>,
    },
    /// TaskManagers stay where the master is unless a constraint speaks of regions.
    Region {
        theirs: String,
        home: String,
    },
    /// With what failed there last, in the words of Mesos.
    Quarantine {
        until: Moment,
        why: String,
    },
    /// One task at a time is tried there, and one is.
    Trial {
        /// What it is called.
        noun: &'static str,
        why: String,
    },
    Maintenance {
        at: Moment,
    },
}

/// How far it is from holding one: the number of obstacles, then the size of the biggest in thousandths of what it takes.
pub type Distance = (usize, i64);

/// What no bigger offer can mend is worse than the whole of a resource.
pub mod size {
    pub const STANDING: i64 = 1001;
    pub const CONSTRAINT: i64 = 1002;
    pub const REGION: i64 = 1003;
    pub const ROLE: i64 = 1004;
}

fn last(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(", the last failure: {why}") }
}

impl Verdict {
    /// In words, with spans of time as they are at `now`.
    pub fn describe(&self, now: Moment) -> String {
        let obstacles: Vec<_> = self.obstacles.iter().map(|obstacle| obstacle.describe(now)).collect();
        format!("nearest host={} {}", self.hostname, obstacles.join("; "))
    }
}

impl Obstacle {
    pub fn describe(&self, now: Moment) -> String {
        match self {
            Self::Resource(miss) => miss.to_string(),
            Self::Role { theirs, wanted } => format!("role {theirs}: only offers to {wanted} are taken"),
            Self::Constraint { text, found } if found.is_empty() => {
                format!("constraint {text}: no such attribute")
            }
            Self::Constraint { text, found } => format!("constraint {text}: has {}", found.join(",")),
            Self::Region { theirs, home } => {
                format!("region {theirs}: the master is in {home}, and no constraint names @region")
            }
            Self::Quarantine { until, why } => {
                let left = until.since(now).as_secs().max(1);
                format!("quarantine: {left} s left after failures{}", last(why))
            }
            Self::Trial { noun, why } => {
                format!("trial: one {noun} at a time until one registers, after failures{}", last(why))
            }
            Self::Maintenance { at } if *at <= now => "maintenance: it has begun".to_owned(),
            Self::Maintenance { at } => {
                format!("maintenance: it begins in {} s", at.since(now).as_secs())
            }
        }
    }

    /// The kind of thing that is in the way, to count by.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Resource(miss) => Subject::Resource(&miss.resource),
            Self::Role { .. } => Subject::Role,
            Self::Constraint { text, .. } => Subject::Constraint(text),
            Self::Region { .. } => Subject::Region,
            Self::Quarantine { .. } => Subject::Quarantine,
            Self::Trial { .. } => Subject::Trial,
            Self::Maintenance { .. } => Subject::Maintenance,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject<'a> {
    Resource(&'a str),
    Role,
    Constraint(&'a str),
    Region,
    Quarantine,
    Trial,
    Maintenance,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(name) => write!(out, "{name}"),
            Self::Role => write!(out, "role"),
            Self::Constraint(text) => write!(out, "constraint {text}"),
            Self::Region => write!(out, "region"),
            Self::Quarantine => write!(out, "quarantine"),
            Self::Trial => write!(out, "trial"),
            Self::Maintenance => write!(out, "maintenance"),
        }
    }
}
