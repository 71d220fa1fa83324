//! From what is stored to what is known. A record that cannot be read concerns its own cluster alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::{Key, Loaded, Record};

use super::cluster::{Cluster, Revision, Status};
use super::condition::{Condition, State};
use super::journal::Event;
use super::limits::Limits;
use super::stored::{self, DecodeError, Subject};
use super::{Action, Dispatcher};

/// What was found of one cluster.
#[derive(Default)]
struct Found {
    status: Option<Status>,
    revisions: BTreeMap<u64, Box<Revision>>,
    events: VecDeque<Event>,
    /// The first record that cannot be read, and why not.
    trouble: Option<String>,
}

impl Dispatcher {
    /// `loaded`: all records; those of others are left alone. What follows from it is ordered at once: when
    /// [`Self::next_action`] gives none for the first time, all groups are defined that there shall be.
    pub fn restore(loaded: &Loaded, limits: Limits) -> Self {
        let mut dispatcher = Self {
            limits,
            clusters: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            audit: BTreeMap::new(),
            sequence: 0,
            orders: 0,
            versions: BTreeMap::new(),
            committing: Vec::new(),
            queue: VecDeque::new(),
        };
        let mut found = BTreeMap::<String, Found>::new();
        for record in &loaded.records {
            dispatcher.versions.insert(record.key.clone(), record.revision);
            if let Some((name, subject)) = stored::cluster_of(&record.key) {
                found.entry(name.to_owned()).or_default().take(record, &subject);
            } else if let Some(number) = stored::audit_number(&record.key) {
                dispatcher.audit.insert(number, stored::decode(&record.value).ok());
                dispatcher.sequence = dispatcher.sequence.max(number);
            }
        }
        for (name, found) in found {
            let last = found.events.iter().map(|event| event.id).max();
            dispatcher.sequence = dispatcher.sequence.max(last.unwrap_or_default());
            match found.cluster(&name) {
                Ok(cluster) => {
                    dispatcher.clusters.insert(name, Box::new(cluster));
                }
                Err(why) => {
                    dispatcher.unreadable.insert(name, why);
                }
            }
        }
        dispatcher.order_all();
        dispatcher
    }

    /// The scheduler may have carried out the last orders of an earlier process, or not.
    fn order_all(&mut self) {
        let names: BTreeSet<_> = self.clusters.keys().chain(self.unreadable.keys()).cloned().collect();
        for name in names {
            if self.unreadable.contains_key(&name) {
                let order = self.next_order();
                self.act(Action::Keep { order, cluster: name });
            } else {
                self.order_group(&name);
            }
        }
    }
}

impl Found {
    fn take(&mut self, record: &Record, subject: &Subject) {
        let Record { key, value, .. } = record;
        let taken = match subject {
            Subject::Status => stored::decode(value).map(|status| self.status = Some(status)),
            Subject::Events => stored::decode(value).map(|events| self.events = events),
            Subject::Revision(number) => stored::decode::<Revision>(value).map(|revision| {
                self.revisions.insert(*number, Box::new(revision));
            }),
            Subject::Unknown => {
                self.complain(key, "it is none that this program writes");
                return;
            }
        };
        if let Err(error) = taken {
            self.complain(key, &told(&error));
        }
    }

    fn complain(&mut self, key: &Key, why: &str) {
        self.trouble.get_or_insert_with(|| format!("record {key}: {why}"));
    }

    fn cluster(self, name: &str) -> Result<Cluster, String> {
        let Self { status, revisions, events, trouble } = self;
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        if !stored::is_name(name) {
            return Err(format!("{name:?} cannot name a cluster"));
        }
        let status = status.ok_or("its status is missing")?;
        for number in [status.revision, status.running] {
            if !revisions.contains_key(&number) {
                return Err(format!("its revision {number} is missing"));
            }
        }
        if let Some((number, _)) = revisions
            .iter()
            .find(|(number, revision)| revision.number != **number || revision.manifest.metadata.name != name)
        {
            return Err(format!("its revision {number} is another's"));
        }
        let mut cluster = Cluster {
            name: name.to_owned(),
            revisions,
            status,
            events,
            order: 0,
            view: None,
            condition: Condition::new(State::Waiting, None),
        };
        cluster.condition = Condition::of(&cluster);
        Ok(cluster)
    }
}

fn told(error: &DecodeError) -> String {
    // What a parser says of a text may quote it, and there are secrets in it.
    match error {
        DecodeError::Newer { .. } => error.to_string(),
        DecodeError::Damaged(error) => format!("it is damaged at byte {}", error.column()),
    }
}
