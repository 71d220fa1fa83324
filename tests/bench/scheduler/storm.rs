//! Many tasks change their state at once.

use base::time::Moment;
use bytes::Bytes;
use domain::record;
use mesos::event::Event;
use mesos::wire;
use mesos::wire::event::{EventType, Update};
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::{TaskState, TaskStatus};
use prost::Message as _;
use scheduler::{Action, Scheduler};

/// What the driver hands in at once, as far as it has come.
const BATCH: usize = 256;

/// For each number of tasks a storm of RUNNING and one of FAILED.
pub fn run(tasks: &[usize]) {
    println!("updates  state         total_ms  us/update  stores");
    for &tasks in tasks {
        for state in [TaskState::Running, TaskState::Failed] {
            let mut scheduler = crate::scheduler(tasks);
            let updates: Vec<_> = (1..=tasks).map(|number| update(number, state)).collect();
            let begin = crate::cpu_time();
            let stores: usize = updates.chunks(BATCH).map(|batch| hand_in(&mut scheduler, batch)).sum();
            let total_ms = crate::ms(crate::cpu_time() - begin);
            let each_us = total_ms * 1000.0 / f64::from(u32::try_from(tasks).expect("small"));
            println!("{tasks:>7}  {:<12} {total_ms:>9.2} {each_us:>10.2} {stores:>7}", state.name());
        }
    }
}

/// From bytes to bytes, what is stored included.
pub fn hand_in(scheduler: &mut Scheduler, batch: &[Bytes]) -> usize {
    let updates = batch.iter().map(|bytes| {
        let event = wire::event::Event::decode(bytes.as_ref()).expect("an event");
        let Ok(Event::Updated(update)) = Event::from_wire(event) else { panic!("no update") };
        update
    });
    let updates: Vec<_> = updates.collect();
    scheduler.handle_updates(&updates, Moment::START);
    scheduler.poll_timeout();
    let mut stores = 0;
    while let Some(action) = scheduler.next_action() {
        match action {
            Action::Send(call) => {
                call.into_wire(FrameworkId::new("framework")).encode_to_vec();
            }
            Action::Store(state) => {
                record::encode(&state).expect("writable");
                stores += 1;
            }
            Action::SubscribeAnew
            | Action::AskJobManager
            | Action::Note(_)
            | Action::End
            | Action::Fail(_) => {}
        }
    }
    stores
}

pub fn update(number: usize, state: TaskState) -> Bytes {
    let status = TaskStatus {
        task_id: Some(TaskId::new(format!("taskmanager-{number:05}"))),
        state: Some(state as i32),
        agent_id: Some(AgentId::new("agent")),
        uuid: Some(Bytes::from_static(&[7; 16])),
        ..TaskStatus::default()
    };
    let event = wire::event::Event {
        r#type: Some(EventType::Update as i32),
        update: Some(Update { status: Some(status) }),
        ..wire::event::Event::default()
    };
    event.encode_to_vec().into()
}
