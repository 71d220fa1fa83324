//! The scheduler with its driver, and no JobManager.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::time::Clock;
use domain::group::GroupName;
use domain::need::Need;
use domain::state::State;
use domain::store::Store;
use mesos::client::{Calls, Reports};
use mesos::wire::framework::FrameworkInfo;
use scheduler::Scheduler;
use scheduler::driver::Driver;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests::{self, Requests};
use scheduler::spec::{Delivery, GroupSpec, Patience, Placement, Spec, Template, TooMany};
use tokio::sync::mpsc;

/// For `target` TaskManagers that fetch nothing.
pub fn spec(target: u32, need: Need, template: Template) -> Spec {
    let taskmanagers = GroupSpec {
        noun: "TaskManager",
        generation: 0,
        is_paused: false,
        waits_for_ends: false,
        role: None,
        need,
        template: Template { delivery: Some(Delivery::default()), ..template }.into(),
        placement: Placement::Spread,
        hard: Vec::new(),
        soft: Vec::new(),
        target,
        follows_jobs: false,
        gang: None,
        relaunch: GroupSpec::RELAUNCH,
        max_failures: None,
        failures_within: None,
        after_too_many: TooMany::EndFramework,
        final_codes: Vec::new(),
    };
    Spec {
        groups: BTreeMap::from([(GroupName::TASKMANAGERS, taskmanagers)]),
        has_jobmanager: true,
        roles: Vec::new(),
        identity: String::new(),
        silence: String::new(),
        refuse: Duration::from_secs(5),
        kill_grace: Duration::from_secs(2),
        patience: Patience::default(),
        epoch: Duration::ZERO,
    }
}

/// With a JobManager that listens, and answers nothing that it is asked.
pub fn driver<S: Store>(
    spec: Spec,
    state: State,
    store: S,
    (calls, reports): (Calls, Reports),
    framework: FrameworkInfo,
) -> (Driver<S>, Facts, Requests) {
    let clock = Clock::start();
    let scheduler = Scheduler::new(spec, state, 1, clock.now());
    let (jobmanager, _) = mpsc::channel(1);
    let facts = Facts::default();
    facts.jobmanager_listens.send_replace(true);
    let (requests, doorkeeper, _) = requests::open(&facts, None);
    let driver = Driver {
        scheduler,
        clock,
        calls,
        reports,
        facts: facts.clone(),
        requests: doorkeeper.admit(),
        jobmanager,
        store,
        observer: Arc::new(()),
        framework,
    };
    (driver, facts, requests)
}
