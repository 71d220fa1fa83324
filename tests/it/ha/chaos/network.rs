//! Connections that can be cut, on a thread of their own: a test that looks at processes does not hold them up.

use std::net::SocketAddr;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::ha::proxy::Proxy;

pub struct Network {
    handle: Handle,
    /// Ends with it.
    _end: oneshot::Sender<()>,
}

impl Network {
    pub fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(ended));
        Self { handle, _end: end }
    }

    pub async fn proxy(&self, server: SocketAddr) -> Proxy {
        self.handle.spawn(Proxy::to(server)).await.expect("a proxy")
    }
}
