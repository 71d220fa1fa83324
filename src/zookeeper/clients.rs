//! The clients that follow each other while somebody works with the ensemble.

use std::time::Duration;

use tokio::sync::watch;
use zookeeper_client::{Client, Error};

use crate::{Ensemble, NodeError, Outlook, outlook};

/// Between two attempts when a server has dropped the connection, and its client looks for another.
pub const RETRY: Duration = Duration::from_millis(20);

/// The ensemble, and the client of the moment. One that has ended is followed by another, for the same session or a new one.
#[derive(Clone)]
pub struct Clients {
    pub ensemble: Ensemble,
    clients: watch::Receiver<Option<Client>>,
}

impl Clients {
    pub fn new(ensemble: Ensemble, clients: watch::Receiver<Option<Client>>) -> Self {
        Self { ensemble, clients }
    }

    /// Asks until there is an answer, with the client of the moment. `path` is what an error names.
    pub async fn ask<T>(
        &mut self,
        path: &str,
        question: impl AsyncFn(&Client) -> Result<T, Error>,
    ) -> Result<T, NodeError> {
        loop {
            let client = self.current(path).await?;
            match question(&client).await {
                Ok(answer) => return Ok(answer),
                Err(error) => match outlook(&error) {
                    Outlook::Retry => tokio::time::sleep(RETRY).await,
                    Outlook::ClientEnded => self.successor(&client, path).await?,
                    Outlook::Hopeless => return Err(self.ensemble.failed(path, error)),
                },
            }
        }
    }

    /// Waits for one if there is none.
    pub async fn current(&mut self, path: &str) -> Result<Client, NodeError> {
        let found = self.clients.wait_for(Option::is_some).await.ok().and_then(|client| client.clone());
        found.ok_or_else(|| self.ensemble.failed(path, Error::ClientClosed))
    }

    /// Waits for the successor of `old`, which has ended.
    pub async fn successor(&mut self, old: &Client, path: &str) -> Result<(), NodeError> {
        let is_other = |client: &Option<Client>| {
            client.as_ref().is_some_and(|client| {
                !client.state().is_terminated() || client.session_id() != old.session_id()
            })
        };
        match self.clients.wait_for(is_other).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.ensemble.failed(path, Error::ClientClosed)),
        }
    }
}
