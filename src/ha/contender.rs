//! Takes part in the election: the driver of [`super::election`], and the one holder of the session.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use zookeeper_client::{Client, Error, SessionInfo, SessionState, StateWatcher};

use base::digest::hexadecimal;
use base::events::Journal;
use base::lease::{Grantor, Lease};
use base::log;
use base::random;
use base::time::{Clock, Moment};
use zookeeper::{Ensemble, NodeError, Outlook, outlook};

use super::election::{Action, Election, Session};
use super::paths::Paths;
use questions::{First, Tools};

mod candidacy;
mod members;
mod orders;
mod questions;

pub use candidacy::Candidacy;
pub use members::Members;
use orders::Order;
pub use orders::{Left, OrderError};

/// What the others see of one that takes part.
#[derive(Clone)]
pub struct Contender {
    pub candidacy: watch::Receiver<Candidacy>,
    /// The client of the moment. One that has ended is followed by another, for the same session or a new one.
    pub clients: watch::Receiver<Option<Client>>,
    /// Whether somebody has said that the cluster shall end, once that is known.
    pub ending: watch::Receiver<Option<bool>>,
    pub lease: Lease,
    pub members: Members,
    orders: mpsc::Sender<Order>,
}

/// An AppMaster; `about` is shown to the others while this one leads.
pub fn start(ensemble: Ensemble, paths: Paths, about: Vec<u8>, journal: Arc<Journal>) -> Contender {
    start_as("AppMaster", ensemble, paths, about, journal)
}

/// `noun` says in texts what takes part.
pub fn start_as(
    noun: &'static str,
    ensemble: Ensemble,
    paths: Paths,
    about: Vec<u8>,
    journal: Arc<Journal>,
) -> Contender {
    let clock = Clock::start();
    let grantor = Grantor::new(clock);
    let lease = grantor.lease();
    let (candidacies, candidacy) = watch::channel(Candidacy::Away { why: None });
    let (clients_sender, clients) = watch::channel(None);
    let (endings, ending) = watch::channel(None);
    let (orders, orders_receiver) = mpsc::channel(1);
    let me = hexadecimal(&random::bytes::<16>());
    let tools = Tools { me: me.clone(), ensemble: Arc::new(ensemble), paths: Arc::new(paths), about };
    let line = Members::new(tools.clone(), clients.clone());
    let driver = Driver {
        noun,
        election: Election::new(&*me, clock.now()),
        tools,
        clock,
        grantor,
        candidacy: candidacies,
        clients: clients_sender,
        ending: endings,
        session: None,
        watcher: None,
        generation: 0,
        waiting: JoinSet::new(),
        told_unreachable: false,
        looks_at_leader: false,
        journal,
    };
    tokio::spawn(driver.run(orders_receiver));
    Contender { candidacy, clients, ending, lease, members: line, orders }
}

struct Driver {
    noun: &'static str,
    election: Election,
    tools: Tools,
    clock: Clock,
    grantor: Grantor,
    candidacy: watch::Sender<Candidacy>,
    clients: watch::Sender<Option<Client>>,
    ending: watch::Sender<Option<bool>>,
    /// The one to go on with, if the ensemble still keeps it.
    session: Option<SessionInfo>,
    watcher: Option<StateWatcher>,
    /// Of the client: what an earlier one found out is no longer of interest.
    generation: u64,
    waiting: JoinSet<(u64, Fact)>,
    told_unreachable: bool,
    looks_at_leader: bool,
    journal: Arc<Journal>,
}

enum Fact {
    Connected(Result<Client, Error>, Session),
    Joined(Result<(), NodeError>),
    Line(Result<Vec<String>, NodeError>),
    Leader(Option<First>),
    Changed(String, Result<(), Error>),
    /// Whether our node is there.
    Answered(Result<bool, NodeError>, Moment),
    /// Whether the end of the cluster was asked for.
    Ending(Result<bool, Error>),
    Nothing,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            while let Some(action) = self.election.next_action() {
                self.carry_out(action);
            }
            let now = self.clock.now();
            let wait = self.election.poll_timeout().map(|at| at.since(now));
            tokio::select! {
                biased;
                // First: what was true before a long sleep no longer is.
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    self.election.handle_timeout(self.clock.now());
                }
                state = changed(&mut self.watcher) => self.state_changed(state),
                Some(joined) = self.waiting.join_next() => match joined {
                    Ok((generation, fact)) if generation == self.generation => self.learn(fact),
                    // Of an earlier client, or ended with it.
                    Ok(_) | Err(_) => {}
                },
                order = orders.recv() => match order {
                    Some(Order::Leave(left, done)) => {
                        self.leave(left).await;
                        let _ = done.send(());
                        return;
                    }
                    Some(Order::End(done)) => self.order_end(done),
                    None => return,
                },
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect => self.connect(),
            Action::Join => {
                self.with_client(|client, tools| async move { Fact::Joined(tools.join(&client).await) });
            }
            Action::Look => {
                self.with_client(|client, tools| async move { Fact::Line(tools.line(&client).await) });
            }
            Action::Watch(name) => self.watch(name),
            Action::Ask(node) => {
                let asked = self.clock.now();
                self.with_client(move |client, tools| async move {
                    Fact::Answered(tools.is_there(&client, &node).await, asked)
                });
            }
            Action::Lead(node) => {
                let noun = self.noun;
                self.journal.tell("leads", format!("this {noun} leads, with the election node {node}"));
                self.candidacy.send_replace(Candidacy::Leading { node });
            }
            Action::Extend(until) => {
                self.grantor.extend(until);
                if self.candidacy.send_if_modified(Candidacy::resume) {
                    let text = format!("ZooKeeper answers again: this {} goes on", self.noun);
                    self.journal.tell("leads_on", text);
                }
            }
            Action::Suspend => {
                self.grantor.revoke();
                if self.candidacy.send_if_modified(Candidacy::suspend) {
                    let text = format!(
                        "ZooKeeper does not answer: this {} leads, but does nothing until it does",
                        self.noun
                    );
                    self.journal.warn("suspended", text);
                }
            }
            Action::StepDown => {
                self.grantor.revoke();
                let why = "its session with ZooKeeper has ended";
                self.journal.warn("leads_no_longer", format!("this {} no longer leads: {why}", self.noun));
                self.candidacy.send_replace(Candidacy::Away { why: Some(why.to_owned()) });
            }
        }
    }

    fn connect(&mut self) {
        self.waiting.abort_all();
        self.generation += 1;
        self.watcher = None;
        self.looks_at_leader = false;
        let (generation, ensemble, session) =
            (self.generation, Arc::clone(&self.tools.ensemble), self.session.clone());
        self.waiting.spawn(async move {
            let fact = match session {
                None => Fact::Connected(ensemble.connect(None).await, Session::New),
                Some(session) => Fact::Connected(ensemble.connect(Some(session)).await, Session::Same),
            };
            (generation, fact)
        });
    }

    /// Runs beside the loop until it has an answer.
    fn with_client<F>(&mut self, ask: impl FnOnce(Client, Tools) -> F)
    where
        F: Future<Output = Fact> + Send + 'static,
    {
        let Some(client) = self.clients.borrow().clone() else { return };
        let (generation, fact) = (self.generation, ask(client, self.tools.clone()));
        self.waiting.spawn(async move { (generation, fact.await) });
    }

    fn watch(&mut self, name: String) {
        if !std::mem::replace(&mut self.looks_at_leader, true) {
            self.watch_leader(None);
        }
        self.with_client(|client, tools| async move {
            let changed = tools.is_changed(&client, &name).await;
            Fact::Changed(name, changed)
        });
    }

    /// It may be another one than who is before us in line.
    fn watch_leader(&mut self, known: Option<String>) {
        self.with_client(|client, tools| async move {
            Fact::Leader(tools.leader(&client, known.as_deref()).await)
        });
    }

    fn watch_for_the_end(&mut self, known: Option<bool>) {
        self.with_client(
            move |client, tools| async move { Fact::Ending(tools.is_ending(&client, known).await) },
        );
    }

    fn learn(&mut self, fact: Fact) {
        let now = self.clock.now();
        match fact {
            Fact::Connected(Ok(client), session) => self.connected(client, session, now),
            Fact::Connected(Err(Error::SessionExpired), Session::Same) => {
                self.session = None;
                self.election.handle_expired(now);
            }
            Fact::Connected(Err(error), _) => self.unreachable(error, now),
            Fact::Joined(Ok(())) => {
                self.watch_for_the_end(None);
                self.election.handle_joined();
            }
            Fact::Line(Ok(names)) => self.election.handle_line(&names, now),
            Fact::Leader(Some(first)) if !first.is_own => {
                self.stand_by(first.about);
                self.watch_leader(Some(first.name));
            }
            Fact::Leader(Some(_) | None) => self.looks_at_leader = false,
            Fact::Changed(name, Ok(())) => self.election.handle_changed(&name),
            Fact::Changed(_, Err(_)) => self.election.handle_unanswered(now),
            Fact::Answered(Ok(true), asked) => self.election.handle_confirmed(asked, now),
            Fact::Answered(Ok(false), _) => self.election.handle_denied(),
            Fact::Joined(Err(error)) | Fact::Line(Err(error)) | Fact::Answered(Err(error), _) => {
                self.failed(error, now);
            }
            Fact::Ending(Ok(ending)) => {
                self.ending.send_if_modified(|told| told.replace(ending) != Some(ending));
                self.watch_for_the_end(Some(ending));
            }
            // The next session looks again.
            Fact::Ending(Err(_)) | Fact::Nothing => {}
        }
    }

    fn connected(&mut self, client: Client, session: Session, now: Moment) {
        let timeout = client.session_timeout();
        let (id, timeout_ms) = (client.session_id(), timeout.as_millis());
        let text = format!("connected to ZooKeeper session={id} timeout_ms={timeout_ms}");
        self.journal.tell("zookeeper_connected", text);
        self.told_unreachable = false;
        self.session = Some(client.session().clone());
        self.watcher = Some(client.state_watcher());
        self.clients.send_replace(Some(client));
        self.election.handle_connected(session, timeout, now);
        if session == Session::Same {
            self.watch_for_the_end(None);
        }
    }

    fn stand_by(&mut self, leader: Vec<u8>) {
        let candidacy = Candidacy::Standby { leader: Some(leader) };
        if self.candidacy.send_if_modified(|known| known.become_other(candidacy)) {
            self.journal.tell("stands_by", self.candidacy.borrow().leadership().told(self.noun));
        }
    }

    fn unreachable(&mut self, error: Error, now: Moment) {
        let error = self.tools.ensemble.failed("cannot connect", error);
        let mut why = log::chain(&error);
        if let Some(trouble) = self.tools.ensemble.trouble() {
            why = format!("{why}: {trouble}");
        }
        if !std::mem::replace(&mut self.told_unreachable, true) {
            self.journal.warn("zookeeper_unreachable", &*why);
        }
        if let Error::AuthFailed = error.source {
            return self.give_up(error);
        }
        self.candidacy
            .send_if_modified(|candidacy| candidacy.become_other(Candidacy::Away { why: Some(why) }));
        self.election.handle_unreachable(now, fastrand::f64());
    }

    fn failed(&mut self, error: NodeError, now: Moment) {
        match outlook(&error.source) {
            Outlook::Retry => self.election.handle_unanswered(now),
            Outlook::ClientEnded => self.cut(now),
            Outlook::Hopeless => self.give_up(error),
        }
    }

    fn give_up(&mut self, error: NodeError) {
        self.grantor.revoke();
        self.candidacy.send_replace(Candidacy::Failed(Arc::new(error)));
    }

    fn state_changed(&mut self, state: SessionState) {
        match state {
            SessionState::Disconnected | SessionState::SyncConnected | SessionState::ConnectedReadOnly => {}
            SessionState::AuthFailed => {
                let error = self.tools.ensemble.failed("cannot authorize", Error::AuthFailed);
                self.give_up(error);
            }
            SessionState::Expired | SessionState::Closed => self.cut(self.clock.now()),
        }
    }

    fn cut(&mut self, now: Moment) {
        self.watcher = None;
        self.election.handle_cut(now);
    }

    fn order_end(&mut self, done: oneshot::Sender<Result<(), NodeError>>) {
        self.with_client(|client, tools| async move {
            let _ = done.send(tools.order_end(&client).await);
            Fact::Nothing
        });
    }

    /// What cannot be deleted goes with the session, or stays without harm.
    async fn leave(&mut self, left: Left) {
        self.grantor.revoke();
        self.waiting.abort_all();
        self.candidacy.send_replace(Candidacy::Away { why: Some("it is leaving".to_owned()) });
        let Some(client) = self.clients.send_replace(None) else { return };
        let Ok(names) = client.list_children(&self.tools.paths.line).await else { return };
        let (own, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.starts_with(&self.tools.me));
        for name in own {
            let _ = client.delete(&self.tools.paths.in_line(name), None).await;
        }
        if left == Left::Nothing && others.is_empty() {
            for path in [&self.tools.paths.line, &self.tools.paths.ended, &self.tools.paths.base] {
                let _ = client.delete(path, None).await;
            }
        }
    }
}

async fn changed(watcher: &mut Option<StateWatcher>) -> SessionState {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}
