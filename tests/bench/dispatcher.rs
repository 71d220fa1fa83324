//! What a dispatcher takes for 10, 100 and 1,000 clusters.
//!
//! `bench-dispatcher BINARY FLINK_HOME VERSION CLUSTERS,…` starts the embedded Mesos and dispatchers from `BINARY`, each in a
//! process of its own. AppMasters are no processes: this program plays the agents, and dials home for each task with the token
//! that the task was given, by the code of the AppMaster. `scripts/bench dispatcher` runs it. Ends with 1 when an aim is missed.

#[path = "dispatcher/agents.rs"]
mod agents;
#[path = "dispatcher/alone.rs"]
mod alone;
#[path = "../it/ha/ensemble.rs"]
#[allow(dead_code, reason = "tests do more with servers")]
mod ensemble;
#[path = "dispatcher/manifests.rs"]
mod manifests;
#[path = "../it/ports.rs"]
#[allow(dead_code, reason = "tests need rows of ports too")]
mod ports;
#[path = "dispatcher/process.rs"]
mod process;
#[path = "dispatcher/site.rs"]
mod site;
#[path = "dispatcher/takeover.rs"]
mod takeover;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alone::Figures;

/// Of the dispatcher's process with as many clusters as [`MEMORY_AT`] or more.
/// Without the pages of files, which the kernel takes back when they are needed elsewhere.
const MEMORY_AIM_MIB: f64 = 25.0;
const MEMORY_AT: usize = 1000;

/// Times n log n: noise of two measurements of seconds on a machine that does other things, too.
const GROWTH_AIM: f64 = 2.0;

/// On top of the session of the leader that was killed.
const TAKEOVER_AIM: Duration = Duration::from_secs(3);

/// For everything that is waited for; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Small against what is measured.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

pub struct Given {
    binary: PathBuf,
    flink_home: PathBuf,
    /// Of Flink, such as `1.20.5`.
    version: String,
    clusters: Vec<usize>,
}

impl Given {
    fn read() -> Option<Self> {
        let [binary, flink_home, version, clusters] =
            std::env::args().skip(1).collect::<Vec<_>>().try_into().ok()?;
        let clusters = clusters.split(',').map(|number| number.parse().ok().filter(|number| *number > 1));
        Some(Self {
            binary: binary.into(),
            flink_home: flink_home.into(),
            version,
            clusters: clusters.collect::<Option<_>>()?,
        })
    }
}

fn main() -> ExitCode {
    let Some(given) = Given::read() else {
        eprintln!("usage: bench-dispatcher BINARY FLINK_HOME VERSION CLUSTERS,…, each above 1");
        return ExitCode::from(64);
    };
    // A connection for each AppMaster.
    base::descriptors::raise();
    let _none_before = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut aims = Aims::default();
    runtime.block_on(measure(&given, &mut aims));
    if aims.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(given: &Given, aims: &mut Aims) {
    println!("{}", Figures::HEAD);
    let mut all = Vec::<Figures>::new();
    for clusters in &given.clusters {
        let figures = alone::measure(given, *clusters).await;
        println!("{figures}");
        all.push(figures);
    }
    for pair in all.windows(2) {
        let [before, after] = pair else { continue };
        let (from, to) = (before.clusters, after.clusters);
        for (what, growth) in [
            ("the time until all run", ratio(after.running, before.running)),
            ("the CPU time for it", ratio(after.cpu, before.cpu)),
        ] {
            let times = growth / (n_log_n(to) / n_log_n(from));
            let text =
                format!("{what}, from {from} to {to} clusters: {growth:.1} times, {times:.2} times n log n");
            aims.tell(&text, times, GROWTH_AIM, "times n log n");
        }
    }
    for figures in all.iter().filter(|figures| figures.clusters >= MEMORY_AT) {
        let text = format!(
            "memory of its own with {} clusters: {:.1} MiB",
            figures.clusters, figures.memory.anonymous_mib
        );
        aims.tell(&text, figures.memory.anonymous_mib, MEMORY_AIM_MIB, "MiB");
    }
    println!("\nclusters  a new leader takes orders after  knows all AppMasters after");
    for clusters in &given.clusters {
        let took = takeover::measure(given, *clusters).await;
        println!("{clusters:>8} {:>31.2}s {:>25.2}s", took.order.as_secs_f64(), took.reports.as_secs_f64());
        let most = takeover::SESSION + TAKEOVER_AIM;
        let text = format!("a new leader of {clusters} clusters: {:.2} s", took.order.as_secs_f64());
        aims.tell(&text, took.order.as_secs_f64(), most.as_secs_f64(), "s, of which 4 are the old session");
    }
}

/// What the figures should be at most.
#[derive(Default)]
struct Aims {
    missed: u32,
}

impl Aims {
    fn tell(&mut self, text: &str, found: f64, most: f64, unit: &str) {
        let is_missed = found > most;
        self.missed += u32::from(is_missed);
        let word = if is_missed { "ABOVE" } else { "OK" };
        println!("{text}; aim: at most {most} {unit}: {word}");
    }
}

fn ratio(after: Duration, before: Duration) -> f64 {
    after.as_secs_f64() / before.as_secs_f64()
}

fn n_log_n(number: usize) -> f64 {
    let number = f64::from(u32::try_from(number).expect("small"));
    number * number.ln()
}

/// Until there is an answer.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "waited too long until {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
