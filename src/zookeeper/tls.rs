//! TLS to ZooKeeper.
//!
//! The client library's own TLS is not used, as it brings a cryptographic library in C with it. It speaks instead with a
//! port of this process on the loopback interface, from where everything goes on through TLS. Only this process is let
//! in there: with a client certificate the tunnel would otherwise be open to everybody on the machine.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener as StdTcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tracing::{debug, warn};

/// Where no port is given.
const PORT: u16 = 2181;

/// The client gives a server up earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// After a failure to accept: no descriptors are left, and others may give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The same servers by other addresses, as long as it is not dropped.
pub struct Tunnel {
    servers: String,
    trouble: Trouble,
    _serving: JoinSet<()>,
}

/// What went wrong with TLS last; nothing after a success.
type Trouble = Arc<Mutex<Option<String>>>;

#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    #[error("'{server}' is not a ZooKeeper server, expected host:port")]
    Server { server: String },
    #[error("cannot bind a port on the loopback interface")]
    Bind(#[source] io::Error),
}

impl Tunnel {
    /// `servers` is `host:port,host:port`, perhaps with a path behind the last.
    pub fn open(servers: &str, config: &Arc<ClientConfig>) -> Result<Self, TunnelError> {
        let (servers, path) = servers.find('/').map_or((servers, ""), |at| servers.split_at(at));
        let (mut addresses, mut serving) = (Vec::new(), JoinSet::new());
        let trouble = Trouble::default();
        for server in servers.split(',').map(str::trim) {
            let server = Server::parse(server)?;
            let listener = StdTcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(TunnelError::Bind)?;
            addresses.push(listener.local_addr().map_err(TunnelError::Bind)?.to_string());
            listener.set_nonblocking(true).map_err(TunnelError::Bind)?;
            let listener = TcpListener::from_std(listener).map_err(TunnelError::Bind)?;
            serving.spawn(serve(
                listener,
                server,
                TlsConnector::from(Arc::clone(config)),
                Arc::clone(&trouble),
            ));
        }
        Ok(Self { servers: format!("{}{path}", addresses.join(",")), trouble, _serving: serving })
    }

    /// For the client.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Why there is no connection, if TLS is the reason.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Server {
    /// As it was given.
    text: String,
    host: String,
    port: u16,
    name: ServerName<'static>,
}

impl Server {
    fn parse(text: &str) -> Result<Self, TunnelError> {
        let wrong = || TunnelError::Server { server: text.to_owned() };
        let is_address = text.ends_with(']');
        let (host, port) = match text.rsplit_once(':').filter(|_| !is_address) {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (text, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
        Ok(Self { text: text.to_owned(), host, port, name })
    }

    async fn relay(&self, mut client: TcpStream, tls: &TlsConnector) -> io::Result<()> {
        let connect = async {
            let stream = TcpStream::connect((&*self.host, self.port)).await?;
            stream.set_nodelay(true)?;
            tls.connect(self.name.clone(), stream).await
        };
        let mut server = tokio::time::timeout(CONNECT_TIMEOUT, connect).await??;
        client.set_nodelay(true)?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        Ok(())
    }
}

async fn serve(listener: TcpListener, server: Server, tls: TlsConnector, trouble: Trouble) {
    let mut relays = JoinSet::new();
    loop {
        while relays.try_join_next().is_some() {}
        let Ok((client, from)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if !is_own(from) {
            warn!(%from, "refused another process that connected to the tunnel to ZooKeeper");
            continue;
        }
        let (server, tls, trouble) = (server.clone(), tls.clone(), Arc::clone(&trouble));
        relays.spawn(async move {
            let ended = server.relay(client, &tls).await;
            let found =
                ended.err().filter(is_of_tls).map(|error| format!("TLS with {}: {error}", server.text));
            let mut known = trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if *known != found {
                if let Some(found) = &found {
                    debug!("{found}");
                }
                *known = found;
            }
        });
    }
}

/// Errors of TLS come as such of other kinds than those of the network.
fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

/// Whether the other end of a connection on the loopback interface belongs to this process.
fn is_own(peer: SocketAddr) -> bool {
    let SocketAddr::V4(peer) = peer else { return false };
    let Ok(table) = fs::read_to_string("/proc/self/net/tcp") else { return false };
    let Some(inode) = inode(&table, peer) else { return false };
    let link = format!("socket:[{inode}]");
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else { return false };
    let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.any(|target| target.to_str() == Some(&*link))
}

/// Of the socket that is bound to `local`, in the kernel's table of connections: address and port are hexadecimal, the
/// address in the order of this machine's bytes.
fn inode(table: &str, local: SocketAddrV4) -> Option<&str> {
    let address = u32::from_ne_bytes(local.ip().octets());
    let wanted = format!("{address:08X}:{:04X}", local.port());
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&&*wanted))?;
    row.get(9).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_zookeeper_names_them() {
        let parsed = |text: &str| {
            let server = Server::parse(text).ok()?;
            Some((server.host, server.port))
        };
        assert_eq!(parsed("zk1:2281"), Some(("zk1".to_owned(), 2281)));
        assert_eq!(parsed("zk1"), Some(("zk1".to_owned(), 2181)));
        assert_eq!(parsed("[::1]:2281"), Some(("::1".to_owned(), 2281)));
        assert_eq!(parsed("[::1]"), Some(("::1".to_owned(), 2181)));
        assert_eq!(parsed("zk1:port"), None);
        assert_eq!(parsed("a b:1"), None);
    }

    #[tokio::test]
    async fn a_connection_of_this_process_is_told_from_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("connected");
        let (_, from) = listener.accept().await.expect("accepted");
        assert!(is_own(from));
        assert!(!is_own(SocketAddr::from(([127, 0, 0, 1], 1))));
    }
}
