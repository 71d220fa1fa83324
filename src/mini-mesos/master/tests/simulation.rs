//! Random sequences of everything that can happen; the books balance after each step.

use super::world::{World, modern};
use crate::master::StreamId;
use crate::order::Order;
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::TaskId;
use mesos::wire::status::TaskState;

const RUNS: u64 = 60;
const STEPS: u32 = 250;
const FRAMEWORKS: usize = 3;

#[test]
fn the_books_balance_whatever_happens() {
    for seed in 0..RUNS {
        let mut run = Run::new(seed);
        for step in 0..STEPS {
            run.step(step);
            run.world.quietly();
            assert_eq!(run.world.master.check_books(), Ok(()), "seed {seed}, step {step}");
        }
    }
}

struct Run {
    world: World,
    random: fastrand::Rng,
    streams: Vec<Option<StreamId>>,
    tasks: u32,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut world = World::seeded("cpus(a):1;cpus:7;mem:2048;ports:[1-100]", seed);
        let subscribe = |_| Some(world.subscribe(modern(&["a", "b"])));
        let streams = (0..FRAMEWORKS).map(subscribe).collect();
        Self { world, random: fastrand::Rng::with_seed(seed), streams, tasks: 0 }
    }

    fn step(&mut self, step: u32) {
        let framework = self.random.usize(..FRAMEWORKS);
        match self.random.u8(..12) {
            0..4 => self.launch(framework),
            4 | 5 => self.decline(framework),
            6 | 7 => self.report(framework),
            8 => self.world.pass(self.random.u64(..3_000)),
            9 => drop(self.world.call(framework, Order::Revive(Vec::new()))),
            10 => drop(self.world.call(framework, Order::Suppress(vec!["b".to_owned()]))),
            _ => self.reconnect(framework, step),
        }
    }

    fn offers(&mut self, framework: usize) -> Vec<(String, String)> {
        let id = self.world.framework_id(framework);
        let last = |text: &str| text.rsplit('-').next().unwrap_or_default().to_owned();
        let ours = self.world.master.offers().filter(|offer| offer.framework == id);
        ours.map(|offer| (last(offer.id.text()), last(offer.agent.text()))).collect()
    }

    fn launch(&mut self, framework: usize) {
        let offers = self.offers(framework);
        let Some((offer, agent)) = self.random.choice(offers) else { return };
        self.tasks += 1;
        let (cpus, port) = (self.random.u32(1..20), self.random.u32(1..=100));
        let resources = format!("cpus:0.{cpus};mem:{};ports:[{port}-{port}]", self.random.u32(1..300));
        let task = self.world.task(&format!("t{}", self.tasks), &agent, &resources);
        self.world.launch(framework, &[&offer], vec![task]);
    }

    fn decline(&mut self, framework: usize) {
        let offers = self.offers(framework);
        if let Some((offer, _)) = self.random.choice(offers) {
            self.world.decline(framework, &offer, self.random.f64() * 5.0);
        }
    }

    fn report(&mut self, framework: usize) {
        let id = self.world.framework_id(framework);
        let Some(known) = self.world.master.frameworks().find(|known| known.id == id) else { return };
        if known.stream().is_none() {
            return;
        }
        let tasks: Vec<TaskId> = known.tasks.keys().cloned().collect();
        let Some(task) = self.random.choice(tasks) else { return };
        let agent = known.tasks[&task].agent.text().rsplit('-').next().unwrap_or_default().to_owned();
        let state = if self.random.bool() { TaskState::Running } else { TaskState::Failed };
        let uuid = self.world.report(framework, task.text(), state);
        if self.random.bool() {
            self.world.acknowledge(framework, &agent, task.text(), uuid);
        }
    }

    /// Goes, comes back, or takes over; in the end somebody is away too long.
    fn reconnect(&mut self, framework: usize, step: u32) {
        let id = self.world.framework_id(framework);
        match self.streams[framework].take() {
            Some(stream) if self.random.bool() => {
                self.world.master.handle_stream_closed(&stream, self.world.now);
                if step > STEPS / 2 {
                    self.world.pass(11_000);
                }
            }
            _ => {
                let info = FrameworkInfo { id: Some(id), ..modern(&["a", "b"]) };
                self.streams[framework] = Some(self.world.subscribe(info));
            }
        }
    }
}
