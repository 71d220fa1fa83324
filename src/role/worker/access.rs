//! What opens doors: where the master is, and with what the worker says who it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base::exit::Exit;
use conf::keys;
use conf::settings::{SecretSource, Settings};
use ha::directory::{self, HoldError};
use mesos::address::{Master, MasterAddress, Scheme, ZooKeeperAddress};
use mesos::client::{Credentials, Masters, Trust};
use mesos::detector;
use tls::Identity;
use tls::store::Store;

use super::super::setup::Setup;
use super::{Fatal, delivery, ensemble, fatal};

#[derive(Debug, thiserror::Error)]
#[error("failed to read {}, which mesos.master names", path.display())]
struct MasterFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot keep the state in the directory that `{}` names", keys::STATE_DIR.name)]
struct StateDirError {
    #[source]
    source: HoldError,
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
    let state_dir = settings.state_dir.as_deref().map(state_dir_fits);
    let problems = [
        master(settings).err(),
        ensemble.and_then(Result::err),
        credentials(settings).err(),
        identity(settings).err(),
        delivery::sources(setup, settings, &[], false).err(),
        delivered_stores(setup, settings).err(),
        state_dir.and_then(Result::err),
    ];
    problems.into_iter().flatten().collect()
}

/// Whether the files that the configuration names can be given to agents that lack them.
fn delivered_stores(setup: &Setup, settings: &Settings) -> Result<(), Fatal> {
    let mut table = setup.loaded.table.clone();
    delivery::deliver_stores(setup, settings, false, &mut table, &mut BTreeMap::new())
}

fn state_dir_fits(directory: &Path) -> Result<(), Fatal> {
    directory::check(directory).map_err(unusable_state_dir)
}

/// With the key that names the directory.
pub fn unusable_state_dir(source: HoldError) -> Fatal {
    let exit = source.exit();
    Fatal::new(exit, StateDirError { source })
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
        MasterAddress::Masters(masters) => {
            let secured = |master: Master| Master { scheme: Scheme::Https, ..master };
            let is_wanted = settings.master_tls.is_wanted;
            Ok(Masters::Known(if is_wanted { masters.into_iter().map(secured).collect() } else { masters }))
        }
        MasterAddress::ZooKeeper(address) => {
            let scheme = if settings.master_tls.is_wanted { Scheme::Https } else { Scheme::Http };
            Ok(Masters::Detected { leader: detector::start(&address, scheme), scheme })
        }
        MasterAddress::File(_) => Err(Fatal::new(Exit::Config, "mesos.master names no master as host:port")),
    }
}

pub fn trust(settings: &Settings) -> Trust {
    match settings.master_tls.fingerprints.as_slice() {
        [] => Trust::System,
        certificates => Trust::Pinned(certificates.to_vec()),
    }
}

/// Who has not answered, where nobody has.
pub fn silence_told(settings: &Settings) -> String {
    let listed = |all: Vec<String>| all.join(",");
    match &settings.master {
        MasterAddress::Masters(masters) => {
            format!("no answer from {}", listed(masters.iter().map(ToString::to_string).collect()))
        }
        MasterAddress::ZooKeeper(ZooKeeperAddress { servers, path, .. }) => format!(
            "ZooKeeper at {}{path} has named no leading master",
            listed(servers.iter().map(ToString::to_string).collect())
        ),
        MasterAddress::File(path) => format!("no answer from the masters that {} names", path.display()),
    }
}

/// With the keys that say so; no secret is told.
pub fn identity_told(settings: &Settings) -> String {
    let framework = &settings.framework;
    let principal = match &framework.identity {
        None => "without principal".to_owned(),
        Some(identity) => {
            let secret = match &identity.secret {
                None => "no secret".to_owned(),
                Some(SecretSource::Value(_)) => format!("the secret of `{}`", keys::FRAMEWORK_SECRET.name),
                Some(SecretSource::File(path)) => {
                    format!("the secret in {} (`{}`)", path.display(), keys::FRAMEWORK_SECRET_FILE.name)
                }
            };
            format!("principal {} with {secret}", identity.principal)
        }
    };
    format!(
        "{principal} (`{}`), role {} (`{}`), user {} (`{}`)",
        keys::FRAMEWORK_PRINCIPAL.name,
        framework.roles.join(","),
        keys::FRAMEWORK_ROLE.name,
        framework.user.as_deref().unwrap_or_default(),
        keys::FRAMEWORK_USER.name,
    )
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
