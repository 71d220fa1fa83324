//! The driver with a client that knows no master, and a store that waits for the test.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::sync::{Semaphore, watch};
use tokio::task::{LocalSet, spawn_local};

use domain::demand::Asked;
use domain::group::GroupName;
use domain::state::{State, TaskRecord};
use mesos::address::Scheme;
use mesos::client::{self, Config, Masters, Trust};

use super::super::report::Report;
use super::super::spec::Spec;
use super::super::token;
use super::requests::{Requests, open};
use super::*;

const SECRET: [u8; 32] = [7; 32];

/// Each write waits for a permit.
#[derive(Clone)]
struct Held {
    permits: Arc<Semaphore>,
    written: Arc<Mutex<Vec<State>>>,
}

impl Store for Held {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        Ok(None)
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        self.permits.acquire().await.expect("it is open").forget();
        self.written.lock().expect("no panic").push(state.clone());
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Kinds(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Kinds {
    fn noted(&self, note: &Note) {
        self.0.lock().expect("no panic").push(note.kind());
    }

    fn handled(&self, _: Duration) {}

    fn stored(&self, _: Duration) {}
}

struct Site {
    facts: Facts,
    requests: Requests,
    store: Held,
    noted: Kinds,
    /// Keeps the client waiting for a master.
    _leader: watch::Sender<Option<mesos::address::Master>>,
}

impl Site {
    /// On the current `LocalSet`.
    fn start(facts: Facts, spec: Spec, tasks: usize) -> Self {
        let (_leader, leader) = watch::channel(None);
        let framework = FrameworkInfo::default();
        let (calls, reports) = client::start(Config {
            masters: Masters::Detected { leader, scheme: Scheme::Http },
            framework: framework.clone(),
            suppressed_roles: Vec::new(),
            credentials: None,
            lease: base::lease::Lease::unlimited(),
            trust: Trust::System,
        })
        .expect("a client");
        let (requests, doorkeeper, _) = open(&facts, None);
        let store = Held { permits: Arc::new(Semaphore::new(0)), written: Arc::default() };
        let record = |number| (id(number), TaskRecord::new("a".to_owned(), "h".to_owned()));
        let state =
            State { token_secret: SECRET, tasks: (0..tasks).map(record).collect(), ..State::default() };
        let (clock, noted) = (Clock::start(), Kinds::default());
        let driver = Driver {
            scheduler: Scheduler::new(spec, state, 1, clock.now()),
            clock,
            calls,
            reports,
            facts: facts.clone(),
            requests: doorkeeper.admit(),
            jobmanager: mpsc::channel(1).0,
            store: store.clone(),
            observer: Arc::new(noted.clone()),
            framework,
        };
        spawn_local(driver.run());
        Self { facts, requests, store, noted, _leader }
    }

    async fn report(&self) -> Report {
        self.requests.report().await.expect("a report")
    }

    async fn redeem(requests: Requests, task_id: String) -> bool {
        let token = token::of(&SECRET, &task_id);
        requests.ask(|reply| Request::Redeem { task_id, token, reply }).await.expect("an answer")
    }
}

fn id(number: usize) -> String {
    format!("taskmanager-{number:05}")
}

fn wish(target: u32) -> Wish {
    Wish { least: target, most: target, idle: BTreeSet::new(), asked: Asked::default() }
}

#[tokio::test]
async fn what_was_a_fact_before_it_starts_is_there_after() {
    LocalSet::new()
        .run_until(async {
            let facts = Facts::default();
            facts.jobmanager_listens.send_replace(true);
            facts.demanded.send_replace(Some(wish(3)));
            for _reign in 1..=2 {
                let spec = Spec::of_one_cpu(0).with(|taskmanagers| taskmanagers.follows_jobs = true);
                let site = Site::start(facts.clone(), spec, 0);
                site.store.permits.add_permits(1);
                assert_eq!(site.report().await.target, 3);
                let noted = site.noted.0.lock().expect("no panic").clone();
                assert!(noted.contains(&Note::JobManagerListening.kind()), "{noted:?}");
            }
        })
        .await;
}

#[tokio::test]
async fn of_what_changes_while_it_is_busy_it_sees_the_last() {
    LocalSet::new()
        .run_until(async {
            let spec = Spec::of_one_cpu(0).with(|taskmanagers| taskmanagers.follows_jobs = true);
            let site = Site::start(Facts::default(), spec, 0);
            assert_eq!(site.report().await.target, 0);
            for target in 1..=3 {
                site.facts.demanded.send_replace(Some(wish(target)));
                if target == 1 {
                    // It waits for the store.
                    let asking = site.requests.clone();
                    let unanswered = tokio::time::timeout(Duration::from_millis(50), asking.report()).await;
                    unanswered.expect_err("it waits for the store");
                }
            }
            site.store.permits.add_permits(2);
            assert_eq!(site.report().await.target, 3);
            let written: Vec<_> = site
                .store
                .written
                .lock()
                .expect("no panic")
                .iter()
                .map(|state| state.group(&GroupName::TASKMANAGERS).demanded)
                .collect();
            assert_eq!(written, [Some(1), Some(3)]);
        })
        .await;
}

#[tokio::test]
async fn a_thousand_tokens_at_once_are_redeemed_with_a_few_writes() {
    const TASKS: usize = 1_000;
    LocalSet::new()
        .run_until(async {
            let site = Site::start(Facts::default(), Spec::of_one_cpu(0), TASKS);
            let asked: Vec<_> =
                (0..TASKS).map(|task| spawn_local(Site::redeem(site.requests.clone(), id(task)))).collect();
            site.store.permits.add_permits(TASKS);
            for answer in asked {
                assert!(answer.await.expect("no panic"));
            }
            let writes = site.store.written.lock().expect("no panic").len();
            assert!(writes <= TASKS / REQUESTS_AT_ONCE + 3, "{writes} writes");
            assert!(!Site::redeem(site.requests.clone(), id(0)).await, "once for each");
        })
        .await;
}

#[tokio::test]
async fn a_token_whose_answer_nobody_awaits_can_be_redeemed_again() {
    LocalSet::new()
        .run_until(async {
            let site = Site::start(Facts::default(), Spec::of_one_cpu(0), 2);
            // The first is about to be stored, the second waits in line.
            for task in [0, 1] {
                let asked = Site::redeem(site.requests.clone(), id(task));
                tokio::time::timeout(Duration::from_millis(50), asked)
                    .await
                    .expect_err("it waits for the store");
            }
            site.store.permits.add_permits(16);
            for task in [0, 1] {
                assert!(Site::redeem(site.requests.clone(), id(task)).await, "{task}");
            }
        })
        .await;
}
