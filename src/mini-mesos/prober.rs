//! Looks at tasks for their checks.

use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;

use base::log;
use init::status::Ended;
use tls::http;

use super::agent::{Command, Sighting, Target};
use super::reaper::Reaper;
use super::tool;

/// As many as curl follows, with which the real Mesos looks.
const MAX_REDIRECTS: usize = 50;

/// A connection that nobody answers would otherwise be tried for minutes after a check without a timeout.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("no TLS")]
    Tls(#[from] rustls::Error),
    #[error("no answer from {url}")]
    Http { url: String, source: reqwest::Error },
    #[error("cannot run the command")]
    Tool(#[from] tool::ToolError),
}

/// Takes as long as it takes; whoever waits may stop it.
pub async fn look(target: &Target, reaper: &Reaper) -> Sighting {
    let seen = match target {
        Target::Tcp { address } => {
            let connected = tokio::time::timeout(CONNECT_WITHIN, tokio::net::TcpStream::connect(address));
            Ok(Sighting::Connected(connected.await.is_ok_and(|connected| connected.is_ok())))
        }
        Target::Http { url } => get(url).await,
        Target::Command { command, environment, sandbox } => run(command, environment, sandbox, reaper).await,
    };
    seen.unwrap_or_else(|error| {
        tracing::debug!("a check saw nothing: {}", log::chain(&error));
        Sighting::Nothing
    })
}

async fn get(url: &str) -> Result<Sighting, ProbeError> {
    let failed = |source| ProbeError::Http { url: url.to_owned(), source };
    // What a task serves to its own machine need not be signed by anybody.
    let is_secure = url.starts_with("https:");
    let builder = if is_secure { http::secure().danger_accept_invalid_certs(true) } else { http::plain()? };
    let builder = builder.redirect(Policy::limited(MAX_REDIRECTS)).connect_timeout(CONNECT_WITHIN);
    let answer = builder.build().map_err(failed)?.get(url).send().await.map_err(failed)?;
    Ok(Sighting::Answered(answer.status().as_u16()))
}

/// What it prints goes where the real executor's does.
async fn run(
    command: &Command,
    environment: &[(String, String)],
    sandbox: &Path,
    reaper: &Reaper,
) -> Result<Sighting, ProbeError> {
    let stdout = tool::append(&sandbox.join("stderr"))?;
    let argv: Vec<_> = command.argv.iter().map(Into::into).collect();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let program = command.program.as_ref();
    let ended = tool::run_program(program, &argv, &environment, sandbox, &stdout, reaper).await?;
    Ok(match ended {
        Ended::Exited(code) => Sighting::Exited(i32::from(code)),
        Ended::Killed { .. } | Ended::Unknown => Sighting::Nothing,
    })
}
