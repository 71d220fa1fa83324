//! Programs that break one truth each, so that the check of it is known to catch them.

use std::collections::BTreeMap;

use records::{Change, Key};

use super::SECRET;
use super::store::{Store, Stored};
use super::world::World;
use crate::ClusterReport;
use crate::action::{Action, Definition};
use crate::cluster::{Revision, Status, Wanted};
use crate::jobs::{Submission, SubmissionState};
use crate::stored::{self, Subject};
use domain::time::Timestamp;
use domain::view::{End, View};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    None,
    OrderBeforeStore,
    LoseSpecifications,
    NumberAgain,
    /// What is not told of is taken for gone.
    TakeUnknownForNone,
    /// A view is taken for one that was seen after the last order.
    BelieveLateViews,
    BeginAgainAfterTheEnd,
    /// What ends in one group ends in another.
    MixGroups,
    AuditTwice,
    AuditNothing,
    KeepAllAudit,
    /// What cannot be read is not there.
    ForgetUnreadable,
    ThawByItself,
    ShowSecrets,
    /// One that gives way counts beside its successor.
    CountBoth,
    LoseReplacements,
    /// An application's next AppMaster is launched beside the one before.
    RunTwice,
    /// AppMasters are told what is not durable.
    TellUnstored,
    /// AppMasters are told what was to be done once, for ever.
    TellAgain,
    TellAnyone,
    TellOutOfOrder,
    /// An outcome is taken for that of the next order, too.
    SettleNext,
    /// An AppMaster that is launched later begins as the first did.
    LaunchWithOldNumber,
    /// What came of a job is not written down with it.
    ForgetSubmissions,
    /// A job that was submitted is refused afterwards.
    TakeSubmissionsBack,
}

impl Mutation {
    /// What a broken core would order in its place.
    pub fn spoil(self, action: &mut Action) {
        match (self, action) {
            (Self::BeginAgainAfterTheEnd, Action::Define(definition)) => definition.target = 1,
            (Self::RunTwice, Action::Define(definition)) if definition.manifest.spec.job.is_some() => {
                definition.target = definition.target.max(1);
            }
            (Self::ShowSecrets, Action::Event(event)) => event.text.push_str(SECRET),
            (Self::ForgetUnreadable, action) => {
                if let Action::Keep { order, cluster } = action {
                    *action = Action::Remove { order: *order, cluster: cluster.clone() };
                }
            }
            (_, Action::Commit(changes)) => self.spoil_changes(changes),
            _ => {}
        }
    }

    fn spoil_changes(self, changes: &mut Vec<Change>) {
        let is_audit = |change: &Change| stored::audit_number(change.key()).is_some();
        match self {
            Self::LoseSpecifications => changes.retain(|change| {
                let subject = stored::cluster_of(change.key()).map(|(_, subject)| subject);
                !matches!(subject, Some(Subject::Revision(2..))) || change.value().is_none()
            }),
            Self::AuditNothing => changes.retain(|change| !is_audit(change)),
            Self::KeepAllAudit => {
                changes.retain(|change| !is_audit(change) || change.value().is_some());
            }
            Self::AuditTwice => {
                let entry = changes.iter().find(|change| is_audit(change) && change.value().is_some());
                let Some(value) = entry.and_then(Change::value) else { return };
                let Ok(mut entry) = stored::decode::<crate::AuditEntry>(value) else { return };
                entry.id += 1_000_000;
                let write = stored::Write::audit(entry.id, &entry);
                let value = write.value.unwrap_or_default();
                changes.push(Change::Create { key: write.key, value });
            }
            Self::NumberAgain => Self::change_statuses(changes, |status| status.revision = 1),
            Self::ForgetSubmissions => Self::change_statuses(changes, |status| {
                status.jobs.iter_mut().for_each(|job| job.state = SubmissionState::Pending);
            }),
            Self::TakeSubmissionsBack => Self::change_statuses(changes, |status| {
                let is_later = |job: &&mut Submission| {
                    job.state == SubmissionState::Submitted && status.ordered % 2 == 0
                };
                status.jobs.iter_mut().filter(is_later).for_each(|job| job.state = SubmissionState::Refused);
            }),
            _ => {}
        }
    }

    fn change_statuses(changes: &mut [Change], change: impl Fn(&mut Status)) {
        for written in changes {
            let is_status = matches!(stored::cluster_of(written.key()), Some((_, Subject::Status)));
            let (Change::Put { key, value, .. } | Change::Create { key, value }) = written else { continue };
            if let Some(mut status) = is_status.then(|| stored::decode::<Status>(value).ok()).flatten() {
                change(&mut status);
                let name = stored::cluster_of(key).map(|(name, _)| name).unwrap_or_default();
                *value = stored::Write::status(name, &status).value.unwrap_or_default();
            }
        }
    }

    /// What a broken core would order besides.
    pub fn unordered(self, store: &Store) -> Vec<Action> {
        if self != Self::ThawByItself {
            return Vec::new();
        }
        let statuses = store.below("clusters/").into_iter().filter_map(|(key, value)| {
            let (name, subject) = stored::cluster_of(key)?;
            let status = (subject == Subject::Status).then(|| stored::decode::<Status>(value).ok())??;
            Some((name, status))
        });
        let waiting = statuses.filter(|(_, status)| status.frozen && status.running < status.revision);
        let define = |(name, status): (&str, Status)| {
            let key = format!("clusters/{name}/revisions/{:010}", status.revision);
            let Revision { manifest, .. } = store.get(&key)?;
            Some(Action::Define(Definition {
                order: 0,
                cluster: name.to_owned(),
                revision: status.revision,
                generation: status.generation,
                place: String::new(),
                manifest,
                target: 1,
            }))
        };
        waiting.filter_map(define).collect()
    }

    /// What a broken driver would tell the core.
    pub fn mishear(
        self,
        seen: u64,
        views: &BTreeMap<String, View>,
        store: &Store,
    ) -> (u64, BTreeMap<String, View>) {
        let mut views = views.clone();
        match self {
            Self::BelieveLateViews => return (u64::MAX, views),
            Self::TakeUnknownForNone => views.retain(|name, _| {
                let status = store.get::<Status>(&format!("clusters/{name}/status"));
                status.is_none_or(|status| status.wanted != Wanted::Deleted)
            }),
            Self::MixGroups => {
                let end = views.values().find_map(|view| view.ended.clone());
                if let Some(end) = end {
                    let end = End { generation: u64::MAX, at: Timestamp(0), ..end };
                    views.values_mut().for_each(|view| view.ended = Some(end.clone()));
                }
            }
            _ => {}
        }
        (seen, views)
    }

    /// What a broken report would say.
    pub fn misreport(self, reports: &mut [ClusterReport], world: &World) {
        if self != Self::CountBoth {
            return;
        }
        for report in reports {
            let Some(group) = world.groups.get(&report.name) else { continue };
            let running = group.tasks.values().filter(|task| task.runs && !task.ending).count();
            report.running = u32::try_from(running).expect("few");
        }
    }
}

/// So that a key of a test is one of ours.
pub fn key(text: &str) -> Key {
    Key::parse(text).expect("a name")
}
