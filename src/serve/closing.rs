//! How servers end whose answers must not be lost.

use std::time::Duration;

use tokio::sync::watch::{Receiver, Sender};
use tokio::time::timeout;

/// So long whoever asks has to read the answer while the process waits to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Given to servers, it has them take no more requests, and ends when those that they have are answered.
#[derive(Clone, Debug, Default)]
pub struct Closing(Sender<bool>);

/// What keeps a process from its end.
#[derive(Clone, Debug)]
pub struct Open(Receiver<bool>);

impl Closing {
    pub fn open(&self) -> Open {
        Open(self.0.subscribe())
    }

    /// What is open has been closed then, or has had its time.
    pub async fn close(self) {
        self.0.send_replace(true);
        let _ = timeout(PATIENCE, self.0.closed()).await;
    }
}

impl Open {
    pub fn is_closing(&self) -> bool {
        *self.0.borrow()
    }

    /// Until it is to be closed, which it is when this is dropped.
    pub async fn until_closing(&mut self) {
        if self.0.wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::Listening;

    /// `/` answers once somebody gives it leave.
    #[tokio::test]
    async fn requests_are_answered_before_the_end_and_who_asks_nothing_is_not_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let listening = Listening::new(UnixListener::bind(&path).expect("a socket"), "test");
        let (closing, leave, asked) =
            (Closing::default(), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (given, came) = (Arc::clone(&leave), Arc::clone(&asked));
        let answer = async move || {
            came.add_permits(1);
            given.acquire().await.expect("never closed").forget();
            "done"
        };
        let routes = Router::new().route("/", get(answer));
        tokio::spawn(crate::serve(listening.until(closing.clone()), routes));
        let mut idle = UnixStream::connect(&path).await.expect("connected");
        let mut asking = UnixStream::connect(&path).await.expect("connected");
        asking.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("written");
        asked.acquire().await.expect("never closed").forget();

        let mut open = closing.open();
        let kept = closing.clone();
        let closed = tokio::spawn(closing.close());
        open.until_closing().await;
        let mut text = String::new();
        assert_eq!(idle.read_to_string(&mut text).await.expect("it is closed"), 0);
        assert_eq!(kept.0.receiver_count(), 2, "this test and the connection that asks");
        leave.add_permits(1);
        asking.read_to_string(&mut text).await.expect("it is closed");
        assert!(text.ends_with("\r\n\r\ndone"), "{text}");
        drop(open);
        closed.await.expect("it ends");
        let mut late = UnixStream::connect(&path).await.expect("the socket still listens");
        late.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("written");
        tokio::task::yield_now().await;
        assert_eq!(asked.available_permits(), 0, "nothing new is begun");
    }
}
