//! What must hold of orders to AppMasters: each that was taken is carried out, refused, or its cluster begins anew.

use std::collections::{BTreeMap, BTreeSet};

use domain::carried::Carried;

use super::store::{Store, Stored};
use crate::cluster::{Revision, Status, Wanted};
use crate::instructions::{Instruction, MAX_PENDING, PendingOrder};
use crate::jobs::{Submission, SubmissionState};
use crate::journal::Event;

type Judgement = Result<(), String>;

#[derive(Default)]
pub struct Telling {
    /// By cluster, those that are pending no more.
    settled: BTreeMap<String, BTreeSet<u64>>,
    /// What AppMasters of each cluster have said of orders last, while they were current.
    said: BTreeMap<(String, u64), Carried>,
    /// By task, what it was told.
    told: BTreeMap<String, BTreeSet<u64>>,
}

impl Telling {
    /// An AppMaster of the cluster and of this generation is told.
    pub fn told(
        &mut self,
        (task_id, name, generation): (&str, &str, u64),
        orders: &[PendingOrder],
        store: &Store,
    ) -> Judgement {
        let status = store.get::<Status>(&status_key(name)).unwrap_or_else(|| panic!("{name} is stored"));
        let told = self.told.entry(task_id.to_owned()).or_default();
        for order in orders {
            let PendingOrder { id, what, .. } = order;
            let is_settled = self.settled.get(name).is_some_and(|settled| settled.contains(id));
            let is_stored = status.pending.iter().any(|known| known.id == *id && known.what == *what);
            match (is_stored, is_settled) {
                (true, _) => {}
                (false, true) => return Err(format!("{task_id} is told {order:?}, which is settled")),
                (false, false) => return Err(format!("{task_id} is told {order:?}, which is not stored")),
            }
            if status.generation != generation || status.frozen {
                return Err(format!("{task_id} is told {order:?}, and is not current"));
            }
            if !told.contains(id) && told.last().is_some_and(|last| last > id) {
                return Err(format!("{task_id} is told order {id} after a later one"));
            }
            told.insert(*id);
        }
        Ok(())
    }

    pub fn said(&mut self, name: &str, id: u64, carried: &Carried) {
        // The one after it may be told the same, and say something else, where what this one said was never stored.
        self.said.insert((name.to_owned(), id), carried.clone());
    }

    pub fn committed(&mut self, name: &str, before: &Store, store: &Store) -> Judgement {
        let (old, new) = (before.get::<Status>(&status_key(name)), store.get::<Status>(&status_key(name)));
        let Some(new) = new else {
            self.settled.remove(name);
            self.said.retain(|(cluster, _), _| cluster != name);
            return Ok(());
        };
        if new.pending.len() > MAX_PENDING {
            return Err(format!("{name} has {} pending orders", new.pending.len()));
        }
        if is_over(name, &new, store) && !new.pending.is_empty() {
            return Err(format!("{name} is over, and has pending orders: {:?}", new.pending));
        }
        let is_told = |job: &Submission| {
            new.pending
                .iter()
                .any(|order| matches!(&order.what, Instruction::Submit { job_id, .. } if *job_id == job.id))
        };
        if let Some(job) = new.jobs.iter().find(|job| (job.state == SubmissionState::Pending) != is_told(job))
        {
            return Err(format!("{name} has {job:?}, and pending orders {:?}", new.pending));
        }
        let Some(old) = old else { return Ok(()) };
        let is_other = |job: &&Submission| {
            old.jobs
                .iter()
                .any(|known| known.id == job.id && known.state != SubmissionState::Pending && known != *job)
        };
        if let Some(job) = new.jobs.iter().find(is_other) {
            return Err(format!("{name} has {job:?}, of which something else was said before"));
        }
        let known: BTreeSet<_> = old.pending.iter().map(|order| order.id).collect();
        let is_again = |order: &&PendingOrder| !known.contains(&order.id) && order.id <= old.ordered;
        if let Some(order) = new.pending.iter().find(is_again) {
            return Err(format!("{name} has {order:?}, whose id was given before"));
        }
        for order in old.pending.iter().filter(|order| !new.pending.contains(order)) {
            self.gone(name, order, (&old, &new), (before, store))?;
            self.settled.entry(name.to_owned()).or_default().insert(order.id);
        }
        Ok(())
    }

    fn gone(
        &self,
        name: &str,
        order: &PendingOrder,
        (old, new): (&Status, &Status),
        (before, store): (&Store, &Store),
    ) -> Judgement {
        let is_scale = |order: &PendingOrder| matches!(order.what, Instruction::Scale { .. });
        let is_replacement = matches!(order.what, Instruction::Replace { .. });
        let later = new.pending.iter().filter(|other| other.id > order.id);
        let begins_anew = is_over(name, new, store) || (new.generation > old.generation && is_replacement);
        if begins_anew || later.clone().any(|other| is_scale(order) && is_scale(other)) {
            return Ok(());
        }
        let has_event = last_event(name, store) > last_event(name, before);
        let is_right = match self.said.get(&(name.to_owned(), order.id)) {
            Some(Carried::Done | Carried::Refused { .. }) => has_event,
            Some(Carried::NotNow { .. }) => later.into_iter().any(|other| other.what == order.what),
            None => false,
        };
        if is_right { Ok(()) } else { Err(format!("{order:?} of {name} is gone without an outcome")) }
    }
}

fn is_over(name: &str, status: &Status, store: &Store) -> bool {
    let key = format!("clusters/{name}/revisions/{:010}", status.running);
    let is_suspended = store.get::<Revision>(&key).is_some_and(|found| found.manifest.spec.is_suspended());
    status.wanted != Wanted::Running || status.ended.is_some() || is_suspended
}

fn last_event(name: &str, store: &Store) -> Option<u64> {
    store.get::<Vec<Event>>(&format!("clusters/{name}/events"))?.last().map(|event| event.id)
}

fn status_key(name: &str) -> String {
    format!("clusters/{name}/status")
}
