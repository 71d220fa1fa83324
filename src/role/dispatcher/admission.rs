//! Who may ask at the API's port: on loopback everybody, elsewhere whoever shows a token or a certificate.

use std::sync::Arc;

use api::JobManagers;
use base::exit::Exit;
use conf::keys;
use conf::settings::{ApiTls, DispatcherSettings, Secret, Truststore};
use rustls::ServerConfig;
use tls::Identity;
use tls::store::Store;

use super::tokens::TokenFile;
use crate::role::error::{Fatal, fatal};
use crate::role::setup;

/// What would keep the port from being served, or others from being kept out.
pub fn check(settings: &DispatcherSettings, tokens: Option<&TokenFile>) -> Result<(), Fatal> {
    let asks_for_certificates = settings.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
    let has_tokens = tokens.is_some_and(|tokens| !tokens.is_empty());
    if !settings.bind_address.is_loopback() && !asks_for_certificates && !has_tokens {
        let text = format!(
            "`{}` is {}, where others than this machine reach the dispatcher: name a file with at least one token in `{}`, or set `{}` and `{}`",
            keys::dispatcher::BIND_ADDRESS.name,
            settings.bind_address,
            keys::dispatcher::TOKENS.name,
            keys::dispatcher::SSL.name,
            keys::flink::REST_AUTHENTICATION.name,
        );
        return Err(Fatal::new(Exit::Config, text));
    }
    jobmanagers(settings)?;
    server(settings).map(drop)
}

pub fn warnings(settings: &DispatcherSettings, tokens: Option<&TokenFile>) -> Vec<String> {
    let mut warnings: Vec<_> = tokens.and_then(TokenFile::warning).into_iter().collect();
    if !settings.bind_address.is_loopback() && settings.tls.is_none() {
        warnings.push(format!(
            "`{}` is {} and `{}` is off: tokens and specifications travel over the network readable by others",
            keys::dispatcher::BIND_ADDRESS.name,
            settings.bind_address,
            keys::dispatcher::SSL.name,
        ));
    }
    warnings
}

/// The way to the JobManagers whose Web UIs are handed on.
pub fn jobmanagers(settings: &DispatcherSettings) -> Result<JobManagers, Fatal> {
    if let Some(truststore) = &settings.jobmanager_trust {
        let certificates = opened(truststore).certificates().map_err(fatal(Exit::NoInput))?;
        let trust = tls::trusting(certificates).map_err(fatal(Exit::Config))?;
        return JobManagers::new(tls::http::trusting(trust), &setup::host_name())
            .map_err(fatal(Exit::Software));
    }
    JobManagers::new(tls::http::secure(), &setup::host_name()).or_else(|_nobody_is_trusted| {
        let plain = tls::http::plain().map_err(fatal(Exit::Software))?;
        JobManagers::new(plain, &setup::host_name()).map_err(fatal(Exit::Software))
    })
}

fn opened(Truststore { path, password }: &Truststore) -> Store {
    Store { path: path.clone(), password: password.expose().to_owned(), key_password: String::new() }
}

/// None where the port speaks plain HTTP.
pub fn server(settings: &DispatcherSettings) -> Result<Option<Arc<ServerConfig>>, Fatal> {
    let Some(ApiTls { own, clients }) = &settings.tls else { return Ok(None) };
    let text = |secret: &Secret| secret.expose().to_owned();
    let store = Store {
        path: own.keystore.clone(),
        password: text(&own.keystore_password),
        key_password: text(&own.key_password),
    };
    let identity = Identity::read(&store).map_err(fatal(Exit::NoInput))?;
    let config = match clients {
        None => identity.server().map_err(fatal(Exit::Config))?,
        Some(clients) => {
            let authorities = opened(clients).roots().map_err(fatal(Exit::NoInput))?;
            identity.server_for(authorities).map_err(fatal(Exit::Config))?
        }
    };
    Ok(Some(Arc::new(config)))
}
