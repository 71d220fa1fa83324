//! One dispatcher with its state in a directory.

use std::fmt;
use std::process::Output;
use std::time::{Duration, Instant};

use dispatcher::State;
use reqwest::{Client, RequestBuilder};

use super::agents::Counts;
use super::process::{self, Memory};
use super::site::{Dispatcher, Site};
use super::{Given, manifests, until};

/// How long an agent stays that only visits.
pub const VISIT: Duration = Duration::from_millis(50);
const VISITS: u32 = 40;

/// Nothing happens but that AppMasters report.
const IDLE: Duration = Duration::from_secs(20);

/// Of one kind of question.
const QUESTIONS: usize = 300;

pub struct Figures {
    pub clusters: usize,
    /// Of the command.
    apply: Duration,
    /// From the command's start until all AppMasters run.
    pub running: Duration,
    /// Of the dispatcher's process meanwhile.
    pub cpu: Duration,
    /// CPU time of a round of offers that nothing is launched from.
    round: Duration,
    /// CPU time per second while nothing happens.
    idle: f64,
    pub memory: Memory,
    list: Times,
    describe: Times,
    plan: Times,
}

struct Times {
    half: Duration,
    most: Duration,
}

/// Among other clusters there are some that are wrong: they must be told of, and the others must not notice.
pub async fn measure(given: &Given, clusters: usize) -> Figures {
    let site = Site::start(given, clusters).await;
    let dispatcher = site.dispatcher(given, "alone", &[]).await;
    let pid = dispatcher.pid();
    let cpu_before = process::cpu(pid);
    let (apply, running) = launch(given, &site, &dispatcher, clusters).await;
    let cpu = process::cpu(pid) - cpu_before;
    until_reported(&dispatcher, clusters).await;
    let idle = idle(pid).await;
    let round = round(&site, pid, idle.main).await;
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let at = |path: &str| format!("{}/v1/clusters{path}", dispatcher.url);
    let list = ask(|_| client.get(at(""))).await;
    let describe =
        ask(|number| client.get(at(&format!("/{}", manifests::name(number % clusters + 1))))).await;
    let plan = ask(|number| plan(&client, &at("?dryRun=true"), number % clusters + 1, &given.version)).await;
    assert_undisturbed(&site, &dispatcher, clusters).await;
    Figures {
        clusters,
        apply,
        running,
        cpu,
        round,
        idle: idle.whole,
        memory: process::memory(pid),
        list,
        describe,
        plan,
    }
}

/// Until the dispatcher knows that as many AppMasters run.
pub async fn launch(
    given: &Given,
    site: &Site,
    dispatcher: &Dispatcher,
    clusters: usize,
) -> (Duration, Duration) {
    let files = site.manifests(clusters, &given.version);
    let begin = Instant::now();
    let mut command = dispatcher.apply(&files);
    let (mut applied, mut running) = (None, None);
    until("all AppMasters run", async || {
        if applied.is_none() && command.try_wait().expect("a child").is_some() {
            applied = Some(begin.elapsed());
        }
        if running.is_none() && Counts::of(&site.agents.counts.running) >= clusters {
            running = Some(begin.elapsed());
        }
        applied.is_some().then_some(())?;
        running
    })
    .await;
    assert_told(&command.wait_with_output().expect("its output"), dispatcher);
    applied.zip(running).expect("both are over")
}

/// What is wrong in one document, and nothing else, is told by `apply`.
fn assert_told(output: &Output, dispatcher: &Dispatcher) {
    let told = String::from_utf8_lossy(&output.stderr);
    let log = || dispatcher.log_end();
    assert_eq!(output.status.code(), Some(65), "{told}\n{}", log());
    let errors: Vec<_> = told.lines().filter(|line| line.contains("ERROR")).collect();
    let is_expected = |line: &&str| manifests::REASONS.iter().any(|reason| line.contains(reason));
    assert!(!errors.is_empty() && errors.iter().all(is_expected), "{told}\n{}", log());
}

/// All AppMasters have told how they are.
pub async fn until_reported(dispatcher: &Dispatcher, clusters: usize) {
    for number in 1..=clusters {
        let name = manifests::name(number);
        let has_told = async || {
            let described = dispatcher.client.cluster(&name).await.ok()?;
            described.appmasters.first().is_some_and(|appmaster| appmaster.running == 1).then_some(())
        };
        until("its AppMaster reports", has_told).await;
    }
}

/// Shares of a CPU.
struct Idle {
    whole: f64,
    main: f64,
}

async fn idle(pid: u32) -> Idle {
    let (whole, main, begin) = (process::cpu(pid), process::main_cpu(pid), Instant::now());
    tokio::time::sleep(IDLE).await;
    let span = begin.elapsed().as_secs_f64();
    Idle {
        whole: (process::cpu(pid) - whole).as_secs_f64() / span,
        main: (process::main_cpu(pid) - main).as_secs_f64() / span,
    }
}

/// `idle` is what the main thread takes in any case.
async fn round(site: &Site, pid: u32, idle: f64) -> Duration {
    let (before, begin) = (process::main_cpu(pid), Instant::now());
    for _ in 0..VISITS {
        site.agents.visit().await;
    }
    let took = process::main_cpu(pid) - before;
    took.saturating_sub(begin.elapsed().mul_f64(idle)) / VISITS
}

fn plan(client: &Client, url: &str, number: usize, version: &str) -> RequestBuilder {
    let manifest = manifests::session(&manifests::name(number), version);
    client.post(url).body(manifest.replace("30 s", "60 s"))
}

async fn ask(question: impl Fn(usize) -> RequestBuilder) -> Times {
    let mut times = Vec::new();
    for number in 0..QUESTIONS {
        let begin = Instant::now();
        let answer =
            question(number).send().await.expect("an answer").error_for_status().expect("a good one");
        let bytes = answer.bytes().await.expect("all of it");
        times.push(begin.elapsed());
        assert!(!bytes.is_empty());
    }
    times.sort();
    Times { half: times[QUESTIONS / 2], most: times[QUESTIONS * 99 / 100] }
}

/// Each AppMaster was launched once, and it is told why the bad ones have none.
async fn assert_undisturbed(site: &Site, dispatcher: &Dispatcher, clusters: usize) {
    let counts = &site.agents.counts;
    assert_eq!(
        [Counts::of(&counts.launched), Counts::of(&counts.ended)],
        [clusters, 0],
        "{}",
        dispatcher.log_end()
    );
    let all = dispatcher.client.clusters().await.expect("a list");
    let running = all.iter().filter(|cluster| cluster.state == State::Running).count();
    assert_eq!((running, all.len()), (clusters, clusters + 1), "{}", dispatcher.log_end());
    let waits = all.iter().find(|cluster| cluster.name == manifests::UNPLACEABLE).expect("it is there");
    let why = waits.why.clone().unwrap_or_default();
    assert!(waits.state == State::Waiting && why.contains("cpus"), "{why}");
}

impl Figures {
    pub const HEAD: &str = "clusters    apply  running   CPU_s  round_ms  idle_CPU%  RSS_MiB  anon_MiB  PSS_MiB  \
        list_ms p50  p99  describe_ms p50  p99  plan_ms p50  p99";
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |span: Duration| span.as_secs_f64() * 1000.0;
        let (apply, running) = (self.apply.as_secs_f64(), self.running.as_secs_f64());
        write!(out, "{:>8} {apply:>7.2}s {running:>7.2}s {:>7.2}", self.clusters, self.cpu.as_secs_f64())?;
        write!(out, " {:>9.2} {:>10.1}", ms(self.round), self.idle * 100.0)?;
        let Memory { rss_mib, anonymous_mib, pss_mib } = self.memory;
        write!(out, " {rss_mib:>8.1} {anonymous_mib:>9.1} {pss_mib:>8.1}")?;
        for (times, width) in [(&self.list, 12), (&self.describe, 16), (&self.plan, 12)] {
            write!(out, " {:>width$.1} {:>4.1}", ms(times.half), ms(times.most))?;
        }
        Ok(())
    }
}
