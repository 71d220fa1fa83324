//! The commands that talk to a running AppMaster through its unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};

use crate::http;

use super::{Ask, Scale};

/// An AppMaster answers from memory; one that takes longer is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The socket leads to it, whatever the name is.
const BASE: &str = "http://appmaster";

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("no AppMaster answers at {}", socket.display())]
    NoAnswer {
        socket: PathBuf,
        #[source]
        source: reqwest::Error,
    },
    #[error("the AppMaster at {} refused: {status} {text}", socket.display())]
    Refused { socket: PathBuf, status: u16, text: String },
}

/// One AppMaster.
pub struct AppMaster {
    socket: PathBuf,
    client: Client,
}

impl AppMaster {
    pub fn at(socket: &Path) -> Result<Self, CommandError> {
        let client = http::plain()?
            .unix_socket(socket)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|source| CommandError::NoAnswer { socket: socket.to_owned(), source })?;
        Ok(Self { socket: socket.to_owned(), client })
    }

    /// The report as JSON text.
    pub async fn report(&self) -> Result<String, CommandError> {
        self.ask(Method::GET, "/v1/status", None).await
    }

    /// The explanation as JSON text.
    pub async fn explain(&self, ask: &Ask) -> Result<String, CommandError> {
        self.answer(self.client.get(format!("{BASE}/v1/explain")).query(ask)).await
    }

    pub async fn scale(&self, taskmanagers: u32) -> Result<(), CommandError> {
        self.ask(Method::POST, "/v1/scale", Some(Scale { taskmanagers })).await?;
        Ok(())
    }

    pub async fn teardown(&self) -> Result<(), CommandError> {
        self.ask(Method::POST, "/v1/teardown", None).await?;
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Scale>) -> Result<String, CommandError> {
        let request = self.client.request(method, format!("{BASE}{path}"));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        self.answer(request).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<String, CommandError> {
        let no_answer = |source| CommandError::NoAnswer { socket: self.socket.clone(), source };
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        let text = answer.text().await.map_err(no_answer)?;
        if status.is_success() {
            return Ok(text);
        }
        let text = text.trim().to_owned();
        Err(CommandError::Refused { socket: self.socket.clone(), status: status.as_u16(), text })
    }
}
