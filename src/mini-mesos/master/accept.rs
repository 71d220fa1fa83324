//! ACCEPT: which offers, then the operations one after the other, then what is left.

use std::collections::BTreeSet;

use crate::message::ToAgent;
use crate::resources::{Format, Resources};
use base::time::Moment;
use mesos::wire::call::Accept;
use mesos::wire::id::{FrameworkId, OfferId};
use mesos::wire::operation::{Launch, Operation, OperationType};
use mesos::wire::status::{OperationState, Reason, TaskState};
use mesos::wire::task::TaskInfo;

use super::Master;
use super::launch::{self, Circumstances};
use super::offers::HeldOffer;
use super::reserve::check_unreserve;
use super::task::Task;

impl Master {
    pub(super) fn accept(&mut self, framework: &FrameworkId, accept: Accept, now: Moment) {
        let ids = &accept.offer_ids;
        if let Err(refusal) = self.check_offers(framework, ids) {
            tracing::warn!(framework = framework.text(), refusal, "offers not accepted");
            self.return_offers(framework, ids);
            self.drop_launches(framework, &accept.operations, &refusal, now);
            return;
        }
        let mut offers = ids.iter().filter_map(|id| self.offers.remove(id));
        let Some(mut accepted) = offers.next() else { return };
        for offer in offers {
            accepted.resources.add_all(&offer.resources);
        }
        let mut converted = Resources::default();
        for operation in accept.operations {
            self.perform(&mut accepted, &mut converted, operation, now);
        }
        self.return_converted(&mut accepted, &converted);
        self.refuse_offer(accepted, accept.filters.as_ref(), now);
    }

    fn check_offers(&self, framework: &FrameworkId, ids: &[OfferId]) -> Result<(), String> {
        if ids.is_empty() {
            return Err("No offers specified".to_owned());
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
            return Err(format!("Duplicate offer {} in offer list", twice.text()));
        }
        let find = |id: &OfferId| {
            self.offers.get(id).ok_or_else(|| format!("Offer {} is no longer valid", id.text()))
        };
        let offers = ids.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let [first, ..] = offers.as_slice() else { return Ok(()) };
        for offer in &offers {
            let (id, owner) = (offer.id.text(), offer.framework.text());
            if offer.framework != *framework {
                let expected = framework.text();
                return Err(format!(
                    "Offer {id} has invalid framework {owner} while framework {expected} is expected"
                ));
            }
            if offer.role != first.role {
                let (role, other) = (&offer.role, &first.role);
                return Err(format!(
                    "Aggregated offers must be allocated to the same role. \
                     Offer {id} uses role '{role} but another is using role '{other}"
                ));
            }
            if offer.agent != first.agent {
                let (agent, other) = (offer.agent.text(), first.agent.text());
                return Err(format!(
                    "Aggregated offers must belong to one single agent. Offer {id} uses agent {agent} and agent {other}"
                ));
            }
        }
        Ok(())
    }

    /// Gives the good ones among refused offers back without a filter.
    fn return_offers(&mut self, framework: &FrameworkId, ids: &[OfferId]) {
        for id in ids {
            let is_ours = self.offers.get(id).is_some_and(|offer| offer.framework == *framework);
            if is_ours && let Some(offer) = self.offers.remove(id) {
                self.release(&offer.agent, offer.resources);
            }
        }
    }

    fn drop_launches(
        &mut self,
        framework: &FrameworkId,
        operations: &[Operation],
        refusal: &str,
        now: Moment,
    ) {
        let message = format!("Task launched with invalid offers: {refusal}");
        for task in operations.iter().flat_map(launched) {
            self.refuse_task(framework, task, TaskState::Dropped, Reason::InvalidOffers, &message, now);
        }
        for id in operations.iter().filter_map(|operation| operation.id.clone()) {
            let message = format!("Operation attempted with invalid offers: {refusal}");
            self.tell_operation(framework, id, OperationState::Error, Some(message), None);
        }
    }

    fn perform(
        &mut self,
        accepted: &mut HeldOffer,
        converted: &mut Resources,
        operation: Operation,
        now: Moment,
    ) {
        let framework = accepted.framework.clone();
        let kind = operation.r#type.and_then(|n| OperationType::try_from(n).ok());
        match kind {
            Some(OperationType::Launch) => {
                if operation.id.is_some() {
                    let message = "The `id` field cannot be set on LAUNCH operations";
                    self.refuse_all(&framework, &operation, Reason::TaskInvalid, message, now);
                    return;
                }
                self.launch(accepted, operation.launch.unwrap_or_default(), now);
            }
            Some(OperationType::LaunchGroup) => {
                let message = "The embedded Mesos does not launch task groups";
                self.refuse_all(&framework, &operation, Reason::TaskGroupInvalid, message, now);
            }
            Some(OperationType::Reserve) => {
                let resources = operation.reserve.unwrap_or_default().resources;
                let conversion = self.check_reserve(accepted, &resources);
                self.convert(accepted, converted, conversion, operation.id);
            }
            Some(OperationType::Unreserve) => {
                let resources = operation.unreserve.unwrap_or_default().resources;
                let conversion = check_unreserve(accepted, &resources);
                self.convert(accepted, converted, conversion, operation.id);
            }
            Some(
                OperationType::Unknown
                | OperationType::Create
                | OperationType::Destroy
                | OperationType::GrowVolume
                | OperationType::ShrinkVolume
                | OperationType::CreateDisk
                | OperationType::DestroyDisk,
            )
            | None => {
                let name = kind.map_or("UNKNOWN", OperationType::name);
                tracing::warn!(framework = framework.text(), operation = name, "not supported, dropped");
                // A failed operation without an id is silent with the real master, too.
                if let Some(id) = operation.id {
                    let message = format!("the embedded Mesos does not carry out {name}");
                    let agent = accepted.agent.clone();
                    self.tell_operation(&framework, id, OperationState::Error, Some(message), Some(agent));
                }
            }
        }
    }

    /// Launches one operation's tasks. Malformed resources of one task fail them all.
    fn launch(&mut self, accepted: &mut HeldOffer, launch: Launch, now: Moment) {
        let framework = accepted.framework.clone();
        let resources = |task: &TaskInfo| {
            let executor = task.executor.as_ref().map(|executor| executor.resources.as_slice());
            Resources::from_wire(executor.unwrap_or_default())?;
            Resources::from_wire(&task.resources)
        };
        let parsed: Result<Vec<_>, _> = launch.task_infos.iter().map(resources).collect();
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(malformed) => {
                let message = malformed.to_string();
                for task in &launch.task_infos {
                    self.refuse_task(&framework, task, TaskState::Error, Reason::TaskInvalid, &message, now);
                }
                return;
            }
        };
        for (task, resources) in launch.task_infos.into_iter().zip(parsed) {
            let resources = resources.allocated_to(&accepted.role);
            let Some(known) = self.frameworks.get(&framework) else { return };
            let circumstances =
                Circumstances { framework: known, agent: &accepted.agent, available: &accepted.resources };
            match launch::refuse(&task, &resources, &circumstances) {
                Some(message) => {
                    self.refuse_task(&framework, &task, TaskState::Error, Reason::TaskInvalid, &message, now);
                }
                None => self.start(accepted, task, resources),
            }
        }
    }

    fn start(&mut self, accepted: &mut HeldOffer, mut info: TaskInfo, resources: Resources) {
        let Some(framework) = self.frameworks.get_mut(&accepted.framework) else { return };
        accepted.resources.subtract(&resources);
        info.resources = resources.to_wire(Format::Refined);
        let task = Task {
            info,
            agent: accepted.agent.clone(),
            role: accepted.role.clone(),
            held: Some(resources),
            latest: TaskState::Staging,
            forwarded: None,
            statuses: Vec::new(),
        };
        let run = task.run(framework);
        framework.tasks.insert(task.id(), task);
        self.tell(&accepted.agent, ToAgent::Run(Box::new(run)));
    }

    fn refuse_all(
        &mut self,
        framework: &FrameworkId,
        operation: &Operation,
        reason: Reason,
        message: &str,
        now: Moment,
    ) {
        for task in launched(operation) {
            self.refuse_task(framework, task, TaskState::Error, reason, message, now);
        }
    }
}

fn launched(operation: &Operation) -> impl Iterator<Item = &TaskInfo> {
    let single = operation.launch.iter().flat_map(|launch| &launch.task_infos);
    let group = operation.launch_group.iter().filter_map(|launch| launch.task_group.as_ref());
    single.chain(group.flat_map(|group| &group.tasks))
}
