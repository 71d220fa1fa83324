//! The ZooKeeper ensemble as the configuration has it, and as the JobManager's JVM is told to speak with it.

use std::sync::Arc;

use tracing::warn;

use ::flink::command;
use base::exit::Exit;
use conf::environment::Environment;
use conf::keys::flink;
use conf::settings::HighAvailability;
use conf::table::Table;
use zookeeper::security::{Login, Properties, Security};
use zookeeper::tls::Tunnel;
use zookeeper::{Access, Ensemble};

use super::super::check;
use super::super::setup::Setup;
use super::{Fatal, fatal};

#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` is `creator`, which needs a login to ZooKeeper: set `{}` or a DigestLoginModule in the file of \
     -Djava.security.auth.login.config, or use `open`{}",
    flink::HA_ACL.name,
    flink::HA_AUTHORIZATION.name,
    if *.by_kerberos { "; this program cannot log in by Kerberos, as the JobManager does" } else { "" }
)]
struct NobodyCreates {
    by_kerberos: bool,
}

/// What is wrong is told before anything has started.
pub fn security(setup: &Setup, ha: &HighAvailability) -> Result<Security, Fatal> {
    let dirs = check::read_only_dirs(setup);
    let launch = setup.launch(&dirs, 1.0, &[]);
    let properties = command::jobmanager_properties(&launch).map_err(fatal(Exit::Config))?;
    security_of(&properties, ha)
}

/// Of a program that is no JobManager, but is told by the same means how to speak with ZooKeeper.
pub fn security_without_flink(
    table: &Table,
    environment: &Environment,
    ha: &HighAvailability,
) -> Result<Security, Fatal> {
    let properties = command::properties_without_flink(table, environment).map_err(fatal(Exit::Config))?;
    security_of(&properties, ha)
}

fn security_of(properties: &Properties, ha: &HighAvailability) -> Result<Security, Fatal> {
    let security = Security::read(properties, &ha.sasl).map_err(fatal(Exit::Config))?;
    let is_somebody = matches!(security.login, Login::Digest { .. }) || !ha.authorization.is_empty();
    if ha.creator_acl && !is_somebody {
        let by_kerberos = security.login == Login::Kerberos;
        return Err(Fatal::new(Exit::Config, NobodyCreates { by_kerberos }));
    }
    Ok(security)
}

/// In the runtime in which its tunnel is to work.
pub fn open(setup: &Setup, ha: &HighAvailability) -> Result<Ensemble, Fatal> {
    with(security(setup, ha)?, ha)
}

/// The same, with what is known of how to log in.
pub fn with(security: Security, ha: &HighAvailability) -> Result<Ensemble, Fatal> {
    if security.login == Login::Kerberos {
        warn!("Flink logs in to ZooKeeper by Kerberos; this program cannot, and connects without a login");
    }
    let servers = ha.quorum.to_string();
    let tunnel = security.tls.map(|config| Tunnel::open(&servers, &config)).transpose();
    let tunnel = tunnel.map_err(fatal(Exit::Config))?.map(Arc::new);
    let authorization = ha.authorization.iter();
    Ok(Ensemble {
        servers,
        session_timeout: ha.session_timeout,
        connection_timeout: ha.connection_timeout,
        authorization: authorization
            .map(|(scheme, data)| (scheme.clone(), data.expose().to_owned()))
            .collect(),
        access: if ha.creator_acl { Access::Creator } else { Access::Open },
        login: security.login,
        tunnel,
    })
}
