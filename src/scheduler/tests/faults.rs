//! What goes wrong during a run, chosen at random.

use std::time::Duration;

use super::cluster::{Link, UNREACHABLE_AFTER};
use super::mutations::Mutation;
use super::simulation::{Item, Run};
use crate::local::agent::{End, ProcessEvent};

impl Run {
    pub fn fault(&mut self) {
        if self.now >= self.calm_from {
            return;
        }
        match self.random.u8(..10) {
            0 => self.crash("by a fault"),
            1 => self.cut_stream(),
            2 => self.master_dies(),
            3 | 4 => self.lose_host(),
            5 | 6 => self.rescind(),
            7 => self.end_process(),
            8 => self.scale(),
            9 if self.random.u8(..4) == 0 => {
                self.log(|| "an operator tears the framework down".to_owned());
                self.cluster.tear_down(self.now);
            }
            _ => {}
        }
        self.carry();
        let delay = Duration::from_millis(self.random.u64(200..30_000));
        self.after(delay, Item::Fault);
    }

    fn cut_stream(&mut self) {
        if let Some(stream) = self.worker.as_ref().and_then(|worker| worker.stream.clone()) {
            self.log(|| "the stream is cut".to_owned());
            self.close(&stream);
            self.stream_ends(&stream);
        }
    }

    fn master_dies(&mut self) {
        if self.cluster.master.is_none() {
            return;
        }
        self.log(|| "the master dies".to_owned());
        for stream in self.cluster.stop_master(self.now) {
            self.queue
                .retain(|_, item| !matches!(item, Item::Event { stream: other, .. } if *other == stream));
            self.stream_ends(&stream);
        }
        let delay = Duration::from_millis(self.random.u64(500..20_000));
        self.after(delay, Item::StartMaster);
    }

    fn lose_host(&mut self) {
        let host = self.random.usize(..self.cluster.hosts.len());
        if self.cluster.hosts[host].link != Link::Up {
            return;
        }
        let since = self.now;
        self.after(UNREACHABLE_AFTER, Item::Unreachable { host, since });
        if self.random.u8(..4) == 0 {
            self.log(|| format!("host-{host} dies"));
            self.cluster.cut(host, Link::Dead, self.now);
            self.after(Duration::from_secs(60), Item::NewHost);
        } else {
            self.log(|| format!("host-{host} is cut off"));
            self.cluster.cut(host, Link::Cut { since }, self.now);
            let longest = if self.random.bool() { 70 } else { 300 };
            let delay = Duration::from_secs(self.random.u64(1..longest));
            self.after(delay, Item::Mend { host });
        }
    }

    fn rescind(&mut self) {
        // There are offers only between their way and their answer's: most rescinds race an ACCEPT.
        for offer in self.cluster.offers() {
            self.cluster.rescind(&offer, self.now);
        }
    }

    fn end_process(&mut self) {
        let living = self.cluster.living();
        if let Some((host, container)) = self.random.choice(living) {
            self.log(|| format!("a process on host-{host} ends"));
            let event = ProcessEvent::Ended(End::Exited(1));
            self.cluster.process(host, &container, event, self.now);
        }
    }

    fn scale(&mut self) {
        self.target = self.random.u32(1..=4);
        let (target, now) = (self.target + u32::from(self.mutation == Mutation::OneMore), self.now);
        self.spec.target = target;
        self.log(|| format!("scaled to {target}"));
        self.with_scheduler(|scheduler| scheduler.handle_scaled(target, now));
    }
}
