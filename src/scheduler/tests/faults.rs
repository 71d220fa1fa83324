//! What goes wrong during a run, chosen at random.

use std::time::Duration;

use super::cluster::Link;
use super::jobmanager::Mood;
use super::simulation::{Item, Run};
use base::time::Moment;
use mesos::wire::id::AgentId;
use mesos::wire::time::{DurationInfo, TimeInfo, Unavailability};
use mini_mesos::agent::{End, ProcessEvent};
use mini_mesos::master::{
    AgentTarget, DrainTarget, FrameworkTarget, MachineId, OperatorCall, Registry, Schedule, ScheduleUpdate,
    Window,
};

impl Run {
    pub fn fault(&mut self) {
        if self.now >= self.calm_from {
            return;
        }
        match self.random.u8(..23) {
            // Who runs clusters has no JobManager, and its groups are as users want them.
            8 | 13..=16 | 19..=22 if self.dispatched.is_some() => self.end_process(),
            0 => self.crash("by a fault"),
            1 => self.cut_stream(),
            2 => self.master_dies(),
            3 | 4 => self.lose_host(),
            5 | 6 => self.cluster.rescind(),
            7 => self.end_process(),
            8 => self.scale(),
            9 if self.random.u8(..4) == 0 => self.tear_down(),
            10 => self.drain(),
            11 => self.plan_maintenance(),
            12 if self.random.bool() => self.dismiss_host(),
            13 | 14 => self.freeze_process(),
            15 => self.upset_jobmanager(),
            16 if self.random.bool() => self.fail_jobmanager_over(),
            17 | 18 => self.begin_spell(),
            19 => self.regroup(),
            20 => self.renew(),
            21 => self.replace(),
            22 => self.outdate(),
            _ => {}
        }
        self.carry();
        let delay = Duration::from_millis(self.random.u64(200..30_000));
        self.after(delay, Item::Fault);
    }

    /// What operators have done is undone, and there is room for all.
    pub fn calm(&mut self) {
        if self.cluster.master().is_none() {
            self.after(Duration::from_secs(5), Item::Calm);
            return;
        }
        self.log(|| "calm".to_owned());
        self.end_spell();
        self.unpause_all();
        self.cluster.jobmanager.set_mood(Mood::Well);
        for host in 0..self.cluster.hosts.len() {
            let agent_id = self.cluster.agent_id(host);
            self.operate(OperatorCall::ReactivateAgent { reactivate_agent: target(agent_id) });
        }
        self.operate(schedule(Vec::new()));
        // One may be lost to what was declared gone; several groups need more than one.
        self.after(Duration::ZERO, Item::NewHost);
        self.after(Duration::ZERO, Item::NewHost);
    }

    pub fn start_master(&mut self) {
        // One that lost its registry knows no agent.
        let registry = if self.random.u8(..3) == 0 { Registry::Lost } else { Registry::Kept };
        self.log(|| format!("a new master, registry {registry:?}"));
        let waiting: Vec<_> = self.hosts(Link::Up).collect();
        self.cluster.start_master(registry, self.now);
        for host in waiting {
            let seconds = if self.random.u8(..6) == 0 { 120 } else { 30 };
            let delay = Duration::from_millis(self.random.u64(..seconds * 1000));
            self.after(delay, Item::Mend { host });
        }
    }

    fn hosts(&self, link: Link) -> impl Iterator<Item = usize> {
        let hosts = self.cluster.hosts.iter().enumerate();
        hosts.filter(move |(_, host)| host.link == link).map(|(number, _)| number)
    }

    fn cut_stream(&mut self) {
        if let Some(stream) = self.worker.as_ref().and_then(|worker| worker.stream.clone()) {
            self.log(|| "the stream is cut".to_owned());
            self.close(&stream);
            self.stream_ends(&stream);
        }
    }

    pub(super) fn master_dies(&mut self) {
        self.excuse(3);
        if self.cluster.master().is_none() {
            return;
        }
        self.log(|| "the master dies".to_owned());
        for stream in self.cluster.stop_master() {
            self.queue
                .retain(|_, item| !matches!(item, Item::Event { stream: other, .. } if *other == stream));
            self.stream_ends(&stream);
        }
        let delay = Duration::from_millis(self.random.u64(500..20_000));
        self.after(delay, Item::StartMaster);
    }

    fn lose_host(&mut self) {
        self.excuse(3);
        let hosts: Vec<_> = self.hosts(Link::Up).collect();
        let Some(host) = self.random.choice(hosts) else { return };
        if self.random.u8(..4) == 0 {
            self.log(|| format!("h{host} dies"));
            self.cluster.end_host(host);
            self.after(Duration::from_secs(60), Item::NewHost);
        } else {
            let is_whole = self.random.bool();
            self.log(|| format!("h{host} is cut off{}", if is_whole { " from all" } else { "" }));
            self.cluster.cut(host, is_whole);
            let longest = if self.random.bool() { 70 } else { 300 };
            let delay = Duration::from_secs(self.random.u64(1..longest));
            self.after(delay, Item::Mend { host });
        }
        if self.random.bool() {
            self.cluster.notice(host, self.now);
        }
    }

    pub(super) fn end_process(&mut self) {
        let running = self.cluster.running();
        if let Some((host, container)) = self.random.choice(running) {
            self.log(|| format!("a process on h{host} ends"));
            let event = ProcessEvent::Ended(End::Exited(i32::from(self.random.bool())));
            self.cluster.process(host, &container, event, self.now);
        }
    }

    /// Before or after it has registered, for a while or for good.
    fn freeze_process(&mut self) {
        let running = self.cluster.running();
        let Some((host, container)) = self.random.choice(running) else { return };
        self.log(|| format!("a process on h{host} freezes"));
        self.cluster.freeze(host, &container, true);
        if self.random.bool() {
            let delay = Duration::from_secs(self.random.u64(1..200));
            self.after(delay, Item::Thaw { host, container });
        }
    }

    /// Its answers are wrong for a while, at times for longer than anything is waited for.
    fn upset_jobmanager(&mut self) {
        let heard: Vec<_> = self.cluster.jobmanager.truth().into_keys().collect();
        let mood = match self.random.u8(..5) {
            0 => Mood::Stopped,
            1 => Mood::OutOfReach,
            2 => Mood::Forgetful(None),
            3 => Mood::Forgetful(self.random.choice(heard)),
            _ => Mood::Stale(self.cluster.jobmanager.truth()),
        };
        self.log(|| format!("the JobManager is {mood:?}"));
        self.cluster.jobmanager.set_mood(mood);
        let longest = if self.random.u8(..4) == 0 { 600 } else { 60 };
        let delay = Duration::from_secs(self.random.u64(1..longest));
        self.after(delay, Item::JobManagerRecovers);
    }

    fn fail_jobmanager_over(&mut self) {
        self.log(|| "another JobManager leads".to_owned());
        let within = Duration::from_secs(self.random.u64(1..20));
        self.cluster.jobmanager.fail_over(within, self.now);
        let now = self.now;
        if self.random.bool() {
            self.with_scheduler(|scheduler| scheduler.handle_jobmanager_changed(now));
        }
    }

    fn tear_down(&mut self) {
        self.excuse(3);
        if let Some(framework_id) = self.cluster.subscribed() {
            self.operate(OperatorCall::Teardown { teardown: FrameworkTarget { framework_id } });
        }
    }

    fn drain(&mut self) {
        self.excuse(3);
        let hosts: Vec<_> = self.hosts(Link::Up).collect();
        let Some(host) = self.random.choice(hosts) else { return };
        let agent_id = self.cluster.agent_id(host);
        let mark_gone = self.random.u8(..3) == 0;
        let max_grace_period =
            self.random.bool().then_some(DurationInfo { nanoseconds: Some(5_000_000_000) });
        if mark_gone {
            self.cluster.hosts[host].is_written_off = true;
            self.after(Duration::from_secs(60), Item::NewHost);
        } else {
            let call = OperatorCall::ReactivateAgent { reactivate_agent: target(agent_id.clone()) };
            let delay = Duration::from_secs(self.random.u64(10..200));
            self.after(delay, Item::Operate { call });
        }
        let drain_agent = DrainTarget { agent_id, max_grace_period, mark_gone };
        self.operate(OperatorCall::DrainAgent { drain_agent });
    }

    fn plan_maintenance(&mut self) {
        self.excuse(3);
        let host = self.random.usize(..self.cluster.hosts.len());
        let begin = self.now + Duration::from_secs(self.random.u64(..1200));
        let nanoseconds = i64::try_from(begin.since(Moment::START).as_nanos()).ok();
        let window = Window {
            machine_ids: vec![MachineId { hostname: Some(format!("h{host}")), ip: None }],
            unavailability: Unavailability { start: Some(TimeInfo { nanoseconds }), duration: None },
        };
        let windows = if self.random.u8(..4) == 0 { Vec::new() } else { vec![window] };
        self.operate(schedule(windows));
    }

    /// Its agent leaves, loses its memory or is declared gone.
    fn dismiss_host(&mut self) {
        self.excuse(3);
        let host = self.random.usize(..self.cluster.hosts.len());
        self.log(|| format!("h{host} is dismissed"));
        match self.random.u8(..3) {
            0 => self.cluster.replace_agent(host, self.now),
            1 => {
                self.cluster.unregister(host, self.now);
                self.after(Duration::from_secs(60), Item::NewHost);
            }
            _ => {
                self.cluster.hosts[host].is_written_off = true;
                let mark_agent_gone = target(self.cluster.agent_id(host));
                self.operate(OperatorCall::MarkAgentGone { mark_agent_gone });
                self.after(Duration::from_secs(60), Item::NewHost);
            }
        }
    }

    fn operate(&mut self, call: OperatorCall) {
        self.after(Duration::ZERO, Item::Operate { call });
    }
}

fn target(agent_id: AgentId) -> AgentTarget {
    AgentTarget { agent_id }
}

fn schedule(windows: Vec<Window>) -> OperatorCall {
    let update_maintenance_schedule = ScheduleUpdate { schedule: Schedule { windows } };
    OperatorCall::UpdateMaintenanceSchedule { update_maintenance_schedule }
}
