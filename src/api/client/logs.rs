//! Logs, which have no end that is known.

use std::io;
use std::time::Duration;

use logs::query::LogsQuery;
use reqwest::StatusCode;
use serde_json::Value;

use super::{AskError, Dispatcher};

impl Dispatcher {
    /// A log of the cluster to its end, in parts.
    pub async fn logs(
        &self,
        name: &str,
        query: &LogsQuery,
        mut print: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), AskError> {
        let request = self.get(&["clusters", name, "logs"]).query(query);
        let mut response = self.send(request.timeout(Duration::MAX)).await?;
        let status = response.status();
        if status != StatusCode::OK {
            let bytes = response.bytes().await.map_err(|source| self.no_answer(source))?;
            return match self.parsed::<Value>(status.as_u16(), &bytes) {
                Err(error) => Err(error),
                Ok(_) => Err(self.ended()),
            };
        }
        let cut = |source| AskError::Cut { address: self.address.clone(), source };
        while let Some(chunk) = response.chunk().await.map_err(cut)? {
            print(&chunk).map_err(AskError::Print)?;
        }
        Ok(())
    }
}
