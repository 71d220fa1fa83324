//! RESERVE and UNRESERVE: parts of an accepted offer that change their reservations, and with them the agent.

use crate::message::ToAgent;
use crate::resources::Resources;
use mesos::wire::call::ReconcileOperation;
use mesos::wire::event::{Event, EventType, UpdateOperationStatus};
use mesos::wire::id::{AgentId, FrameworkId, OperationId};
use mesos::wire::resource::{ReservationType, Resource};
use mesos::wire::status::{OperationState, OperationStatus};

use super::Master;
use super::offers::HeldOffer;

/// What is to be turned into what.
pub(super) struct Conversion {
    consumed: Resources,
    made: Resources,
}

impl Master {
    pub(super) fn check_reserve(
        &self,
        accepted: &HeldOffer,
        wanted: &[Resource],
    ) -> Result<Conversion, String> {
        let made = parse(wanted)?.allocated_to(&accepted.role);
        let framework = self.frameworks.get(&accepted.framework);
        let principal = framework.and_then(|framework| framework.info.principal.as_deref());
        for reservation in made.last_reservations() {
            let Some(reservation) = reservation else {
                return Err("Invalid reservation: a resource has no reservation".to_owned());
            };
            if reservation.r#type != Some(ReservationType::Dynamic as i32) {
                return Err("Invalid reservation: it is not dynamic".to_owned());
            }
            let role = reservation.role.as_deref().unwrap_or_default();
            if role != accepted.role {
                let allocated = &accepted.role;
                return Err(format!("Invalid reservation: role '{role}' is not the offer's '{allocated}'"));
            }
            let reserver = reservation.principal.as_deref();
            if principal.is_some() && reserver != principal {
                let reserver = reserver.unwrap_or_default();
                return Err(format!("Invalid reservation: principal '{reserver}' is not the framework's"));
            }
        }
        available(accepted, Conversion { consumed: made.without_last_reservation(), made })
    }

    /// Carries out a conversion or tells why not, if somebody wants to know.
    pub(super) fn convert(
        &mut self,
        accepted: &mut HeldOffer,
        converted: &mut Resources,
        conversion: Result<Conversion, String>,
        id: Option<OperationId>,
    ) {
        let error = match conversion {
            Ok(Conversion { consumed, made }) => {
                accepted.resources.subtract(&consumed);
                accepted.resources.add_all(&made);
                converted.subtract(&consumed);
                converted.add_all(&made);
                self.change_total(accepted, &consumed.unallocated(), &made.unallocated());
                None
            }
            Err(error) => {
                tracing::warn!(framework = accepted.framework.text(), error, "operation not carried out");
                Some(error)
            }
        };
        let Some(id) = id else { return };
        let state = if error.is_some() { OperationState::Error } else { OperationState::Finished };
        self.tell_operation(&accepted.framework, id, state, error, Some(accepted.agent.clone()));
    }

    /// Tells what became of an operation that was given an id.
    pub(super) fn tell_operation(
        &mut self,
        framework: &FrameworkId,
        id: OperationId,
        state: OperationState,
        message: Option<String>,
        agent: Option<AgentId>,
    ) {
        let status = OperationStatus {
            operation_id: Some(id),
            state: Some(state as i32),
            message,
            agent_id: agent,
            ..OperationStatus::default()
        };
        let event = Event {
            r#type: Some(EventType::UpdateOperationStatus as i32),
            update_operation_status: Some(UpdateOperationStatus { status: Some(status) }),
            ..Event::default()
        };
        self.send(framework, event);
    }

    /// Operations are carried out at once and then forgotten: none is known.
    pub(super) fn reconcile_operations(&mut self, framework: &FrameworkId, asked: Vec<ReconcileOperation>) {
        for operation in asked {
            let Some(id) = operation.operation_id else { continue };
            let message = "Reconciliation: Operation is unknown".to_owned();
            let state = OperationState::Unknown;
            self.tell_operation(framework, id, state, Some(message), operation.agent_id);
        }
    }

    /// Gives back what conversions made and no task took. It is offered again without a filter.
    pub(super) fn return_converted(&mut self, accepted: &mut HeldOffer, converted: &Resources) {
        let left = converted.filtered(|item| accepted.resources.can_give(item));
        if accepted.resources.subtract(&left) {
            self.release(&accepted.agent, left);
        }
    }

    fn change_total(&mut self, accepted: &HeldOffer, consumed: &Resources, made: &Resources) {
        let Some(agent) = self.agents.get_mut(&accepted.agent) else { return };
        agent.description.resources.subtract(consumed);
        agent.description.resources.add_all(made);
        let total = agent.description.resources.clone();
        self.tell(&accepted.agent, ToAgent::Resources(total));
    }
}

pub(super) fn check_unreserve(accepted: &HeldOffer, wanted: &[Resource]) -> Result<Conversion, String> {
    let consumed = parse(wanted)?.allocated_to(&accepted.role);
    let is_dynamic = consumed
        .last_reservations()
        .all(|last| last.is_some_and(|last| last.r#type == Some(ReservationType::Dynamic as i32)));
    if !is_dynamic {
        return Err("Invalid resources: a resource is not dynamically reserved".to_owned());
    }
    let made = consumed.without_last_reservation();
    available(accepted, Conversion { consumed, made })
}

fn parse(resources: &[Resource]) -> Result<Resources, String> {
    Resources::from_wire(resources).map_err(|malformed| malformed.to_string())
}

fn available(accepted: &HeldOffer, conversion: Conversion) -> Result<Conversion, String> {
    if accepted.resources.contains(&conversion.consumed) {
        return Ok(conversion);
    }
    Err(format!("Invalid resources: {} is not within {}", conversion.consumed, accepted.resources))
}
