//! What opens doors: where the master is, and with what the worker says who it is.

use std::io;
use std::path::PathBuf;

use crate::conf::settings::{SecretSource, Settings};
use crate::exit::Exit;
use crate::mesos::address::MasterAddress;
use crate::mesos::client::{Credentials, Masters};
use crate::mesos::detector;
use crate::tls::Identity;
use crate::tls::store::Store;

use super::super::setup::Setup;
use super::{Fatal, ensemble, fatal};

#[derive(Debug, thiserror::Error)]
#[error("failed to read {}, which mesos.master names", path.display())]
struct MasterFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("failed to read mesos.resourcemanager.framework.secret-file {path}")]
    Unreadable {
        path: String,
        #[source]
        source: io::Error,
    },
}

/// What the worker would end over, before anything is started.
pub fn check(setup: &Setup, settings: &Settings) -> Vec<Fatal> {
    let ensemble = settings.high_availability.as_ref().map(|ha| ensemble::security(setup, ha));
    let problems = [
        master(settings).err(),
        ensemble.and_then(Result::err),
        credentials(settings).err(),
        identity(settings).err(),
    ];
    problems.into_iter().flatten().collect()
}

/// The JobManager's, with which it and the artifact server speak TLS.
pub fn identity(settings: &Settings) -> Result<Option<Identity>, Fatal> {
    let Some(tls) = &settings.rest_tls else { return Ok(None) };
    let [password, key_password] =
        [&tls.keystore_password, &tls.key_password].map(|secret| secret.expose().to_owned());
    let store = Store { path: tls.keystore.clone(), password, key_password };
    Identity::read(&store).map(Some).map_err(fatal(Exit::NoInput))
}

fn master(settings: &Settings) -> Result<MasterAddress, Fatal> {
    match &settings.master {
        MasterAddress::File(path) => {
            let content = std::fs::read_to_string(path)
                .map_err(|source| MasterFileError { path: path.clone(), source })
                .map_err(fatal(Exit::NoInput))?;
            MasterAddress::from_file(&content).map_err(fatal(Exit::Config))
        }
        address @ (MasterAddress::Masters(_) | MasterAddress::ZooKeeper(_)) => Ok(address.clone()),
    }
}

pub fn masters(settings: &Settings) -> Result<Masters, Fatal> {
    match master(settings)? {
        MasterAddress::Masters(masters) => Ok(Masters::Known(masters)),
        MasterAddress::ZooKeeper(address) => Ok(Masters::Detected(detector::start(&address))),
        MasterAddress::File(_) => Err(Fatal::new(Exit::Config, "mesos.master names no master as host:port")),
    }
}

pub fn credentials(settings: &Settings) -> Result<Option<Credentials>, Fatal> {
    let Some(identity) = &settings.framework.identity else { return Ok(None) };
    let secret = match &identity.secret {
        None => return Ok(None),
        Some(SecretSource::Value(secret)) => secret.expose().to_owned(),
        Some(SecretSource::File(path)) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|source| SecretError::Unreadable { path: path.display().to_string(), source })
            .map_err(fatal(Exit::NoInput))?,
    };
    Ok(Some(Credentials { principal: identity.principal.clone(), secret }))
}
