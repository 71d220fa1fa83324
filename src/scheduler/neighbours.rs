//! Who else is there and is not ours: TaskManagers that have registered with our JobManager but are no task of this
//! framework, and frameworks of the same name that hold resources. Both are mostly what a dead AppMaster has left.
//!
//! What lasts is told, not what is so for a moment: a TaskManager that has ended stays on the JobManager's list until its
//! heartbeats are missed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::events::Level;
use base::time::Moment;
use mesos::wire::operator;
use mesos::wire::resource::Resource;

use super::{Note, Scheduler};

/// A TaskManager that was one of ours is none of others' as long as the JobManager may still have it on its list.
const FORMER: Duration = Duration::from_secs(180);

/// So many are told of by name.
const MAX_SHOWN: usize = 10;

/// The resources by which people judge.
const RESOURCES: [&str; 2] = ["cpus", "mem"];

/// Those that are known at the moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Neighbours {
    /// They have registered with the JobManager and are not tasks of this framework.
    pub taskmanagers: Vec<Foreign>,
    /// Other frameworks of the same name that hold resources.
    pub frameworks: Vec<Namesake>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Foreign {
    pub resource_id: String,
    pub hostname: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Namesake {
    pub framework_id: String,
    /// Of its scheduler, as that told.
    pub hostname: String,
    /// Whether its scheduler has a connection to the master; without one the master waits for it until the framework's
    /// failover timeout is over.
    pub connected: bool,
    /// Whether the master makes it offers.
    pub active: bool,
    pub cpus: f64,
    /// In MB.
    pub mem: f64,
    /// How to end it.
    pub teardown: String,
}

/// What the JobManager says of a TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub hostname: String,
    /// When it was heard last, in milliseconds of the JobManager's clock.
    pub heartbeat: i64,
}

/// What has changed and is worth a line.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// All that are there now, as some are new.
    Foreign(Vec<Foreign>),
    NoneForeign,
    /// The new ones.
    Namesakes(Vec<Namesake>),
    NoNamesakes,
}

impl News {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Foreign(_) => "foreign_taskmanagers",
            Self::NoneForeign => "foreign_taskmanagers_gone",
            Self::Namesakes(_) => "namesakes",
            Self::NoNamesakes => "namesakes_gone",
        }
    }

    pub(super) fn level(&self) -> Level {
        match self {
            Self::Foreign(_) | Self::Namesakes(_) => Level::Warn,
            Self::NoneForeign | Self::NoNamesakes => Level::Info,
        }
    }
}

impl Scheduler {
    /// The JobManager has these TaskManagers, by resource id. A task is known before it is launched, so each of ours that
    /// has registered is among the tasks by now.
    pub fn handle_registered(&mut self, registered: &BTreeMap<String, Listed>, now: Moment) {
        let news = self.neighbours.handle_registered(registered, self.state.tasks.keys(), now);
        if let Some(news) = news {
            self.note(Note::Neighbours(news));
        }
    }

    /// The master at this URL knows these frameworks; ours has `name`.
    pub fn handle_frameworks(&mut self, master: &str, frameworks: &[operator::Framework], name: &str) {
        let own_id = self.state.framework_id.as_deref();
        if let Some(news) = self.neighbours.handle_frameworks(master, frameworks, name, own_id) {
            self.note(Note::Neighbours(news));
        }
    }
}

/// Remembers what was seen before.
#[derive(Debug, Default)]
pub(super) struct Watch {
    neighbours: Neighbours,
    /// When each of our tasks was seen last.
    ours: BTreeMap<String, Moment>,
    /// Heartbeats of those that are not ours, at the look before.
    heard: BTreeMap<String, i64>,
}

impl Watch {
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    fn handle_registered<'a>(
        &mut self,
        registered: &BTreeMap<String, Listed>,
        ours: impl Iterator<Item = &'a String>,
        now: Moment,
    ) -> Option<News> {
        for id in ours {
            match self.ours.get_mut(id) {
                Some(seen) => *seen = now,
                None => drop(self.ours.insert(id.clone(), now)),
            }
        }
        self.ours.retain(|_, seen| now.since(*seen) <= FORMER);
        let others = registered.iter().filter(|(id, _)| !self.ours.contains_key(*id));
        // Who is dead keeps its place on the list until the JobManager misses its heartbeats.
        let lives =
            |id: &String, heartbeat: i64| self.heard.get(id).is_some_and(|before| *before < heartbeat);
        let is_known =
            |id: &String| self.neighbours.taskmanagers.iter().any(|known| known.resource_id == *id);
        let foreign: Vec<_> = others
            .clone()
            .filter(|(id, seen)| is_known(id) || lives(id, seen.heartbeat))
            .map(|(id, seen)| Foreign { resource_id: id.clone(), hostname: seen.hostname.clone() })
            .collect();
        let heard = others.map(|(id, seen)| (id.clone(), seen.heartbeat)).collect();
        let news = if foreign.iter().any(|found| !is_known(&found.resource_id)) {
            Some(News::Foreign(foreign.clone()))
        } else if foreign.is_empty() && !self.neighbours.taskmanagers.is_empty() {
            Some(News::NoneForeign)
        } else {
            None
        };
        self.heard = heard;
        self.neighbours.taskmanagers = foreign;
        news
    }

    fn handle_frameworks(
        &mut self,
        master: &str,
        frameworks: &[operator::Framework],
        name: &str,
        own_id: Option<&str>,
    ) -> Option<News> {
        let found: Vec<_> =
            frameworks.iter().filter_map(|framework| namesake(master, framework, name, own_id)).collect();
        let known = std::mem::replace(&mut self.neighbours.frameworks, found);
        let found = &self.neighbours.frameworks;
        let is_new =
            |namesake: &&Namesake| !known.iter().any(|old| old.framework_id == namesake.framework_id);
        let new: Vec<_> = found.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            Some(News::Namesakes(new))
        } else if found.is_empty() && !known.is_empty() {
            Some(News::NoNamesakes)
        } else {
            None
        }
    }
}

fn namesake(
    master: &str,
    framework: &operator::Framework,
    name: &str,
    own_id: Option<&str>,
) -> Option<Namesake> {
    let info = framework.framework_info.as_ref()?;
    let id = info.id.as_ref()?.text();
    let [cpus, mem] = RESOURCES.map(|resource| total(&framework.allocated_resources, resource));
    let holds = cpus > 0.0 || mem > 0.0;
    (info.name.as_deref() == Some(name) && own_id != Some(id) && holds).then(|| Namesake {
        framework_id: id.to_owned(),
        hostname: info.hostname.clone().unwrap_or_default(),
        connected: framework.connected.unwrap_or_default(),
        active: framework.active.unwrap_or_default(),
        cpus,
        mem,
        teardown: format!("curl --data frameworkId={id} {master}/teardown"),
    })
}

fn total(resources: &[Resource], name: &str) -> f64 {
    let named = resources.iter().filter(|resource| resource.name.as_deref() == Some(name));
    named.filter_map(|resource| resource.scalar.as_ref()?.value).sum()
}

impl fmt::Display for Foreign {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} on {}", self.resource_id, self.hostname)
    }
}

impl fmt::Display for Namesake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { framework_id, hostname, cpus, mem, teardown, .. } = self;
        let state = match (self.connected, self.active) {
            (true, true) => "active",
            (true, false) => "inactive",
            (false, _) => "disconnected",
        };
        write!(
            out,
            "framework {framework_id} of the same name ({state}, scheduler on {hostname}) holds {cpus} cpus and {mem} MB; to end it: {teardown}"
        )
    }
}

impl fmt::Display for News {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(all) => {
                write!(
                    out,
                    "{} TaskManagers that are not tasks of this framework have registered with its JobManager: ",
                    all.len()
                )?;
                listed(out, all, ", ")
            }
            Self::NoneForeign => {
                write!(
                    out,
                    "all TaskManagers that have registered with the JobManager are tasks of this framework"
                )
            }
            Self::Namesakes(new) => listed(out, new, "; "),
            Self::NoNamesakes => write!(out, "no other framework of the same name holds resources"),
        }
    }
}

fn listed<T: fmt::Display>(out: &mut fmt::Formatter<'_>, all: &[T], separator: &str) -> fmt::Result {
    for (index, one) in all.iter().take(MAX_SHOWN).enumerate() {
        write!(out, "{}{one}", if index > 0 { separator } else { "" })?;
    }
    match all.len().saturating_sub(MAX_SHOWN) {
        0 => Ok(()),
        more => write!(out, "{separator}and {more} more"),
    }
}

#[cfg(test)]
mod tests;
