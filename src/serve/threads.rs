//! Threads that share the connections of a port.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};

/// One thread fills a link of 10 Gbit/s with files; more threads than these are of no use to agents.
const MAX_THREADS: usize = 4;

/// More of it than others have threads that send files. Where processors are short, whoever schedules or looks at the status goes first, and files still get
/// a tenth.
const NICENESS: i32 = 10;

/// Runtimes, each on a thread of its own. A connection stays on the one that it is given to.
#[derive(Clone, Debug)]
pub struct Threads {
    homes: Arc<[Handle]>,
    given: Arc<AtomicUsize>,
}

impl Threads {
    /// The thread of `first`, and new ones, so that there are `count`.
    pub fn beside(first: Handle, name: &str, count: usize) -> io::Result<Self> {
        let mut homes = vec![first];
        for number in 1..count {
            let runtime = runtime()?;
            homes.push(runtime.handle().clone());
            spawn(format!("{name}-{number}"), NICENESS, move || runtime.block_on(pending::<()>()))?;
        }
        Ok(Self { homes: homes.into(), given: Arc::default() })
    }

    /// Where the next connection is to live.
    pub fn next(&self) -> &Handle {
        &self.homes[self.given.fetch_add(1, Ordering::Relaxed) % self.homes.len()]
    }
}

/// Runs what `make` makes on a thread and a runtime of its own, so that it neither waits for others nor they for it.
pub fn on_own_thread<F: Future<Output = ()>>(
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
) -> io::Result<()> {
    let runtime = runtime()?;
    spawn(name.to_owned(), 0, move || runtime.block_on(make()))
}

/// As [`on_own_thread`], with as many threads for connections as this process may use processors, which give way to others. The first
/// is among them.
pub fn on_own_threads<F: Future<Output = ()>>(
    name: &str,
    make: impl FnOnce(Threads) -> F + Send + 'static,
) -> io::Result<()> {
    let runtime = runtime()?;
    let count = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
    let threads = Threads::beside(runtime.handle().clone(), name, count)?;
    spawn(name.to_owned(), NICENESS, move || runtime.block_on(make(threads)))
}

fn spawn(name: String, niceness: i32, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name);
    thread.spawn(move || {
        init::give_way(niceness);
        run();
    })?;
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Of the thread that asks.
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("a thread");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
        fields.split(' ').nth(16).and_then(|field| field.parse().ok()).expect("a number")
    }

    #[test]
    fn threads_that_send_files_give_way_to_others() {
        let own = niceness();
        let (sender, receiver) = mpsc::channel();
        on_own_threads("files", async move |threads| {
            for home in threads.homes.iter() {
                let sender = sender.clone();
                home.spawn(async move { sender.send(niceness()).expect("somebody listens") });
            }
            drop(sender);
            pending::<()>().await;
        })
        .expect("threads");
        let seen: Vec<_> = receiver.iter().collect();
        assert!(
            !seen.is_empty() && seen.iter().all(|niceness| *niceness == (own + NICENESS).min(19)),
            "{seen:?}"
        );
        assert_eq!(niceness(), own);
    }
}
