//! What the scheduler says of the groups: attempts, ends, and what is left of a cluster that was deleted.

use std::collections::BTreeMap;

use base::events::Level;
use records::{MAX_CHANGES, MAX_COMMIT_BYTES};

use super::cluster::{Attempt, Cluster, Ended};
use super::condition::State;
use super::journal::Verb;
use super::limits;
use super::stored::Write;
use super::{Action, Dispatcher};
use domain::time::Timestamp;
use domain::view::{TaskView, View};

/// Of what Mesos and agents call themselves.
const MAX_WORD: usize = 200;

/// Of a cluster that has many more AppMasters than it may have, not all are kept in mind.
const MAX_TASKS: usize = 100;

/// Far from what a commit takes, as each record has a head too.
const MAX_BATCH_BYTES: usize = MAX_COMMIT_BYTES / 2;

/// What is stored together, and what follows.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    then: Vec<Action>,
}

/// What follows from a view of one cluster.
#[derive(Default)]
struct Findings {
    is_changed: bool,
    notes: Vec<(&'static str, Level, String)>,
    renews: bool,
    /// Those that had to go first are gone.
    defines: bool,
    replaces: Vec<String>,
}

impl Dispatcher {
    /// How all groups stand. `seen`: the number of the last order that was carried out before the scheduler was looked at. A
    /// cluster's group that is not among them has no task and is not defined.
    pub fn handle_groups(&mut self, seen: u64, views: &BTreeMap<String, View>, now: Timestamp) {
        let names: Vec<_> = self.clusters.keys().cloned().collect();
        let mut batch = Batch::default();
        for name in names {
            let Some(cluster) = self.clusters.get_mut(&name).filter(|cluster| cluster.order <= seen) else {
                continue;
            };
            let view = views.get(&name);
            if cluster.is_deleted() && view.is_none_or(|view| view.tasks.is_empty()) {
                self.flush(&mut batch);
                self.forget(&name, now);
                continue;
            }
            let Some(view) = view else { continue };
            let findings = cluster.look(view, now, self.limits.attempts);
            self.carry_on(&name, findings, &mut batch, now);
            if batch.is_full() {
                self.flush(&mut batch);
            }
        }
        self.flush(&mut batch);
    }

    /// What follows from a view of the cluster is stored, and then done.
    fn carry_on(&mut self, name: &str, findings: Findings, batch: &mut Batch, now: Timestamp) {
        let Self { clusters, limits, sequence, orders, .. } = self;
        let Some(cluster) = clusters.get_mut(name) else { return };
        for (kind, level, text) in &findings.notes {
            *sequence += 1;
            let event = cluster.note(*sequence, kind, *level, text, now, limits.events);
            batch.then.push(Action::Event(event));
        }
        if findings.is_changed {
            batch.writes.push(Write::status(name, &cluster.status));
        }
        if !findings.notes.is_empty() {
            batch.writes.push(Write::events(name, &cluster.events));
        }
        if findings.renews {
            *orders += 1;
            cluster.order = *orders;
            batch.then.push(Action::Renew {
                order: *orders,
                cluster: name.to_owned(),
                generation: cluster.status.generation,
            });
        }
        if findings.defines {
            *orders += 1;
            cluster.order = *orders;
            batch.then.push(Action::Define(cluster.definition()));
        }
        for task_id in findings.replaces {
            *orders += 1;
            cluster.order = *orders;
            batch.then.push(Action::Replace { order: *orders, cluster: name.to_owned(), task_id });
        }
    }

    fn flush(&mut self, batch: &mut Batch) {
        let Batch { writes, then } = std::mem::take(batch);
        if !writes.is_empty() {
            self.commit(writes);
        }
        then.into_iter().for_each(|action| self.act(action));
    }

    /// Nothing of the cluster is left.
    fn forget(&mut self, name: &str, now: Timestamp) {
        let event = self.event_of(name, Verb::Forget, &[], None, now);
        let Some(cluster) = self.clusters.remove(name) else { return };
        let mut writes = Write::forget(&cluster);
        writes.extend(self.audit_of(name, Verb::Forget, cluster.status.revision, &[], None, now));
        self.commit(writes);
        event.into_iter().for_each(|event| self.act(event));
    }
}

impl Batch {
    /// Whether one more cluster may be too much.
    fn is_full(&self) -> bool {
        let bytes: usize = self.writes.iter().map(Write::bytes).sum();
        self.writes.len() + 2 > MAX_CHANGES || bytes > MAX_BATCH_BYTES
    }
}

impl Cluster {
    fn look(&mut self, view: &View, now: Timestamp, most: usize) -> Findings {
        let mut findings = Findings::default();
        self.note_attempts(view, now, most, &mut findings);
        self.note_end(view, &mut findings);
        self.follow_those_before(view, &mut findings);
        self.replace_outdated(view, &mut findings);
        if self.status.settled < self.status.generation && !self.status.frozen {
            // What it rests of is older than what a person has ordered since.
            findings.renews |= view.rests && self.target() > 0;
            self.status.settled = self.status.generation;
            findings.is_changed = true;
        }
        if self.view.as_ref() != Some(view) {
            self.view = Some(view.clone());
        }
        if self.settle(now) {
            findings.is_changed = true;
            let condition = &self.condition;
            let level = match condition.state {
                State::Degraded | State::Resting | State::Failed | State::Unreadable => Level::Warn,
                State::Waiting
                | State::Starting
                | State::Running
                | State::Suspended
                | State::Finished
                | State::Deleting => Level::Info,
            };
            let word = condition.state.word();
            let text = condition.why.as_ref().map_or(word.to_owned(), |why| format!("{word}: {why}"));
            findings.notes.push(("state", level, text));
        }
        findings
    }

    fn note_end(&mut self, view: &View, findings: &mut Findings) {
        let Some(end) = &view.ended else { return };
        if end.generation < self.status.generation {
            // It was begun anew since.
            findings.renews |= !self.status.frozen && !self.is_deleted();
        } else if self.status.ended.is_none() {
            let ended = Ended { task_id: end.task_id.clone(), code: end.code, at: end.at };
            self.status.ended = Some(ended);
            findings.is_changed = true;
        }
    }

    /// An application begins anew when nothing of it is left.
    fn follow_those_before(&mut self, view: &View, findings: &mut Findings) {
        let is_before = |task: &TaskView| task.generation < self.status.generation;
        if self.status.makes_way && !view.tasks.iter().any(is_before) {
            self.status.makes_way = false;
            findings.is_changed = true;
            findings.defines = !self.is_deleted();
        }
    }

    /// Where an order was not carried out, the next view shows it, and it is given again.
    fn replace_outdated(&self, view: &View, findings: &mut Findings) {
        if self.status.frozen || self.target() == 0 {
            return;
        }
        let is_outdated =
            |task: &&TaskView| task.generation < self.status.generation && !task.ending && !task.giving_way;
        let outdated = view.tasks.iter().filter(is_outdated);
        findings.replaces.extend(outdated.map(|task| task.id.clone()));
    }

    fn note_attempts(&mut self, view: &View, now: Timestamp, most: usize, findings: &mut Findings) {
        let attempts = &mut self.status.attempts;
        for task in view.tasks.iter().take(MAX_TASKS) {
            let known = attempts.iter_mut().find(|attempt| attempt.task_id == task.id);
            let state = limits::cut(&task.state, MAX_WORD);
            match known {
                Some(known) if known.state == state && known.ended.is_none() => continue,
                Some(known) => {
                    (known.state, known.since, known.ended) = (state, task.since, None);
                }
                None => {
                    // Most clusters have one for long.
                    attempts.reserve_exact(1);
                    let Attempt { number, hostname, .. } = attempts.push_mut(attempt(task, state));
                    let text = format!("attempt {number} was launched on {hostname}");
                    findings.notes.push(("attempt", Level::Info, text));
                }
            }
            findings.is_changed = true;
        }
        for attempt in attempts.iter_mut().filter(|attempt| attempt.ended.is_none()) {
            if view.tasks.iter().all(|task| task.id != attempt.task_id) {
                attempt.ended = Some(now);
                let text = format!("attempt {} on {} has ended", attempt.number, attempt.hostname);
                findings.notes.push(("attempt", Level::Info, text));
                findings.is_changed = true;
            }
        }
        while attempts.len() > most
            && let Some(oldest) = attempts.iter().position(|attempt| attempt.ended.is_some())
        {
            attempts.remove(oldest);
            findings.is_changed = true;
        }
    }
}

fn attempt(task: &TaskView, state: String) -> Attempt {
    Attempt {
        task_id: task.id.clone(),
        number: task.attempt,
        generation: task.generation,
        agent_id: limits::cut(&task.agent_id, MAX_WORD),
        hostname: limits::cut(&task.hostname, MAX_WORD),
        state,
        since: task.since,
        ended: None,
    }
}
