//! The sockets of a run, bound before anything is started, so that a port in use is told at once and an address
//! outlives a worker's crash.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr, socket};
use nix::sys::stat::{Mode, fchmod};

use conf::environment::Environment;
use init::guard;

use super::rundir;

/// Where operators find the running AppMaster, unless the environment says otherwise.
const SOCKET_NAME: &str = "flink-on-mesos.sock";
pub const SOCKET_VARIABLE: &str = "FLINK_ON_MESOS_SOCKET";

/// More clusters of one name seldom share a host.
const NEAR: u16 = 15;

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("failed to bind {key} to {host}:{port}")]
    Port {
        key: &'static str,
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error(
        "another AppMaster answers at {}: name another path in {SOCKET_VARIABLE}", path.display()
    )]
    SocketInUse { path: PathBuf },
    #[error("failed to create the socket {}", path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A listener on `host:port`; port 0 takes a free one. As many as the kernel allows may wait to be accepted: while its
/// worker is stopped or starts again, TaskManagers must not take a full queue for an AppMaster that is gone.
pub fn bind(key: &'static str, host: &str, port: u16) -> Result<TcpListener, BindError> {
    let listener = TcpListener::bind((host, port)).and_then(|listener| {
        socket::listen(&listener, Backlog::MAXALLOWABLE)?;
        Ok(listener)
    });
    listener.map_err(|source| BindError::Port { key, host: host.to_owned(), port, source })
}

/// A listener on `first` or the next free one of the [`NEAR`] above it that nobody else wants; any free one if others have them all.
pub fn bind_near(
    key: &'static str,
    host: &str,
    first: u16,
    wanted: &[u16],
) -> Result<TcpListener, BindError> {
    let near = first..=first.saturating_add(NEAR);
    near.filter(|port| !wanted.contains(port))
        .map(|port| bind(key, host, port))
        .find(Result::is_ok)
        .unwrap_or_else(|| bind(key, host, 0))
}

/// Fails if a JVM could not bind `port` on `host` right now. Hosts that do not resolve are left to the JVM.
pub fn check_free(key: &'static str, host: &str, port: u16) -> Result<(), BindError> {
    let resolves = (host, port).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some());
    if port != 0 && resolves {
        drop(bind(key, host, port)?);
    }
    Ok(())
}

/// The path of the operator's socket.
pub fn socket_path(environment: &Environment, given: Option<&Path>) -> PathBuf {
    given
        .map(Path::to_owned)
        .or_else(|| environment.text(SOCKET_VARIABLE).map(PathBuf::from))
        .unwrap_or_else(|| rundir::base(environment).join(SOCKET_NAME))
}

/// A listener for operators at `path`. One that a dead AppMaster left behind is replaced.
pub fn bind_socket(path: &Path) -> Result<UnixListener, BindError> {
    if UnixStream::connect(path).is_ok() {
        return Err(BindError::SocketInUse { path: path.to_owned() });
    }
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if is_socket(&metadata) => {
            // Nobody answers there.
            let _ = std::fs::remove_file(path);
        }
        Ok(_) | Err(_) => {}
    }
    let bind = || {
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        // Before it has a name, so that nobody else can ever open it.
        fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
        socket::bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
        socket::listen(&socket, Backlog::MAXALLOWABLE)?;
        Ok::<_, Errno>((UnixListener::from(socket), path.to_owned()))
    };
    guard::create(bind).map_err(|errno| BindError::Socket { path: path.to_owned(), source: errno.into() })
}

fn is_socket(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_socket()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_key() {
        let holder = bind("rest.port", "127.0.0.1", 0).expect("a free port");
        let port = holder.local_addr().expect("an address").port();
        let error = check_free("rest.port", "127.0.0.1", port).expect_err("it is in use");
        assert_eq!(error.to_string(), format!("failed to bind rest.port to 127.0.0.1:{port}"));
    }

    #[test]
    fn a_port_that_others_have_is_passed_over_and_found_again() {
        let first = bind("x", "127.0.0.1", 0).expect("a free port").local_addr().expect("an address").port();
        let port = || {
            bind_near("x", "127.0.0.1", first, &[])
                .map(|listener| (listener.local_addr().expect("an address").port(), listener))
        };
        let (own, _holder) = port().expect("bound");
        let (next, listener) = port().expect("bound");
        assert!(own < next, "{own} {next}");
        let (other, _) = bind_near("x", "127.0.0.1", first, &[next])
            .map(|listener| (listener.local_addr().expect("an address").port(), listener))
            .expect("bound");
        assert!(next < other, "{other} is the one that somebody wants");
        drop(listener);
        assert_eq!(port().expect("bound").0, next);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let first = bind_socket(&path).expect("bound");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(bind_socket(&path), Err(BindError::SocketInUse { .. })));
        drop(first);
        bind_socket(&path).expect("the first one is dead");
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        std::fs::write(&path, "mine").expect("written");
        assert!(matches!(bind_socket(&path), Err(BindError::Socket { .. })));
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "mine");
    }
}
