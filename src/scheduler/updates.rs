//! What status updates mean for a task.

use std::time::Duration;

use base::time::Moment;
use mesos::call::Call;
use mesos::event::StatusUpdate;
use mesos::wire::status::{Reason, TaskState};

use super::agents::{self, Strike};
use super::cause::{self, Symptom};
use super::failures::Cause;
use super::probe::FalseStart;
use super::spec::Patience;
use super::{Note, Scheduler, Seen, Sight};
use domain::group::GroupName;
use domain::state::{Ended, Goal, TaskRecord};

impl Scheduler {
    /// The state of a task as Mesos sees it. What follows from it is stored before the update is acknowledged.
    pub fn handle_update(&mut self, update: &StatusUpdate, now: Moment) {
        self.handle_updates(std::slice::from_ref(update), now);
    }

    /// Several in their order: what follows from all of them is looked at once.
    pub fn handle_updates(&mut self, updates: &[StatusUpdate], now: Moment) {
        self.count_updates(updates.len());
        for update in updates {
            // A state that we do not know comes from a newer master and says nothing to us.
            if let Some(state) = update.state {
                self.learn(update, state, now);
            }
            self.acknowledge(update);
        }
        self.plan(now);
    }

    fn learn(&mut self, update: &StatusUpdate, state: TaskState, now: Moment) {
        let id = update.task_id.text();
        self.reconciliation.answered(id, state);
        let known = self.state.tasks.contains_key(id);
        match kind(state, update.reason, self.has_been_seen(id)) {
            // It carries the id of a task that lives, but speaks of another launch.
            Kind::Over if state == TaskState::Error && self.has_been_seen(id) => {
                self.note(Note::Unknown { task: id.to_owned(), state });
            }
            Kind::Alive if known && state == TaskState::Killing => {
                self.see(id, state, now);
                // Not our doing, or its goal would be another already: its agent is being drained.
                self.replace(id, &detail(update));
            }
            Kind::Missing if known => self.miss(id, state, update, now),
            Kind::Over if known => self.finish(id, state, update, now),
            Kind::Alive if known => self.see(id, state, now),
            // Whoever has told it to end need not be told again.
            Kind::Alive if state == TaskState::Killing => {}
            Kind::Alive => self.kill_unknown_task(update, state),
            Kind::Missing | Kind::Over => {}
        }
    }

    /// A task of our framework that we have no record of: it came back after we gave it up.
    fn kill_unknown_task(&mut self, update: &StatusUpdate, state: TaskState) {
        self.note(Note::Unknown { task: update.task_id.text().to_owned(), state });
        self.kill(update.task_id.clone(), update.agent_id.clone());
    }

    fn has_been_seen(&self, id: &str) -> bool {
        self.seen.get(id).is_some_and(|seen| matches!(seen.what, Sight::Alive(_)))
    }

    fn see(&mut self, id: &str, state: TaskState, now: Moment) {
        let hostname = self.state.tasks.get(id).map(|record| record.hostname.clone()).unwrap_or_default();
        let Some(seen) = self.seen.get_mut(id) else { return };
        let returned = matches!(seen.what, Sight::Missing(_));
        if seen.what != Sight::Alive(state) {
            seen.hearing.is_lost = false;
            seen.what = Sight::Alive(state);
            seen.since = now;
        }
        let starts = state == TaskState::Running && seen.running_since.is_none();
        if starts {
            seen.running_since = Some(now);
            self.settles_from = self.settles_from.into_iter().chain(seen.settles_at()).min();
        }
        if returned {
            self.note(Note::Returned { task: id.to_owned() });
        } else if starts {
            self.note(Note::Running { task: id.to_owned(), hostname });
        }
    }

    /// Mesos does not know where the task is: its agent is unreachable, or the master was restarted and the
    /// agent has not come back yet.
    fn miss(&mut self, id: &str, state: TaskState, update: &StatusUpdate, now: Moment) {
        let launch = self.spec.patience.launch;
        let Some(seen) = self.seen.get_mut(id) else { return };
        let under_way = seen.what == Sight::Nothing && now.since(seen.launched) < launch;
        if under_way && state == TaskState::Unknown {
            // Its ACCEPT may still be on the way.
            return;
        }
        if let Sight::Missing(before) = seen.what {
            seen.what = Sight::Missing(state);
            if before != TaskState::Unknown && state == TaskState::Unknown {
                // Another master, which has heard nothing of the agent yet.
                seen.wait_anew(now);
                return;
            }
            if now.since(seen.since) >= seen.lost_wait(&self.spec.patience) {
                self.give_up(id, now);
            }
            return;
        }
        seen.what = Sight::Missing(state);
        seen.wait_anew(now);
        self.reconciliation.ask(id.to_owned(), now);
        self.note(Note::Missing { task: id.to_owned(), state, detail: detail(update) });
    }

    fn finish(&mut self, id: &str, state: TaskState, update: &StatusUpdate, now: Moment) {
        let Some(record) = self.state.tasks.remove(id) else { return };
        let seen = self.seen.remove(id).unwrap_or_else(|| Seen::new(now));
        let detail = detail(update);
        let ran = seen.running_since.map(|since| now.since(since));
        let is_healthy = ran.is_some_and(|ran| ran >= self.spec.patience.healthy_after);
        let end =
            if record.goal == Goal::End { End::Expected } else { end(state, update.reason, ran.is_some()) };
        let final_code = self.final_code(&record, state, update);
        let expected = end == End::Expected || final_code.is_some();
        self.note(Note::Ended { task: id.to_owned(), state, detail: detail.clone(), expected });
        let symptom = Symptom::of(update, state, &[id, &record.hostname, &record.agent_id]);
        let (agent_id, launched) = (&*record.agent_id, seen.launched);
        let evidence = agents::evidence(update, state, ran.is_some(), is_healthy);
        if let Some(evidence) = evidence.filter(|_| !expected) {
            let why = format!("{} {detail}", state.name());
            self.agents
                .strike(Strike { agent_id, evidence, symptom: symptom.clone(), launched, why: &why }, now);
        } else if is_healthy {
            self.agents.forgive(agent_id);
        }
        let name = &record.group;
        if let Some(group) = self.groups.get_mut(name).filter(|_| is_healthy) {
            group.relaunches.succeeded();
        }
        // Whoever defined the group anew wants another in its place, and what runs of a paused one is not replaced.
        let is_outdated = record.generation < self.generation(name);
        if let Some(code) = final_code.filter(|_| !is_outdated) {
            let ended =
                Ended { task: id.to_owned(), generation: record.generation, code, at: self.since_1970(now) };
            self.end_group(name, ended);
            return;
        }
        if is_outdated || self.is_paused(name) {
            self.store();
            return;
        }
        let text = format!("{id} on {}: {} {detail}", record.hostname, state.name());
        let fault = cause::fault(update, state);
        let cause = match end {
            End::Expected | End::NeverBegan => None,
            End::Refused => Some(Cause::Refused),
            End::Failure => Some(Cause::of_failure(update, ran.is_some())),
        };
        if let Some(cause) = cause {
            // What somebody killed has not failed; what cannot be launched so has.
            if end == End::Failure || state == TaskState::Error || fault.is_some() {
                self.count_failure(name, now);
            }
            self.hold_back(name, cause, &text, launched, now);
            if state != TaskState::Killed && seen.fails_at_start(self.spec.patience.healthy_after, now) {
                let rounds = self.groups.get(name).map_or(0, |group| group.relaunches.rounds(cause));
                let start = FalseStart { id, group: name, symptom, fault, rounds, text: &text };
                self.failed_at_start(&start, now);
            }
        }
        self.store();
        self.weigh_failures(name, now);
    }

    /// The code with which a task has done what its group is for.
    fn final_code(&self, record: &TaskRecord, state: TaskState, update: &StatusUpdate) -> Option<u8> {
        let code = match state {
            TaskState::Finished => 0,
            TaskState::Failed => cause::exit_code(&update.message)?,
            _ => return None,
        };
        let group = self.groups.get(&record.group)?;
        (record.goal != Goal::End && group.spec.final_codes.contains(&code)).then_some(code)
    }

    /// The others of the group end too, and none is launched any more.
    fn end_group(&mut self, name: &GroupName, ended: Ended) {
        self.note(Note::GroupEnded { group: name.clone(), task: ended.task.clone(), code: ended.code });
        self.state.group_mut(name).ended = Some(ended);
        self.store();
    }

    /// Whoever is missing for long is asked about once more, and its agent may have come back unheard.
    pub(super) fn ask_a_last_time(&mut self, now: Moment) {
        let patience = &self.spec.patience;
        let mut due = Vec::new();
        for (id, seen) in &mut self.seen {
            let is_missing = matches!(seen.what, Sight::Missing(_));
            if is_missing && !seen.last_asked && now.since(seen.since) >= seen.lost_wait(patience) {
                seen.last_asked = true;
                due.push(id.clone());
            }
        }
        self.question(&due);
    }

    /// A master that waits for an agent to come back answers nothing about its tasks, but not for ever.
    pub(super) fn give_up_unanswered(&mut self, now: Moment) {
        let unanswered = self.spec.patience.unanswered;
        let is_due =
            |seen: &Seen| matches!(seen.what, Sight::Missing(_)) && now.since(seen.since) >= unanswered;
        let gone: Vec<_> =
            self.seen.iter().filter(|(_, seen)| is_due(seen)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.give_up(&id, now);
        }
    }

    /// Another takes its place. Should it come back it is unknown then, and killed.
    fn give_up(&mut self, id: &str, now: Moment) {
        if self.is_kept_by_jobmanager(id, now) || self.is_kept_by_pause(id, now) {
            return;
        }
        self.state.tasks.remove(id);
        self.seen.remove(id);
        self.reconciliation.forget(id);
        self.note(Note::GivenUp { task: id.to_owned() });
        self.store();
    }

    /// Nobody takes the place of one whose group is paused, so that it may come back at any time; it is waited for anew.
    fn is_kept_by_pause(&mut self, id: &str, now: Moment) -> bool {
        let is_paused = self.group_of(id).is_some_and(|name| self.is_paused(name));
        if let Some(seen) = self.seen.get_mut(id).filter(|_| is_paused) {
            seen.wait_anew(now);
        }
        is_paused
    }

    /// An update without an uuid comes from the master and must not be acknowledged.
    fn acknowledge(&mut self, update: &StatusUpdate) {
        if let (Some(uuid), Some(agent_id)) = (update.uuid, &update.agent_id) {
            self.send(Call::Acknowledge {
                agent_id: agent_id.clone(),
                task_id: update.task_id.clone(),
                uuid,
            });
        }
    }
}

impl Seen {
    /// For a task that is missing.
    pub(super) fn wait_anew(&mut self, now: Moment) {
        self.since = now;
        self.last_asked = false;
        self.hearing.is_lost = false;
    }

    /// How long a task that Mesos does not find is waited for.
    pub(super) fn lost_wait(&self, patience: &Patience) -> Duration {
        if self.hearing.is_lost { patience.lost.min(patience.unreachable) } else { patience.lost }
    }
}

/// What a state means for us.
enum Kind {
    Alive,
    /// It may still live, where nobody can tell.
    Missing,
    /// It does not run and never will again.
    Over,
}

fn kind(state: TaskState, reason: Option<Reason>, has_been_seen: bool) -> Kind {
    match state {
        TaskState::Staging | TaskState::Starting | TaskState::Running | TaskState::Killing => Kind::Alive,
        // Of a launch that never happened.
        TaskState::Lost if !has_been_seen && reason.is_some_and(is_before_start) => Kind::Over,
        // LOST comes for an agent that was removed, which may be wrong about its tasks, even to frameworks that
        // know about partitions.
        TaskState::Unreachable | TaskState::Unknown | TaskState::Lost => Kind::Missing,
        TaskState::Finished
        | TaskState::Failed
        | TaskState::Killed
        | TaskState::Error
        | TaskState::Dropped
        | TaskState::Gone
        | TaskState::GoneByOperator => Kind::Over,
    }
}

/// What the end of a task says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Expected,
    /// It never ran, or was moved away; another may start at once.
    NeverBegan,
    /// It cannot be launched so, or somebody ended it: no failure of its own, but no reason for haste.
    Refused,
    Failure,
}

fn end(state: TaskState, reason: Option<Reason>, has_run: bool) -> End {
    match (state, reason) {
        (_, Some(Reason::AgentDraining)) => End::NeverBegan,
        (TaskState::Dropped | TaskState::Lost, Some(Reason::ExecutorTerminated | Reason::GcError)) => {
            End::Refused
        }
        (TaskState::Dropped | TaskState::Lost, _) if !has_run => End::NeverBegan,
        (TaskState::Gone | TaskState::GoneByOperator, _) => End::NeverBegan,
        (TaskState::Error | TaskState::Killed, _) => End::Refused,
        _ => End::Failure,
    }
}

/// The launch failed between the offer and the agent.
fn is_before_start(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InvalidOffers
            | Reason::AgentDisconnected
            | Reason::AgentRestarted
            | Reason::AgentDraining
            | Reason::ExecutorTerminated
            | Reason::GcError
    )
}

fn detail(update: &StatusUpdate) -> String {
    let reason = update.reason.map(|reason| format!("reason={} ", reason.name())).unwrap_or_default();
    format!("{reason}message='{}'", update.message)
}
