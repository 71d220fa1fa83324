//! What an AppMaster listens on, bound or tried before anything is started.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::keys;
use conf::settings::{Port, Ports, Settings};

use super::super::error::{Fatal, fatal};
use super::super::sockets::{self, BindError};
use super::LOOPBACK;

/// Two seconds in all.
const PORT_ATTEMPTS: u32 = 40;
const PORT_POLL: Duration = Duration::from_millis(50);

const ALL_ADDRESSES: &str = "0.0.0.0";

/// With a kept state this may be the start right after a kill, whose JVM takes a moment longer to be gone than its init.
pub fn await_ports(settings: &Settings, is_kept: bool) -> Result<(), Fatal> {
    let mut attempts = if is_kept { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match check_ports(settings) {
            Err(_) if attempts > 0 => std::thread::sleep(PORT_POLL),
            checked => return checked,
        }
    }
}

/// The JobManager binds them itself, seconds later and with a stack trace in place of a message.
fn check_ports(settings: &Settings) -> Result<(), Fatal> {
    let ports = [
        (keys::flink::REST_PORT.name, settings.job_manager.rest_ports.single()),
        (keys::flink::RPC_PORT.name, settings.job_manager.rpc_ports.single()),
        (keys::flink::BLOB_PORT.name, settings.job_manager.blob_ports.single()),
    ];
    for (key, port) in ports {
        if let Some(port) = port {
            sockets::check_free(key, ALL_ADDRESSES, port).map_err(fatal(Exit::CannotCreate))?;
        }
    }
    Ok(())
}

/// `before` is the port at which TaskManagers that may still run reach it.
pub fn bind_artifacts(
    part: &str,
    settings: &Settings,
    local: bool,
    before: Option<u16>,
) -> Result<TcpListener, Fatal> {
    let key = keys::ARTIFACT_PORT.name;
    let host = if local { LOOPBACK } else { ALL_ADDRESSES };
    let is_free_to_choose = !matches!(settings.artifacts.port, Port::Given(port) if port != 0);
    if let Some(listener) =
        before.filter(|_| is_free_to_choose).and_then(|port| sockets::bind(key, host, port).ok())
    {
        return Ok(listener);
    }
    let own = match settings.artifacts.port {
        Port::Given(port) => return sockets::bind(key, host, port).map_err(cannot_bind),
        // Agents that have all there is keep nothing.
        Port::Own(_) if local => return sockets::bind(key, host, 0).map_err(cannot_bind),
        Port::Own(port) => port,
    };
    let ports = &settings.job_manager;
    let wanted = [&ports.rpc_ports, &ports.rest_ports, &ports.blob_ports].map(Ports::single);
    let wanted: Vec<_> = wanted.into_iter().flatten().collect();
    let listener = sockets::bind_near(key, host, own, &wanted).map_err(cannot_bind)?;
    let port = listener.local_addr().map_err(fatal(Exit::Os))?.port();
    if port != own {
        let text = format!(
            "port {own} is taken, so agents fetch from port {port} and download again what they have cached; set `{key}` to a free port to keep their caches"
        );
        log::line(Level::WARN, part, &text);
    }
    Ok(listener)
}

/// Where no socket can be created the cluster runs without its commands.
pub fn operators_socket(environment: &Environment) -> Result<Option<(PathBuf, UnixListener)>, Fatal> {
    let path = sockets::socket_path(environment, None);
    match sockets::bind_socket(&path) {
        Ok(socket) => Ok(Some((path, socket))),
        Err(error @ BindError::SocketInUse { .. }) => Err(cannot_bind(error)),
        Err(error) => {
            log::line(
                Level::WARN,
                "appmaster",
                &format!("{}: operator commands are disabled", log::chain(&error)),
            );
            Ok(None)
        }
    }
}

pub fn cannot_bind(error: BindError) -> Fatal {
    Fatal::new(Exit::CannotCreate, error)
}
