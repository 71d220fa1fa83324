//! Rounds of kills and cuts. AppMasters, ZooKeeper and Mesos are what they are anywhere; only the JVMs are stand-ins, so
//! that Flink's own election takes no part. After each round exactly the wanted TaskManagers live, none was killed that
//! lived, nothing is left over, and no leader has acted after its successor.
//!
//! `CHAOS_SEED` and `CHAOS_ROUNDS` choose the run. The seed gives the mischiefs, not what they meet.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fastrand::Rng;

use history::Act;
use journal::End;
use mischief::Mischief;
use site::Site;

mod appmaster;
mod history;
mod journal;
mod look;
mod mischief;
mod network;
mod site;
mod transactions;

const ROUNDS: u32 = 6;
const TASKMANAGERS: usize = 4;
/// One TaskManager of so many lives shortly.
const SHORT_LIVED: u64 = 6;
/// Between two mischiefs, and between two ways to put things right.
const GAP_MS: u64 = 500;
/// As long as a step of what was just begun takes.
const SHORT_GAP_MS: u64 = 40;
/// Up to more than twice the session.
const HOLD_MS: u64 = 5_000;
/// A launch of which nobody knows whether it arrived is given up after 135 s.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(300);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

#[tokio::test]
async fn after_each_round_everything_is_as_it_was_wanted() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed = number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let rounds =
        number("CHAOS_ROUNDS").map_or(ROUNDS, |rounds| u32::try_from(rounds).expect("a number of rounds"));
    println!("chaos: {rounds} rounds, CHAOS_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let mut site = Site::open(seed, TASKMANAGERS).await;
    println!("  in {}", site.root().display());
    let mut books = Books::default();
    settle(&mut site).await;
    let start = Instant::now();
    for round in 1..=rounds {
        let mischiefs = Mischief::some(&mut random);
        println!("  {:6.1} s, round {round}: {mischiefs:?}", start.elapsed().as_secs_f64());
        for mischief in &mischiefs {
            mischief.begin(&mut site).await;
            let gap_ms = if random.bool() { GAP_MS } else { SHORT_GAP_MS };
            pause(&mut random, gap_ms).await;
        }
        pause(&mut random, HOLD_MS).await;
        mischief::heal(&mut site, &mut random).await;
        site.scale().await;
        let settled = settle(&mut site).await;
        let surplus = std::mem::take(&mut site.surplus);
        books.check_lives(&site, surplus);
        books.check_history(&site);
        println!("    settled in {settled:.1?}; {}", books.told());
    }
    println!("chaos: {rounds} rounds, CHAOS_SEED={seed}: {:?}; {}", start.elapsed(), books.told());
}

/// The one kind of sleep here that waits for nothing: a mischief lasts as long as the seed says.
async fn pause(random: &mut Rng, most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(random.u64(..most_ms))).await;
}

async fn settle(site: &mut Site) -> Duration {
    let start = Instant::now();
    loop {
        site.bury().await;
        site.fill_up().await;
        let why = match look::look(site).await {
            Ok(framework) => {
                let first = site.framework.get_or_insert_with(|| framework.clone());
                assert_eq!(*first, framework, "it has registered as another framework");
                return start.elapsed();
            }
            Err(why) => why,
        };
        assert!(start.elapsed() < SETTLE_TIMEOUT, "not settled: {why}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// What was counted so far.
#[derive(Default)]
struct Books {
    lives: usize,
    own: usize,
    told: BTreeSet<String>,
    killed: usize,
    calls: usize,
    writes: usize,
    reigns: usize,
}

impl Books {
    /// Whoever ended did so by itself, or was killed by a mischief, or was superfluous.
    fn check_lives(&mut self, site: &Site, surplus: usize) {
        let alive = site.taskmanagers();
        let killed: BTreeSet<_> =
            site.killed.iter().map(|process| process.pid.as_raw().cast_unsigned()).collect();
        let lives = journal::read(&site.journal());
        let mut told = BTreeSet::new();
        (self.lives, self.own, self.killed) = (lives.len(), 0, 0);
        for ((task, pid), end) in &lives {
            match end {
                Some(End::Own) => self.own += 1,
                Some(End::Told) => drop(told.insert(task.clone())),
                None if alive.contains_key(pid) => {}
                None if killed.contains(pid) => self.killed += 1,
                None => panic!("{task} has ended without a word"),
            }
        }
        let now: Vec<_> = told.difference(&self.told).collect();
        assert!(now.len() <= surplus, "{now:?} were killed, {surplus} were superfluous");
        let log = site.mesos.log();
        for task in now {
            let ordered = log.contains(&format!("to be killed task={task:?}"));
            assert!(ordered, "{task} was killed, and no leader had ordered it");
        }
        self.told = told;
    }

    /// No older leader acts after a newer one.
    fn check_history(&mut self, site: &Site) {
        let (mesos, witnesses) = (site.mesos.log(), site.witnesses());
        // Its books are out of balance, or it has ended badly.
        assert!(!mesos.contains(" ERROR "), "{}", site.mesos.log_end());
        let mut lines = witnesses.iter().flat_map(|witness| witness.log.lines());
        assert_eq!(lines.find(|line| line.contains("panicked at")), None);
        let calls = history::calls(&mesos, &witnesses).unwrap_or_else(|error| panic!("{error}"));
        let logs: Vec<_> = (0..site.ensemble.len()).map(|index| site.ensemble.transactions(index)).collect();
        let committed = transactions::committed(&logs);
        let base = format!("/flink/mesos-workers{}", appmaster::CLUSTER_ID);
        let writes = history::writes(&committed, &base).unwrap_or_else(|error| panic!("{error}"));
        assert!(!calls.is_empty() && !writes.is_empty(), "there is a history");
        assert_none("calls", &calls);
        assert_none("writes", &writes);
        (self.calls, self.writes) = (calls.len(), writes.len());
        let mut all = [calls, writes].concat();
        all.sort();
        assert_none("calls and writes together", &all);
        self.reigns = all.iter().map(|act| act.place).collect::<BTreeSet<_>>().len();
    }

    fn told(&self) -> String {
        format!(
            "{} TaskManagers, {} of them ended by themselves, {} were killed by the test and {} superfluous; {} calls \
             and {} writes of {} leaders",
            self.lives,
            self.own,
            self.killed,
            self.told.len(),
            self.calls,
            self.writes,
            self.reigns
        )
    }
}

fn assert_none(what: &str, acts: &[Act]) {
    let relapse = history::first_relapse(acts);
    assert!(relapse.is_none(), "{what} of different leaders are interleaved: {relapse:?}");
}
