//! Follows the masters' election in ZooKeeper.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};
use zookeeper_client::{Client, Error, OneshotWatcher};

use super::address::{Master, Scheme, ZooKeeperAddress};
use super::leader;
use base::log;
use base::time::{Backoff, BackoffPolicy};
use zookeeper::security::Login;
use zookeeper::{Access, Ensemble};

/// As masters and agents use it.
const SESSION: Duration = Duration::from_secs(10);

const RECONNECTING: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(5), jitter: 0.5 };

/// Between two questions while the client has no connection.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The leading master, as far as ZooKeeper has told. While ZooKeeper is silent or names none, it stays what it was:
/// then the master itself says whether it leads.
pub fn start(address: &ZooKeeperAddress, scheme: Scheme) -> watch::Receiver<Option<Master>> {
    let (sender, receiver) = watch::channel(None);
    let servers: Vec<_> = address.servers.iter().map(ToString::to_string).collect();
    let authorization = address.credentials.iter();
    let ensemble = Ensemble {
        servers: servers.join(","),
        session_timeout: SESSION,
        connection_timeout: Duration::ZERO,
        authorization: authorization
            .map(|given| ("digest".to_owned(), format!("{}:{}", given.user, given.password)))
            .collect(),
        access: Access::Open,
        login: Login::None,
        tunnel: None,
    };
    let detector = Detector { ensemble, path: address.path.clone(), scheme, leader: sender, told: None };
    tokio::spawn(detector.run());
    receiver
}

struct Detector {
    ensemble: Ensemble,
    path: String,
    /// That masters speak.
    scheme: Scheme,
    leader: watch::Sender<Option<Master>>,
    /// The last trouble, which is told once.
    told: Option<String>,
}

impl Detector {
    async fn run(mut self) {
        let mut backoff = Backoff::new(RECONNECTING);
        while !self.leader.is_closed() {
            let ended = match self.ensemble.connect(None).await {
                Ok(client) => {
                    backoff.succeeded();
                    self.follow(&client).await
                }
                Err(error) => error,
            };
            self.tell(log::chain(&self.ensemble.failed(self.path.clone(), ended)));
            tokio::time::sleep(backoff.failed(fastrand::f64())).await;
        }
    }

    /// Until the session ends or nobody wants to know any more.
    async fn follow(&mut self, client: &Client) -> Error {
        loop {
            let watcher = match self.look(client).await {
                Ok(watcher) => watcher,
                // The client finds another server meanwhile.
                Err(Error::ConnectionLoss) => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Err(error) => return error,
            };
            tokio::select! {
                event = watcher.changed() => if event.session_state.is_terminated() {
                    return Error::SessionExpired;
                },
                () = self.leader.closed() => return Error::ClientClosed,
            }
        }
    }

    /// Tells who leads, and with what to wait for a change.
    async fn look(&mut self, client: &Client) -> Result<OneshotWatcher, Error> {
        let (names, watcher) = match client.list_and_watch_children(&self.path).await {
            Err(Error::NoNode) => {
                self.tell(format!(
                    "there is no node {} in ZooKeeper: no Mesos master has registered there",
                    self.path
                ));
                let (stat, watcher) = client.check_and_watch_stat(&self.path).await?;
                if stat.is_none() {
                    return Ok(watcher);
                }
                // It came meanwhile.
                client.list_and_watch_children(&self.path).await?
            }
            other => other?,
        };
        let Some(first) = leader::first(&names) else {
            self.tell(format!("no Mesos master leads at {} in ZooKeeper", self.path));
            return Ok(watcher);
        };
        match client.get_data(&format!("{}/{first}", self.path)).await {
            Ok((content, _)) => match leader::read(first, &content, self.scheme) {
                Ok(master) => self.found(master),
                Err(error) => self.tell(log::chain(&error)),
            },
            // It went away between the two questions, so the watcher fires.
            Err(Error::NoNode) => {}
            Err(error) => return Err(error),
        }
        Ok(watcher)
    }

    fn found(&mut self, master: Master) {
        self.told = None;
        self.leader.send_if_modified(|leader| {
            let is_new = leader.as_ref() != Some(&master);
            if is_new {
                info!(%master, "found the leading Mesos master in ZooKeeper");
                *leader = Some(master);
            }
            is_new
        });
    }

    fn tell(&mut self, trouble: String) {
        if self.told.as_ref() != Some(&trouble) {
            warn!("{trouble}");
            self.told = Some(trouble);
        }
    }
}
