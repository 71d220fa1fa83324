//! Who may use the socket of operators: the AppMaster's own user and root, whatever the socket's mode became.

use std::io;

use nix::unistd::geteuid;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

use serve::Accept;

const ROOT: u32 = 0;

/// Takes connections of those alone.
pub struct OwnersOnly(pub UnixListener);

impl Accept for OwnersOnly {
    type Stream = UnixStream;
    type Peer = <UnixListener as Accept>::Peer;

    async fn accept(&self) -> io::Result<(UnixStream, Self::Peer)> {
        loop {
            let (stream, address) = Accept::accept(&self.0).await?;
            match stream.peer_cred() {
                Ok(peer) if may_order(peer.uid(), geteuid().as_raw()) => return Ok((stream, address)),
                Ok(peer) => {
                    warn!(
                        "refused user {} on the operator's socket, which only the AppMaster's own user and root may use",
                        peer.uid()
                    );
                }
                Err(error) => {
                    warn!("refused a connection to the operator's socket, as its user is not known: {error}");
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Peer> {
        Accept::local_addr(&self.0)
    }
}

fn may_order(peer: u32, own: u32) -> bool {
    peer == own || peer == ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_user_and_root_may_order() {
        assert!(may_order(9999, 9999) && may_order(0, 9999) && may_order(0, 0));
        assert!(!may_order(9999, 0) && !may_order(1000, 9999));
    }
}
