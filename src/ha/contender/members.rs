//! Who takes part in the election.

use tokio::sync::watch;
use zookeeper_client::{Client, Error};

use super::questions::Tools;
use crate::election;

/// Those that are in line.
#[derive(Clone)]
pub struct Members {
    tools: Tools,
    clients: watch::Receiver<Option<Client>>,
}

impl Members {
    pub(super) fn new(tools: Tools, clients: watch::Receiver<Option<Client>>) -> Self {
        Self { tools, clients }
    }

    /// What each says about itself, the first in line first. None while nobody can tell.
    pub async fn about(&self) -> Option<Vec<Vec<u8>>> {
        let client = self.clients.borrow().clone()?;
        let mut names = self.tools.line(&client).await.ok()?;
        names.sort_by_key(|name| election::place(name).unwrap_or(i64::MAX));
        let mut all = Vec::new();
        for name in names {
            match client.get_data(&self.tools.paths.in_line(&name)).await {
                Ok((about, _)) => all.push(about),
                // It has left meanwhile.
                Err(Error::NoNode) => {}
                Err(_) => return None,
            }
        }
        Some(all)
    }
}
