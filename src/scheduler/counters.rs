//! What has happened since this scheduler began, in numbers that only grow.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use mesos::call::Call;

use super::{Note, Scheduler};

/// They begin at zero with each worker and each time that an AppMaster begins to lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    pub offers: u64,
    /// Calls; one may name many offers, and so may the next.
    pub accepts: u64,
    pub declines: u64,
    pub revives: u64,
    pub suppresses: u64,
    pub kills: u64,
    pub reconciles: u64,
    pub updates: u64,
    pub subscriptions: u64,
    pub disconnections: u64,
    pub launches: u64,
    /// TaskManagers that ended without an order to, or were given up.
    pub failures: u64,
    /// Times that Mesos could not find a TaskManager.
    pub disappearances: u64,
    /// Times that the JobManager received no heartbeats from a TaskManager for long.
    #[serde(default)]
    pub silences: u64,
    /// TaskManagers that were replaced by another.
    pub replacements: u64,
}

impl Counters {
    pub(super) fn count_call(&mut self, call: &Call) {
        let counter = match call {
            Call::Accept { .. } => &mut self.accepts,
            Call::Decline { .. } => &mut self.declines,
            Call::Revive { .. } => &mut self.revives,
            Call::Suppress { .. } => &mut self.suppresses,
            Call::Kill { .. } => &mut self.kills,
            Call::Reconcile { .. } => &mut self.reconciles,
            Call::AcceptInverseOffers { .. } | Call::Acknowledge { .. } | Call::Teardown => return,
        };
        *counter += 1;
    }

    pub(super) fn count_note(&mut self, note: &Note) {
        let counter = match note {
            Note::Subscribed { .. } => &mut self.subscriptions,
            Note::Disconnected { .. } => &mut self.disconnections,
            Note::Launched { .. } => &mut self.launches,
            Note::Missing { .. } => &mut self.disappearances,
            Note::Ended { expected: false, .. } | Note::GivenUp { .. } => &mut self.failures,
            Note::Replacing { .. } => &mut self.replacements,
            Note::Unheard { .. } => &mut self.silences,
            Note::Ended { expected: true, .. }
            | Note::Unreachable { .. }
            | Note::FrameworkRemoved { .. }
            | Note::JobManagerListening
            | Note::Scaled { .. }
            | Note::Running { .. }
            | Note::Returned { .. }
            | Note::StillHeard { .. }
            | Note::NotMoving { .. }
            | Note::Registered { .. }
            | Note::HeardAgain { .. }
            | Note::Stays { .. }
            | Note::Retired { .. }
            | Note::Unknown { .. }
            | Note::DoesNotFit { .. }
            | Note::StillWaiting { .. }
            | Note::Probing { .. }
            | Note::ProbeRegistered { .. }
            | Note::Resting { .. }
            | Note::GroupEnded { .. }
            | Note::StillStarting { .. }
            | Note::Neighbours(_) => return,
        };
        *counter += 1;
    }
}

impl Scheduler {
    pub(super) fn count_offers(&mut self, offers: usize) {
        self.counters.offers += offers as u64;
    }

    pub(super) fn count_updates(&mut self, updates: usize) {
        self.counters.updates += updates as u64;
    }
}
