//! What must hold whatever happens, judged by what is stored, what the scheduler does, and what is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use manifest::Manifest;
use records::{Change, Key};

use super::SECRET;
use super::store::{Store, Stored};
use super::telling::Telling;
use super::world::World;
use crate::ClusterReport;
use crate::action::{Action, Definition};
use crate::cluster::{Revision, Status, Wanted};
use crate::condition::State;
use crate::journal::{AuditEntry, Event, Verb};
use crate::limits::Limits;
use crate::stored::{self, Subject};

type Judgement = Result<(), String>;

pub struct Oracle {
    limits: Limits,
    /// Orders that were taken and are not stored yet.
    expected: VecDeque<(String, Verb, Option<Manifest>)>,
    /// What must be in the audit.
    audit: Vec<(String, Verb)>,
    last_audit: u64,
    /// The last specification of each cluster that must be stored, by its number.
    specifications: BTreeMap<String, (u64, Manifest)>,
    /// The generation in which each cluster's work was done.
    ends: BTreeMap<String, u64>,
    /// Revision and generation of those that are frozen.
    frozen: BTreeMap<String, (u64, u64)>,
    /// Of which a record was damaged.
    pub unreadable: BTreeSet<String>,
    /// Runs, and nobody wants anything of it or of its group.
    pub bystander: Option<String>,
    pub telling: Telling,
}

impl Oracle {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expected: VecDeque::new(),
            audit: Vec::new(),
            last_audit: 0,
            specifications: BTreeMap::new(),
            ends: BTreeMap::new(),
            frozen: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            bystander: None,
            telling: Telling::default(),
        }
    }

    pub fn expect(&mut self, name: &str, verb: Verb, manifest: Option<&Manifest>) {
        self.expected.push_back((name.to_owned(), verb, manifest.cloned()));
    }

    /// What was not stored was not done.
    pub fn crashed(&mut self) {
        self.expected.clear();
    }

    /// A task has done what a cluster is for.
    pub fn ended(&mut self, name: &str, generation: u64) {
        let known = self.ends.entry(name.to_owned()).or_default();
        *known = generation.max(*known);
    }

    pub fn launched(&self, name: &str, generation: u64) -> Judgement {
        match self.ends.get(name) {
            Some(ended) if generation <= *ended => {
                Err(format!("{name} begins again after its end, in generation {generation}"))
            }
            _ => Ok(()),
        }
    }

    /// `store` has these changes, and `before` has not.
    pub fn committed(
        &mut self,
        before: &Store,
        store: &Store,
        changes: &[Change],
        world: &World,
    ) -> Judgement {
        let names: BTreeSet<_> = changes
            .iter()
            .filter_map(|change| stored::cluster_of(change.key()))
            .map(|(name, _)| name)
            .collect();
        for name in &names {
            if self.unreadable.contains(*name) || self.bystander.as_deref() == Some(*name) {
                return Err(format!("records of {name} were touched"));
            }
        }
        let entries = self.audited(changes)?;
        if entries.len() > 1 {
            return Err(format!("{entries:?} is in the audit twice"));
        }
        let mut applied = None;
        match entries.into_iter().next() {
            Some((name, Verb::Forget)) => self.forgotten(&name, world)?,
            Some(entry) => {
                let Some((name, verb, manifest)) = self.expected.pop_front() else {
                    return Err(format!("{entry:?} is in the audit twice"));
                };
                if entry != (name.clone(), verb) {
                    return Err(format!("{entry:?} is in the audit for {verb:?} of {name}"));
                }
                if names.iter().any(|touched| *touched != name) {
                    return Err(format!("{names:?} were changed by an order for {name}"));
                }
                applied = manifest;
            }
            None => {
                let is_order = |(name, status): (&&str, Status)| {
                    let old = before.get::<Status>(&format!("clusters/{name}/status"));
                    old.is_none_or(|old| wishes(&old) != wishes(&status))
                };
                let statuses = names.iter().filter_map(|name| {
                    Some((name, store.get::<Status>(&format!("clusters/{name}/status"))?))
                });
                if statuses.into_iter().any(is_order) {
                    return Err(format!("a change of {names:?} is not in the audit"));
                }
            }
        }
        for name in names {
            self.compare(name, applied.as_ref(), before, store)?;
            self.telling.committed(name, before, store)?;
        }
        self.bounded(store)?;
        Self::nothing_secret(changes)
    }

    fn audited(&mut self, changes: &[Change]) -> Result<Vec<(String, Verb)>, String> {
        let mut entries = Vec::new();
        for change in changes {
            let (Some(number), Some(value)) = (stored::audit_number(change.key()), change.value()) else {
                continue;
            };
            let entry: AuditEntry = stored::decode(value).expect("an entry");
            if number != entry.id || number <= self.last_audit {
                return Err(format!("entry {number} comes after {}", self.last_audit));
            }
            self.last_audit = number;
            entries.push((entry.cluster, entry.verb));
        }
        self.audit.extend(entries.iter().cloned());
        Ok(entries)
    }

    fn forgotten(&mut self, name: &str, world: &World) -> Judgement {
        if let Some(group) = world.groups.get(name)
            && (!group.is_removed || !group.tasks.is_empty())
        {
            let left = group.tasks.len();
            return Err(format!("records of {name} go, and {left} tasks are left of it"));
        }
        self.specifications.remove(name);
        self.ends.remove(name);
        self.frozen.remove(name);
        Ok(())
    }

    fn compare(
        &mut self,
        name: &str,
        applied: Option<&Manifest>,
        before: &Store,
        store: &Store,
    ) -> Judgement {
        let key = format!("clusters/{name}/status");
        let Some(status) = store.get::<Status>(&key) else {
            return match self.specifications.get(name) {
                Some(_) => Err(format!("the specification of {name} is lost")),
                None => Ok(()),
            };
        };
        if let Some(manifest) = applied {
            let last = self.specifications.get(name).map_or(0, |(number, _)| *number);
            if status.revision != last + 1 {
                return Err(format!("{name} has revision number {} after {last}", status.revision));
            }
            self.specifications.insert(name.to_owned(), (status.revision, manifest.clone()));
        }
        let Some((number, manifest)) = self.specifications.get(name) else {
            return Err(format!("{name} is stored, and nobody has applied it"));
        };
        if status.revision != *number {
            return Err(format!("{name} has revision number {} after {number}", status.revision));
        }
        for number in [status.revision, status.running] {
            let revision = store.get::<Revision>(&revision_key(name, number));
            let revision = revision.ok_or_else(|| format!("the specification of {name} is lost"))?;
            if number == status.revision && *revision.manifest != *manifest {
                return Err(format!("the specification of {name} is lost: it is another"));
            }
        }
        if let Some(old) = before.get::<Status>(&key)
            && old.ended.is_some()
            && status.ended.is_none()
            && status.generation <= old.generation
        {
            return Err(format!("{name} begins again after its end, in generation {}", old.generation));
        }
        if status.frozen {
            self.frozen.entry(name.to_owned()).or_insert((status.running, status.generation));
        } else {
            self.frozen.remove(name);
        }
        Ok(())
    }

    fn bounded(&self, store: &Store) -> Judgement {
        let entries = store.below("audit/").len();
        if entries > self.limits.audit {
            return Err(format!("{entries} entries in the audit, at most {}", self.limits.audit));
        }
        let mut revisions = BTreeMap::<&str, usize>::new();
        for (key, _) in store.below("clusters/") {
            if let Some((name, Subject::Revision(_))) = stored::cluster_of(key) {
                *revisions.entry(name).or_default() += 1;
            }
        }
        for (name, revisions) in revisions {
            let events = store.get::<Vec<Event>>(&format!("clusters/{name}/events")).map_or(0, |e| e.len());
            let status = store.get::<Status>(&format!("clusters/{name}/status"));
            let gone =
                |status: &Status| status.attempts.iter().filter(|attempt| attempt.ended.is_some()).count();
            let attempts = status.as_ref().map_or(0, gone);
            let Limits { revisions: most, events: most_events, attempts: most_attempts, .. } = self.limits;
            if revisions > most || events > most_events || attempts > most_attempts {
                return Err(format!("{revisions} revisions, {events} events, {attempts} attempts of {name}"));
            }
        }
        Ok(())
    }

    fn nothing_secret(changes: &[Change]) -> Judgement {
        for change in changes {
            let is_specification =
                matches!(stored::cluster_of(change.key()), Some((_, Subject::Revision(_))));
            let text = String::from_utf8_lossy(change.value().unwrap_or_default());
            if !is_specification && text.contains(SECRET) {
                return Err(format!("a secret is in {}", change.key()));
            }
        }
        Ok(())
    }

    /// Whether the order may be carried out with what is stored.
    pub fn ordered(&self, action: &Action, store: &Store) -> Judgement {
        let name = match action {
            Action::Define(definition) => return self.defined(definition, store),
            Action::Event(event) if event.text.contains(SECRET) => {
                return Err(format!("a secret is in an event of {}", event.cluster));
            }
            Action::Event(_) | Action::Commit(_) => return Ok(()),
            Action::Keep { cluster, .. } => {
                return if self.unreadable.contains(cluster) {
                    Ok(())
                } else {
                    Err(format!("{cluster} can be read, and is left alone"))
                };
            }
            Action::Renew { cluster, .. }
            | Action::Replace { cluster, .. }
            | Action::Remove { cluster, .. } => cluster,
        };
        if self.unreadable.contains(name) || self.bystander.as_ref() == Some(name) {
            return Err(format!("{name} was touched: {action:?}"));
        }
        if self.frozen.contains_key(name) {
            return Err(format!("{name} is frozen: {action:?}"));
        }
        let status = store.get::<Status>(&format!("clusters/{name}/status"));
        let is_deleted = status.is_some_and(|status| status.wanted == Wanted::Deleted);
        if is_deleted == matches!(action, Action::Remove { .. }) {
            Ok(())
        } else {
            Err(format!("{action:?} is not what is stored"))
        }
    }

    fn defined(&self, definition: &Definition, store: &Store) -> Judgement {
        let Definition { cluster: name, revision, generation, manifest, target, .. } = definition;
        let status = store.get::<Status>(&format!("clusters/{name}/status"));
        let status = status.ok_or_else(|| format!("{name} is defined, and is not stored"))?;
        if let Some(frozen) = self.frozen.get(name)
            && *frozen != (*revision, *generation)
        {
            return Err(format!("{name} is frozen, and defined by revision {revision}"));
        }
        let stored = store.get::<Revision>(&revision_key(name, *revision));
        let is_stored = stored.is_some_and(|stored| stored.manifest == *manifest)
            && (status.running, status.generation) == (*revision, *generation);
        if !is_stored {
            return Err(format!("{name} is defined by revision {revision}, which is not stored so"));
        }
        let is_over = status.ended.is_some() || status.wanted != Wanted::Running;
        if is_over && *target > 0 {
            return Err(format!("{name} begins again after its end, for {target}"));
        }
        Ok(())
    }

    pub fn reported(&self, reports: &[ClusterReport]) -> Judgement {
        for report in reports {
            let ClusterReport { name, running, target, state, .. } = report;
            if running > target {
                return Err(format!("{running} AppMasters of {name} count, of {target} that are wanted"));
            }
            if self.unreadable.contains(name) != (*state == State::Unreadable) {
                return Err(format!("{name} is {state:?}"));
            }
        }
        Ok(())
    }

    /// Nothing is left to be done.
    pub fn at_rest(&self, reports: &[ClusterReport], store: &Store, world: &World) -> Judgement {
        if let Some(expected) = self.expected.front() {
            return Err(format!("{expected:?} is not in the audit"));
        }
        let entry = |(_, value): (&Key, &Vec<u8>)| {
            let entry: AuditEntry = stored::decode(value).expect("an entry");
            (entry.cluster, entry.verb)
        };
        let kept: Vec<_> = store.below("audit/").into_iter().map(entry).collect();
        if !self.audit.ends_with(&kept) || kept.len() != self.audit.len().min(self.limits.audit) {
            return Err(format!("the audit has {kept:?}, and not {:?}", self.audit));
        }
        let known: BTreeSet<_> = reports.iter().map(|report| &report.name).collect();
        if let Some(name) = self.specifications.keys().find(|name| !known.contains(name)) {
            return Err(format!("the specification of {name} is lost"));
        }
        for report in reports.iter().filter(|report| !self.unreadable.contains(&report.name)) {
            Self::stands(report, store, world)?;
        }
        let stranger = world.groups.keys().find(|name| !known.contains(name));
        stranger.map_or(Ok(()), |name| Err(format!("{name} has a group, and is no cluster")))
    }

    fn stands(report: &ClusterReport, store: &Store, world: &World) -> Judgement {
        let name = &report.name;
        let status: Status = store.get(&format!("clusters/{name}/status")).expect("a status");
        let group = world.groups.get(name).cloned().unwrap_or_default();
        let current = group.tasks.values().filter(|task| task.generation == status.generation && task.runs);
        let current = current.count();
        let is_right = match report.state {
            State::Running => current == report.target as usize && group.tasks.len() == current,
            State::Suspended => group.tasks.is_empty() && status.ended.is_none(),
            State::Finished | State::Failed => group.tasks.is_empty() && status.ended.is_some(),
            State::Waiting
            | State::Starting
            | State::Degraded
            | State::Resting
            | State::Deleting
            | State::Unreadable => status.frozen,
        };
        if is_right || status.frozen {
            return Ok(());
        }
        let (state, tasks) = (report.state, group.tasks.len());
        Err(format!("{name} is {state:?} at rest, with {current} of {tasks} tasks of its generation"))
    }
}

/// What only orders change.
fn wishes(status: &Status) -> (Wanted, bool, u64, u64, u64) {
    (status.wanted, status.frozen, status.revision, status.running, status.generation)
}

fn revision_key(name: &str, number: u64) -> String {
    format!("clusters/{name}/revisions/{number:010}")
}
