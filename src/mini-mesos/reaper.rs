//! Waits for the children of this process, all of them in one place: however many run, the end of one costs one look.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use init::signals::Signal;
use init::status::Ended;

#[derive(Clone)]
pub struct Reaper {
    /// Who waits for whom; nobody else may wait for children.
    waiting: Arc<Mutex<BTreeMap<Pid, oneshot::Sender<Ended>>>>,
}

impl Reaper {
    /// Works as long as the current runtime does.
    pub fn start() -> io::Result<Self> {
        let mut children = signal(SignalKind::child())?;
        let reaper = Self { waiting: Arc::default() };
        let own = reaper.clone();
        tokio::spawn(async move {
            while children.recv().await.is_some() {
                own.reap();
            }
        });
        Ok(reaper)
    }

    /// The end of a child. To be called before anything is awaited since it was started. What nobody waits for any more is
    /// reaped all the same.
    pub fn end_of(&self, pid: Pid) -> impl Future<Output = Ended> + use<> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(pid, sender);
        async move { receiver.await.unwrap_or(Ended::Unknown) }
    }

    /// Until nothing more has ended: one SIGCHLD stands for any number of them.
    fn reap(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (pid, ended) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Ended::Exited(code.to_le_bytes()[0])),
                Ok(WaitStatus::Signaled(pid, signal, core_dumped)) => {
                    let killed = |signal| Ended::Killed { signal, core_dumped };
                    (pid, Signal::new(signal as i32).map_or(Ended::Unknown, killed))
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(errno) => return tracing::warn!("cannot wait for children: {errno}"),
            };
            if let Some(waiter) = waiting.remove(&pid) {
                let _ = waiter.send(ended);
            }
        }
    }
}
