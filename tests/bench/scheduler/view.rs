//! What open status pages cost the scheduler, which makes what they show.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base::time::Moment;
use mesos::wire::status::TaskState;
use scheduler::Scheduler;
use scheduler::driver::Observer as _;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests::{self, Request};
use status::jobmanager::Watch;
use status::lookout::Lookout;
use status::{About, Sources};
use tokio::sync::mpsc;

const TASKMANAGERS: usize = 1_000;
const PAGES: usize = 100;

/// Facts come so often: an hour of a calm cluster in a minute.
const FACT_EVERY: Duration = Duration::from_millis(20);

/// Each of the two parts.
const LASTS: Duration = Duration::from_secs(15);

/// Who watches must not slow down what is watched by more.
const MOST: f64 = 2.0;

/// When each fact was there to be handled, and when its orders were carried out.
type Rounds = mpsc::UnboundedReceiver<Duration>;

pub fn run() {
    let (address, mut rounds) = start();
    println!("pages  answers  answer_ms p50  p99  rounds  round_ms p50  p99  sent_KiB/s");
    let quiet = measure(address, &mut rounds, 0);
    let busy = measure(address, &mut rounds, PAGES);
    let (answers, rounds) = (busy.0 / quiet.0, busy.1 / quiet.1);
    println!("with pages: answers {answers:.2} times, rounds {rounds:.2} times as long; aim: at most {MOST}");
}

/// A worker without Mesos and JobManager: the scheduler on one thread and the status on another.
fn start() -> (SocketAddr, Rounds) {
    let (told, address) = std::sync::mpsc::channel();
    let (facts, mut due) = mpsc::unbounded_channel::<(Instant, usize)>();
    let (done, rounds) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            told.send(listener.local_addr().expect("an address")).expect("a listener");
            let (requests, doorkeeper, _) = requests::open(&Facts::default(), None);
            let mut asked = doorkeeper.admit();
            let lookout = Arc::new(Lookout::default());
            let sources = Sources {
                requests,
                jobmanager: Watch::default(),
                about: About::default(),
                lookout: Arc::clone(&lookout),
                logs: None,
                closing: serve::Closing::default(),
            };
            serve::on_own_thread("status", async move || {
                let server = status::Server::new(sources);
                let listener = serve::asynchronous(&listener).expect("it listens");
                let (Err(error), ()) = tokio::join!(server.serve_everybody(listener), server.tell_changes());
                panic!("it has ended: {error}");
            })
            .expect("a thread");
            let mut scheduler = crate::scheduler(TASKMANAGERS);
            loop {
                tokio::select! {
                    biased;
                    Some((begin, number)) = due.recv() => {
                        let handled = Instant::now();
                        hand_in(&mut scheduler, number);
                        lookout.handled(handled.elapsed());
                        done.send(begin.elapsed()).expect("a listener");
                    }
                    Some(request) = asked.recv() => answer(&scheduler, request),
                }
            }
        });
    });
    thread::spawn(move || {
        for number in 0.. {
            thread::sleep(FACT_EVERY);
            if facts.send((Instant::now(), number)).is_err() {
                return;
            }
        }
    });
    (address.recv().expect("an address"), rounds)
}

/// One TaskManager after the other goes out of sight and comes back.
fn hand_in(scheduler: &mut Scheduler, number: usize) {
    let state = if number.is_multiple_of(2) { TaskState::Unreachable } else { TaskState::Running };
    let bytes = crate::storm::update(number / 2 % TASKMANAGERS + 1, state);
    crate::storm::hand_in(scheduler, &[bytes]);
}

fn answer(scheduler: &Scheduler, request: Request) {
    match request {
        Request::Report(reply) => drop(reply.send(scheduler.report(Moment::START))),
        other => panic!("nobody asks {other:?}"),
    }
}

/// The medians of answers and rounds in milliseconds.
fn measure(address: SocketAddr, rounds: &mut Rounds, pages: usize) -> (f64, f64) {
    let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> =
        (0..pages).map(|_| page(address, Arc::clone(&stop), Arc::clone(&received))).collect();
    // Until all have the whole picture.
    thread::sleep(Duration::from_secs(2));
    while rounds.try_recv().is_ok() {}
    received.store(0, Ordering::Relaxed);
    let (begin, mut answers) = (Instant::now(), Vec::new());
    while begin.elapsed() < LASTS {
        let asked = Instant::now();
        get(address, "/v1/status");
        answers.push(asked.elapsed());
        thread::sleep(Duration::from_millis(30));
    }
    let sent = received.load(Ordering::Relaxed) / 1024 / LASTS.as_secs();
    stop.store(true, Ordering::Relaxed);
    let mut waits: Vec<_> = std::iter::from_fn(|| rounds.try_recv().ok()).collect();
    for reader in readers {
        reader.join().expect("no panic");
    }
    answers.sort();
    waits.sort();
    let at = |times: &[Duration], percent: usize| crate::ms(times[times.len() * percent / 100]);
    println!(
        "{pages:>5} {:>8} {:>14.2} {:>4.1} {:>7} {:>13.2} {:>4.1} {sent:>11}",
        answers.len(),
        at(&answers, 50),
        at(&answers, 99),
        waits.len(),
        at(&waits, 50),
        at(&waits, 99)
    );
    (at(&answers, 50), at(&waits, 50))
}

fn page(address: SocketAddr, stop: Arc<AtomicBool>, received: Arc<AtomicU64>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        write!(stream, "GET /v1/stream HTTP/1.1\r\nHost: bench\r\n\r\n").expect("it reads");
        let mut buffer = vec![0; 1 << 16];
        while !stop.load(Ordering::Relaxed) {
            // Without anything new it times out.
            let count = stream.read(&mut buffer).unwrap_or_default();
            received.fetch_add(count as u64, Ordering::Relaxed);
        }
    })
}

fn get(address: SocketAddr, path: &str) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
