//! An agent in a process of its own, whose master is on another host. It keeps its tasks whatever becomes of the
//! link, and dials until there is one again.

mod line;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base::log;
use base::time::{Deadline, Moment};
use mesos::wire::id::AgentId;

use super::agent::{self, Agent, Containment};
use super::cluster::{Pace, STOP_SLACK};
use super::host::Host;
use super::ids::Ids;
#[cfg(feature = "faults")]
use super::link::Mishap;
use super::link::{DialError, Greeting, Link, ToHost, Welcome};
use super::master::AgentDescription;
use super::reaper::Reaper;
use super::timing::Timing;

use line::{Happening, Line};

/// How long the last words of an agent that ends may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

pub struct Settings {
    /// `host:port`
    pub master: String,
    pub description: AgentDescription,
    pub work_dir: PathBuf,
    /// Seconds since 1970 at [`Moment::START`], for time stamps.
    pub epoch: f64,
    pub containment: Containment,
}

pub struct RemoteAgent {
    settings: Settings,
    ids: Ids,
    pace: Pace,
    host: Host,
    line: Line,
    membership: Membership,
}

/// What the agent is to a master.
enum Membership {
    /// No master knows it yet.
    New,
    Member {
        id: AgentId,
        /// Without a word from the master for so long the link is dead.
        silence: Duration,
    },
    /// It left or was sent away.
    Left,
}

impl RemoteAgent {
    pub fn new(settings: Settings, ids: Ids, pace: Pace, reaper: &Reaper) -> Self {
        let line = Line::down(pace.now());
        let host = Host::new(BTreeMap::new(), reaper);
        Self { settings, ids, pace, host, line, membership: Membership::New }
    }

    /// Runs until it is stopped or the master sends it away, and its tasks have ended. Fails if what listens there is
    /// no master for it, unless one has been before.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), DialError> {
        let mut stop = std::pin::pin!(stop);
        let mut stop_by: Option<Deadline> = None;
        loop {
            self.settle();
            let now = self.pace.now();
            if stop_by.is_none() && self.has_left() {
                stop_by = Some(self.stop_by(now));
            }
            if stop_by.is_some_and(|deadline| self.host.is_idle() || deadline.has_passed(now)) {
                let _ = tokio::time::timeout(FAREWELL_TIMEOUT, self.line.close()).await;
                return Ok(());
            }
            let timeouts = self.host.poll_timeout().into_iter().chain(self.poll_timeout());
            let timeout = timeouts.chain(stop_by.map(Deadline::at)).min();
            if timeout.is_some_and(|at| at <= now) {
                self.handle_timeout(now);
                continue;
            }
            let wait = timeout.map_or(Duration::MAX, |at| self.pace.real(at.since(now)));
            tokio::select! {
                biased;
                () = &mut stop, if stop_by.is_none() => {
                    self.leave(now);
                    stop_by = Some(self.stop_by(now));
                }
                incident = self.host.next_incident() => self.host.handle_incident(incident, self.pace.now()),
                happening = self.line.next() => self.handle_line(happening)?,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn settle(&mut self) {
        for (_, report) in self.host.settle(self.pace.now()) {
            // What is lost now is told again when the agent registers.
            self.line.send(report, self.pace.now());
        }
    }

    fn poll_timeout(&self) -> Option<Moment> {
        match &self.membership {
            Membership::Left => None,
            Membership::New => self.line.poll_timeout(None),
            Membership::Member { silence, .. } => self.line.poll_timeout(Some(*silence)),
        }
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.host.handle_timeout(now);
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        if self.line.is_up() {
            tracing::warn!(
                master = self.settings.master,
                "received nothing from the master: closing the link"
            );
        }
        let greeting = match &self.membership {
            Membership::New => Greeting::New(self.settings.description.clone()),
            Membership::Member { id, .. } => Greeting::Known(id.clone()),
            Membership::Left => return,
        };
        self.line.dial(self.settings.master.clone(), greeting);
    }

    fn handle_line(&mut self, happening: Happening) -> Result<(), DialError> {
        let now = self.pace.now();
        match happening {
            Happening::Dialed(Ok(link)) => self.link_up(*link),
            Happening::Dialed(Err(error)) if error.is_permanent() && self.is_new() => return Err(error),
            Happening::Dialed(Err(error)) => {
                tracing::warn!("{}; trying again", log::chain(&error));
                self.line.failed(now);
            }
            Happening::Ordered(order) => {
                self.line.heard(now);
                self.handle_order(*order, now);
            }
            Happening::Lost(error) => {
                let why = error.map_or_else(|| "the master closed it".to_owned(), |error| log::chain(&error));
                tracing::info!(master = self.settings.master, "lost the connection to the master: {why}");
                self.line.failed(now);
            }
        }
        Ok(())
    }

    fn link_up(&mut self, link: Link) {
        let welcome = link.welcome.clone();
        tracing::info!(agent = welcome.id.text(), master = self.settings.master, "connected to the master");
        match &self.membership {
            Membership::New => {
                self.pace = self.pace.at(welcome.time_scale);
                let now = self.pace.now();
                self.line = Line::up(link, now);
                self.join(&welcome, now);
            }
            Membership::Member { .. } => {
                let now = self.pace.now();
                self.line = Line::up(link, now);
                self.host.agents_mut().for_each(|agent| agent.handle_connected(now));
            }
            Membership::Left => {}
        }
    }

    fn join(&mut self, welcome: &Welcome, now: Moment) {
        let timing = Timing {
            agent_ping: welcome.agent_ping,
            agent_pings_missed_most: welcome.agent_pings_missed_most,
            ..Timing::REAL
        };
        let id = welcome.id.clone();
        let settings = agent::Settings {
            id: id.clone(),
            description: self.settings.description.clone(),
            work_dir: self.settings.work_dir.clone(),
            timing,
            epoch: self.settings.epoch,
            containment: self.settings.containment.clone(),
        };
        self.host.add(Agent::new(settings, self.ids.fork(), now));
        self.membership = Membership::Member { id, silence: timing.agent_silence() };
    }

    fn handle_order(&mut self, order: ToHost, now: Moment) {
        let Some(agent) = self.host.agents_mut().next() else { return };
        match order {
            ToHost::Tell(message) => agent.handle_message(message, now),
            #[cfg(feature = "faults")]
            ToHost::Mishap(mishap) => suffer(agent, mishap, now),
            ToHost::Welcome(_) | ToHost::Refused { .. } => {
                tracing::warn!("the master answers a greeting that was not sent");
            }
        }
        if agent.is_dismissed() {
            tracing::info!("the master has dismissed this agent");
            self.membership = Membership::Left;
        }
    }

    /// Its tasks end with it, so that the master is told rather than left to find out.
    fn leave(&mut self, now: Moment) {
        self.host.agents_mut().filter(|agent| !agent.is_dismissed()).for_each(|a| a.handle_unregister(now));
        self.membership = Membership::Left;
    }

    fn stop_by(&self, now: Moment) -> Deadline {
        let grace = self.host.agents().map(|agent| agent.settings().timing.shutdown_grace).max();
        Deadline::after(now, grace.unwrap_or_default() + STOP_SLACK)
    }

    fn is_new(&self) -> bool {
        matches!(self.membership, Membership::New)
    }

    fn has_left(&self) -> bool {
        matches!(self.membership, Membership::Left)
    }
}

#[cfg(feature = "faults")]
fn suffer(agent: &mut Agent, mishap: Mishap, now: Moment) {
    match mishap {
        Mishap::Doom { run, fate } => agent.handle_doomed_run(*run, fate, now),
        Mishap::End { framework, task, fate } => {
            agent.handle_fate(framework.as_ref(), &task, &fate, now);
        }
        Mishap::Unregister => agent.handle_unregister(now),
    }
}
