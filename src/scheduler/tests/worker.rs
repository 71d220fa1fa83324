//! The AppMaster's worker in a run: a scheduler, what its driver and its client would do, and crashes.

use domain::state::State;
use std::sync::Arc;
use std::time::Duration;

use super::mutations::Mutation;
use super::parting::Parting;
use super::simulation::{Fate, Item, Run};
use crate::spec::Spec;
use crate::witness::Registered;
use crate::{Action, Effect, Note, Scheduler};
use base::time::Moment;
use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::event::Event;
use mesos::wire;
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use mesos::wire::id::FrameworkId;
use mini_mesos::master::{Answer, StreamId};

pub struct Worker {
    pub number: u32,
    pub scheduler: Scheduler,
    pub framework_id: Option<String>,
    pub is_suppressed: bool,
    pub stream: Option<StreamId>,
    pub is_subscribed: bool,
}

impl Run {
    pub(super) fn start_worker(&mut self) {
        if self.worker.is_some() {
            return;
        }
        self.workers += 1;
        let number = self.workers;
        if self.mutation == Mutation::ForgetTasksInCrash {
            self.stored.tasks.clear();
        }
        if self.mutation == Mutation::NameAgain {
            let last = self.stored.tasks.keys().filter_map(|id| State::task_number(id)).max();
            self.stored.task_counter = last.unwrap_or(0);
        }
        // Its configuration may have another role more or less.
        if self.script.is_none() && self.random.u8(..8) == 0 {
            let roles = ["*", "flink"].into_iter().take(self.random.usize(1..=2));
            self.spec.roles = roles.map(str::to_owned).collect();
        }
        self.restore_clusters();
        // Somebody may have asked for another number while no worker could hear it.
        for (name, stored) in &mut self.stored.groups {
            let said = self.spec.groups.get(name).map(|spec| spec.target);
            stored.scale = stored.scale.and(said);
        }
        let state = self.stored.clone();
        let told = self.spec.groups.iter().map(|(name, spec)| (name.clone(), self.told(spec)));
        let spec = Spec { groups: told.collect(), ..self.spec.clone() };
        self.worker = Some(Worker {
            number,
            framework_id: state.framework_id.clone(),
            scheduler: Scheduler::new(spec, state, self.random.u64(..), self.now),
            is_suppressed: true,
            stream: None,
            is_subscribed: false,
        });
        self.with_scheduler(|_| {});
        if self.parting == Some(Parting::TearDown) {
            self.with_scheduler(Scheduler::handle_ending);
        }
        self.begin_looking(number);
        let delay = Duration::from_millis(self.random.u64(..3_000));
        if self.spec.has_jobmanager {
            self.after(delay, Item::JobManagerListens { worker: number });
        }
        self.after(Duration::from_millis(100), Item::Subscribe { worker: number });
    }

    /// What a scheduler would do that does not keep its groups apart.
    fn confuse_groups(&mut self) {
        let Some(worker) = &mut self.worker else { return };
        match self.mutation {
            Mutation::ShareBackoff => worker.scheduler.share_holds(),
            Mutation::ServeByName => worker.scheduler.serve_by_name(),
            Mutation::EndByOutdated => worker.scheduler.take_all_for_current(),
            _ => {}
        }
    }

    /// It does nothing more from here on, whatever it had in mind.
    pub(super) fn leave(&mut self) {
        let Some(worker) = self.worker.take() else { return };
        self.oracle.crashed();
        if let Some(stream) = worker.stream {
            self.close(&stream);
        }
    }

    pub(super) fn crash(&mut self, how: &str) {
        if self.worker.is_none() {
            return;
        }
        self.excuse(5);
        self.log(|| format!("the worker crashes {how}"));
        self.leave();
        // Long enough at times for a short failover timeout to pass.
        let longest = if self.random.u8(..4) == 0 { 100_000 } else { 10_000 };
        let delay = Duration::from_millis(self.random.u64(100..longest));
        self.after(delay, Item::StartWorker);
    }

    pub(super) fn is_current(&self, number: u32) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.number == number)
    }

    pub(super) fn with_scheduler(&mut self, tell: impl FnOnce(&mut Scheduler)) {
        self.confuse_groups();
        self.forget_failures();
        let Some(worker) = &mut self.worker else { return };
        tell(&mut worker.scheduler);
        let mut actions = Vec::new();
        while let Some(action) = worker.scheduler.next_action() {
            actions.push(action);
        }
        self.mutate(&mut actions);
        for action in actions {
            if self.now < self.calm_from && self.random.u16(..400) == 0 {
                self.crash("between two actions");
                return;
            }
            if self.dies_over(&action) {
                return;
            }
            self.carry_out(action);
        }
        let checked = self.worker.as_ref().map_or(Ok(()), |worker| worker.scheduler.check());
        let judgement = checked.and_then(|()| self.oracle.settled());
        self.judge(judgement);
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Store(state) => {
                self.judge_stored(&state);
                // What ends with the cluster is none of the oracle's business.
                if self.parting != Some(Parting::TearDown) {
                    let judgement = self.oracle.stored(&self.stored, &state, &self.targets, &self.cluster);
                    self.judge(judgement);
                    let judgement = self.oracle.hearing.stored(&self.stored, &state, &self.targets, self.now);
                    self.judge(judgement);
                }
                self.stored = Arc::unwrap_or_clone(state);
            }
            Action::Send(call) => self.send(call),
            Action::SubscribeAnew => {
                let Some(worker) = &mut self.worker else { return };
                worker.framework_id = None;
                let number = worker.number;
                self.after(Duration::from_millis(10), Item::Subscribe { worker: number });
            }
            Action::AskJobManager if !self.spec.has_jobmanager => {}
            Action::AskJobManager => {
                let number = self.worker.as_ref().map_or(0, |worker| worker.number);
                let delay = Duration::from_millis(self.random.u64(1..3_000));
                self.after(delay, Item::JobManagerAsked { worker: number });
            }
            Action::Note(note) => {
                if matches!(note, Note::Registered { .. } | Note::ProbeRegistered { .. }) {
                    self.excuse(6);
                }
                self.log(|| format!("    {note}"));
            }
            Action::End if self.parting == Some(Parting::TearDown) => self.leave(),
            Action::End => self.violate("it ended by itself".to_owned()),
            Action::Fail(failure) => self.violate(format!("it gave up: {failure}")),
        }
    }

    fn send(&mut self, call: Call) {
        let judgement = self.oracle.sent(&call, &self.stored, &self.targets, &self.cluster);
        self.judge(judgement);
        self.judge_launch(&call);
        self.judge_clusters(&call);
        self.log(|| format!("  -> {call:.120?}"));
        let worker = self.worker.as_mut().expect("it has sent");
        let number = worker.number;
        let (Some(stream), Some(framework), true) =
            (worker.stream.clone(), worker.framework_id.clone(), worker.is_subscribed)
        else {
            self.after(Duration::ZERO, Item::CallFailed { worker: number, call, effect: Effect::None });
            return;
        };
        let fate = match self.random.u8(..100) {
            _ if self.now >= self.calm_from => Fate::Arrives,
            0 | 1 => Fate::ArrivesUnanswered,
            2 | 3 => Fate::IsLost,
            4 => Fate::IsRejected,
            _ => Fate::Arrives,
        };
        let at = self.call_at(&stream);
        self.at(at, Item::Call { stream, framework, call, fate });
    }

    pub(super) fn ask_jobmanager(&mut self, worker: u32) {
        let answer = match self.mutation {
            Mutation::DoNotAskJobManager => None,
            // What is heard is not looked at.
            Mutation::BelieveMesos => {
                let beat = i64::try_from(self.now.since(Moment::START).as_millis()).expect("a number");
                Some(self.stored.tasks.keys().map(|id| (id.clone(), beat)).collect())
            }
            Mutation::TakeSilenceForAnAnswer => {
                let answer = self.cluster.jobmanager.answer();
                if answer.is_none() {
                    let now = self.now;
                    self.with_scheduler(|scheduler| {
                        scheduler.handle_taskmanagers_heard(&Registered::new(), now);
                    });
                }
                answer
            }
            _ => self.cluster.jobmanager.answer(),
        };
        let Some(registered) = answer else { return };
        let delay = Duration::from_millis(if self.is_unlucky() { self.random.u64(1..8_000) } else { 1 });
        self.after(delay, Item::JobManagerAnswers { worker, registered });
    }

    pub(super) fn jobmanager_answers(&mut self, registered: &Registered) {
        self.log(|| format!("the JobManager hears {registered:?}"));
        let now = self.now;
        self.oracle.hearing.told(registered, now);
        let mut believed = registered.clone();
        if self.mutation == Mutation::CountTheUnheard {
            believed.extend(self.stored.tasks.keys().map(|id| (id.clone(), 0)));
        }
        self.with_scheduler(|scheduler| scheduler.handle_taskmanagers_heard(&believed, now));
        let Some(worker) = &self.worker else { return };
        let report = worker.scheduler.report(now);
        let judgement = self.oracle.hearing.counted(&report, &self.stored, &self.cluster);
        self.judge(judgement);
        self.judge_waits(&report);
    }

    pub(super) fn call_arrives(&mut self, stream: &StreamId, framework: &str, call: Call, fate: Fate) {
        let sender = self.worker.as_ref().filter(|worker| worker.stream.as_ref() == Some(stream));
        let sender = sender.map(|worker| worker.number);
        let fails = |run: &mut Self, call, effect| {
            if let Some(worker) = sender {
                run.after(Duration::from_millis(5), Item::CallFailed { worker, call, effect });
            }
        };
        match fate {
            Fate::IsLost => {}
            Fate::IsRejected => fails(self, call, Effect::None),
            Fate::Arrives | Fate::ArrivesUnanswered => {
                match self.cluster.call(framework, stream, call.clone(), self.now) {
                    None => fails(self, call, Effect::Unknown),
                    Some(Answer::Accepted | Answer::Done) if fate == Fate::Arrives => {
                        self.accepted(sender, &call);
                    }
                    Some(Answer::Accepted | Answer::Done) => fails(self, call, Effect::Unknown),
                    Some(Answer::Forbidden(_) | Answer::BadRequest(_)) => fails(self, call, Effect::None),
                    Some(other) => self.violate(format!("{} answered {other:?}", call.name())),
                }
            }
        }
    }

    /// What the client remembers for its next SUBSCRIBE.
    fn accepted(&mut self, sender: Option<u32>, call: &Call) {
        let sender = self.worker.as_mut().filter(|worker| Some(worker.number) == sender);
        match (sender, call) {
            (Some(worker), Call::Revive { .. } | Call::Suppress { .. }) => {
                worker.is_suppressed = matches!(call, Call::Suppress { .. });
            }
            (Some(_), Call::Teardown) => self.with_scheduler(Scheduler::handle_torn_down),
            _ => {}
        }
    }

    pub(super) fn subscribe(&mut self) {
        let Some(worker) = &mut self.worker else { return };
        if worker.stream.is_some() {
            return;
        }
        let number = worker.number;
        let capabilities = [
            CapabilityType::MultiRole,
            CapabilityType::ReservationRefinement,
            CapabilityType::PartitionAware,
            CapabilityType::TaskKillingState,
        ];
        let info = FrameworkInfo {
            user: Some("root".to_owned()),
            name: Some("Flink".to_owned()),
            id: worker.framework_id.as_ref().map(FrameworkId::new),
            checkpoint: Some(true),
            failover_timeout: Some(self.failover_timeout),
            roles: self.spec.roles.clone(),
            capabilities: capabilities.map(|kind| Capability { r#type: Some(kind as i32) }).to_vec(),
            ..FrameworkInfo::default()
        };
        let suppressed = if worker.is_suppressed { self.spec.roles.clone() } else { Vec::new() };
        match self.cluster.subscribe(info, suppressed, self.now) {
            Some(stream) => worker.stream = Some(stream),
            None => {
                let now = self.now;
                self.with_scheduler(|scheduler| scheduler.handle_unreachable("master:5050", "refused", now));
                let delay = Duration::from_millis(self.random.u64(300..4_000));
                self.after(delay, Item::Subscribe { worker: number });
            }
        }
    }

    pub(super) fn event(&mut self, stream: &StreamId, event: wire::event::Event) {
        let now = self.now;
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.stream.as_ref() == Some(stream))
        else {
            return;
        };
        let event = Event::from_wire(event).expect("a usable event");
        match event {
            Event::Subscribed { framework_id, .. } => {
                worker.is_subscribed = true;
                worker.framework_id = Some(framework_id.text().to_owned());
                self.with_scheduler(|scheduler| scheduler.handle_subscribed(framework_id.text(), now));
            }
            Event::Failed(message) => {
                let refusal = Refusal::from_error(message);
                worker.stream = None;
                worker.is_subscribed = false;
                self.log(|| format!("refused: {refusal}"));
                if self.mutation != Mutation::StayRemoved {
                    self.with_scheduler(|scheduler| scheduler.handle_refused("m:5050", &refusal, now));
                }
            }
            Event::Offers(offers) => {
                let before = worker.scheduler.state().clone();
                self.log(|| format!("offers: {}", offers.len()));
                self.with_scheduler(|scheduler| scheduler.handle_offers(&offers, now));
                self.judge_turns(&before);
            }
            Event::InverseOffers(offers) => {
                self.log(|| format!("inverse offers: {}", offers.len()));
                self.with_scheduler(|scheduler| scheduler.handle_inverse_offers(&offers, now));
            }
            Event::Failure { agent_id: Some(agent_id), executor_id: None, .. } => {
                self.log(|| format!("failure of {}", agent_id.text()));
                self.with_scheduler(|scheduler| scheduler.handle_agent_failed(agent_id.text(), now));
            }
            Event::Updated(update) => {
                self.log(|| {
                    format!("update: {} {:?} {:?}", update.task_id.text(), update.state, update.reason)
                });
                self.oracle.handed_in(&update);
                self.count_in_spell(&update);
                let ending = self.ends_with(&update);
                self.with_scheduler(|scheduler| scheduler.handle_update(&update, now));
                self.judge_end(ending);
            }
            _ => {}
        }
    }

    pub(super) fn stream_ends(&mut self, stream: &StreamId) {
        let now = self.now;
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.stream.as_ref() == Some(stream))
        else {
            return;
        };
        worker.stream = None;
        worker.is_subscribed = false;
        let number = worker.number;
        // Calls under way may or may not arrive; nobody will tell.
        let mut failed = Vec::new();
        for item in self.queue.values_mut() {
            if let Item::Call { stream: other, call, fate, .. } = item
                && other == stream
            {
                failed.push(call.clone());
                *fate = if self.random.bool() { Fate::IsLost } else { *fate };
            }
        }
        self.with_scheduler(|scheduler| scheduler.handle_disconnected("end of stream", now));
        for call in failed {
            self.after(Duration::ZERO, Item::CallFailed { worker: number, call, effect: Effect::Unknown });
        }
        let delay = Duration::from_millis(self.random.u64(100..3_000));
        self.after(delay, Item::Subscribe { worker: number });
    }

    pub(super) fn close(&mut self, stream: &StreamId) {
        self.queue.retain(|_, item| !matches!(item, Item::Event { stream: other, .. } if other == stream));
        self.cluster.close(stream, self.now);
    }
}
