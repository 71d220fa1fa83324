//! How long the scheduler takes for a round of offers, from the bytes of the event to the bytes of the calls.
//!
//! `bench-scheduler [ROUNDS]` prints one line per number of agents: as many tasks are known as there are agents, all of
//! which are offered at once, and a tenth as many are to be placed. Then a storm of updates, one of each task, and what
//! the connection takes for the same offers and calls. `scripts/bench scheduler` runs it.
//!
//! `bench-scheduler status` is another measurement, which `scripts/bench status` runs.

#[path = "scheduler/connection.rs"]
mod connection;
#[path = "scheduler/storm.rs"]
mod storm;
#[path = "scheduler/view.rs"]
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::Moment;
use bytes::{Bytes, BytesMut};
use domain::group::GroupName;
use domain::need::{Milli, Need};
use domain::record;
use domain::state::{State, TaskRecord};
use mesos::event::Event;
use mesos::recordio::{self, Decoder};
use mesos::wire;
use mesos::wire::event::{EventType, Offers};
use mesos::wire::id::{AgentId, FrameworkId, OfferId};
use mesos::wire::offer::Offer;
use mesos::wire::resource::{AllocationInfo, Attribute, Range, Ranges, Resource, Scalar, Text, ValueType};
use nix::time::{ClockId, clock_gettime};
use prost::Message as _;
use scheduler::spec::{Delivery, GroupSpec, Host, Own, Patience, Placement, Spec, Template, TooMany};
use scheduler::{Action, Scheduler};

const AGENTS: [usize; 3] = [100, 1_000, 10_000];

/// What the issue asks of 10,000 agents.
const AIM: Duration = Duration::from_millis(25);

/// Spans of one round.
#[derive(Clone, Copy, Default)]
struct Spans {
    decode: Duration,
    decide: Duration,
    encode: Duration,
    /// The state in the form in which it is stored, not counted in the round.
    store: Duration,
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("status") {
        return view::run();
    }
    let rounds: usize = std::env::args().nth(1).map_or(5, |text| text.parse().expect("a number of rounds"));
    println!(
        "agents  tasks  placed  round_ms  offers/s  decode_ms  decide_ms  encode_ms  store_ms  memory_MiB"
    );
    let mut totals = Vec::new();
    for agents in AGENTS {
        let bytes = offers(agents);
        let before = memory::forget_peak();
        let mut spans: Vec<_> = (0..rounds).map(|_| round(agents, &bytes)).collect();
        let peak = memory::peak_mib() - before;
        spans.sort_by_key(|spans| spans.total());
        let median = spans[rounds / 2];
        let total = median.total();
        totals.push(total);
        println!(
            "{agents:>6} {agents:>6} {:>7} {:>9.2} {:>9.0} {:>10.2} {:>10.2} {:>10.2} {:>9.2} {:>9.1}",
            agents / 10,
            ms(total),
            f64::from(u32::try_from(agents).expect("small")) / total.as_secs_f64(),
            ms(median.decode),
            ms(median.decide),
            ms(median.encode),
            ms(median.store),
            peak,
        );
    }
    // n log n from 1,000 to 10,000 is a factor of 13.3.
    let growth = totals[2].as_secs_f64() / totals[1].as_secs_f64();
    println!("growth from 1,000 to 10,000 agents: {growth:.1} times; n log n would be 13.3");
    println!("aim for 10,000 agents: {} ms, measured {:.1} ms", AIM.as_millis(), ms(totals[2]));
    storm::run(&AGENTS);
    connection::run(&AGENTS);
}

fn round(agents: usize, bytes: &Bytes) -> Spans {
    let mut scheduler = scheduler(agents);
    let mut decoder = Decoder::default();
    let now = Moment::START + Duration::from_secs(1);

    let begin = cpu_time();
    decoder.push(bytes.clone());
    let record = decoder.next_record().expect("a record").expect("whole");
    let event = Event::from_wire(wire::event::Event::decode(record).expect("an event")).expect("usable");
    let Event::Offers(offers) = event else { panic!("no offers") };
    let decode = cpu_time() - begin;

    let begin = cpu_time();
    scheduler.handle_offers(&offers, now);
    let actions: Vec<_> = std::iter::from_fn(|| scheduler.next_action()).collect();
    let decide = cpu_time() - begin;

    let (mut encode, mut store, mut launched) = (Duration::ZERO, Duration::ZERO, 0);
    for action in actions {
        let begin = cpu_time();
        match action {
            Action::Send(call) => {
                let bytes = call.into_wire(FrameworkId::new("framework")).encode_to_vec();
                launched += usize::from(bytes.len() > 1000);
                encode += cpu_time() - begin;
            }
            Action::Store(state) => {
                record::encode(&state).expect("writable");
                store += cpu_time() - begin;
            }
            Action::SubscribeAnew
            | Action::AskJobManager
            | Action::Note(_)
            | Action::End
            | Action::Fail(_) => {}
        }
    }
    assert!(launched > 0, "nothing was launched");
    Spans { decode, decide, encode, store }
}

/// One that knows as many tasks as there are agents and wants a tenth more.
fn scheduler(agents: usize) -> Scheduler {
    let tasks: BTreeMap<_, _> = (1..=agents)
        .map(|number| {
            let agent = number % agents;
            (
                format!("taskmanager-{number:05}"),
                TaskRecord::new(format!("agent-{agent}"), format!("host-{agent}")),
            )
        })
        .collect();
    let state = State {
        framework_id: Some("framework".into()),
        task_counter: agents as u64,
        tasks,
        ..State::default()
    };
    let scalars = [("cpus", 2_000), ("mem", 4_096_000)];
    let taskmanagers = GroupSpec {
        noun: "TaskManager",
        generation: 0,
        is_paused: false,
        waits_for_ends: false,
        role: None,
        need: Need {
            scalars: scalars.iter().map(|(name, amount)| ((*name).to_owned(), Milli(*amount))).collect(),
            ports: 2,
        },
        template: Template {
            program: "/usr/bin/flink-on-mesos".into(),
            arguments: ["flink-on-mesos", "taskmanager", "--artifacts", "http://appmaster:40000"]
                .map(str::to_owned)
                .to_vec(),
            own: Own::of_taskmanager(
                Some(Host::Agent),
                &["taskmanager.rpc.port", "taskmanager.data.port"].map(str::to_owned),
            ),
            delivery: Some(Delivery::default()),
            ..Template::default()
        }
        .into(),
        placement: Placement::Spread,
        hard: Vec::new(),
        soft: Vec::new(),
        target: u32::try_from(agents + agents / 10).expect("small"),
        follows_jobs: false,
        gang: None,
        relaunch: GroupSpec::RELAUNCH,
        max_failures: None,
        failures_within: None,
        after_too_many: TooMany::EndFramework,
        final_codes: Vec::new(),
    };
    let spec = Spec {
        groups: BTreeMap::from([(GroupName::TASKMANAGERS, taskmanagers)]),
        has_jobmanager: true,
        roles: vec!["*".into()],
        identity: String::new(),
        silence: String::new(),
        refuse: Duration::from_secs(5),
        kill_grace: Duration::from_secs(30),
        epoch: Duration::ZERO,
        patience: Patience::default(),
    };
    let mut scheduler = Scheduler::new(spec, state, 1, Moment::START);
    scheduler.handle_jobmanager_listening(Moment::START);
    scheduler.handle_subscribed("framework", Moment::START);
    while scheduler.next_action().is_some() {}
    scheduler
}

/// An OFFERS event with one offer of each agent, framed as on the stream.
fn offers(agents: usize) -> Bytes {
    let offers: Vec<_> = (0..agents)
        .map(|agent| {
            let rack = Text { value: Some(format!("r{}", agent % 40)) };
            Offer {
                id: Some(OfferId::new(format!("8e0a7a4c-1d9b-4d3e-9d0f-3a8f5b3a1c11-O{agent}"))),
                framework_id: Some(FrameworkId::new("framework")),
                agent_id: Some(AgentId::new(format!("agent-{agent}"))),
                hostname: Some(format!("host-{agent}")),
                resources: wire::encoded(&resources()),
                attributes: wire::encoded(&[Attribute {
                    name: Some("rack".into()),
                    r#type: Some(ValueType::Text as i32),
                    text: Some(rack),
                    ..Attribute::default()
                }]),
                allocation_info: Some(AllocationInfo { role: Some("*".into()) }),
                ..Offer::default()
            }
        })
        .collect();
    let event = wire::event::Event {
        r#type: Some(EventType::Offers as i32),
        offers: Some(Offers { offers: wire::encoded(&offers) }),
        ..wire::event::Event::default()
    };
    let mut stream = BytesMut::new();
    recordio::encode(&event.encode_to_vec(), &mut stream);
    stream.freeze()
}

fn resources() -> Vec<Resource> {
    let scalar = |name: &str, value: f64| Resource {
        name: Some(name.into()),
        r#type: Some(ValueType::Scalar as i32),
        scalar: Some(Scalar { value: Some(value) }),
        allocation_info: Some(AllocationInfo { role: Some("*".into()) }),
        ..Resource::default()
    };
    let range = vec![Range { begin: Some(31_000), end: Some(32_000) }];
    let ports = Resource {
        name: Some("ports".into()),
        r#type: Some(ValueType::Ranges as i32),
        ranges: Some(Ranges { range }),
        allocation_info: Some(AllocationInfo { role: Some("*".into()) }),
        ..Resource::default()
    };
    vec![scalar("cpus", 16.0), scalar("mem", 65_536.0), scalar("disk", 500_000.0), ports]
}

impl Spans {
    fn total(self) -> Duration {
        self.decode + self.decide + self.encode
    }
}

/// What this thread has had of its core: others on the machine do not count.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux").into()
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// As the kernel counts it, in MiB.
mod memory {
    use std::fs;

    /// The peak starts anew; answers what is held now.
    pub fn forget_peak() -> f64 {
        fs::write("/proc/self/clear_refs", "5").expect("Linux");
        mib("VmRSS:")
    }

    pub fn peak_mib() -> f64 {
        mib("VmHWM:")
    }

    fn mib(name: &str) -> f64 {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("a value");
        let kib: f64 = value.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024.0
    }
}
