//! From an HTTP request to a call: the checks of the real master that need no knowledge of frameworks, in
//! its order and words.

mod body;
mod required;

use mesos::wire::call::{self, CallType};
use mesos::wire::id::FrameworkId;

use super::credentials::Credentials;
use super::order::{Call, InverseAnswer, Order};

/// The part of the request's head that matters.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub method: String,
    pub content_type: Option<String>,
    pub accept: Option<String>,
    pub stream: Option<String>,
    pub authorization: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Json,
    Protobuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400
    BadRequest(String),
    /// 401
    Unauthorized,
    /// 405
    MethodNotAllowed(String),
    /// 406
    NotAcceptable,
    /// 415
    UnsupportedMediaType,
}

impl MediaType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    pub fn of_body(content_type: &str) -> Option<Self> {
        [Self::Json, Self::Protobuf].into_iter().find(|media| media.name() == content_type)
    }

    /// What an `Accept` header allows; JSON when it allows both or there is none.
    pub fn allowed_by(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept else { return Some(Self::Json) };
        let allows = |media: &Self| {
            accept.split(',').any(|range| {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let named =
                    ["*/*", "application/*", media.name()].iter().any(|n| n.eq_ignore_ascii_case(name));
                named && !parts.any(is_zero_weight)
            })
        };
        [Self::Json, Self::Protobuf].into_iter().find(allows)
    }
}

/// Who calls. Without credentials nobody is asked and the header is ignored.
pub fn authenticate(head: &Head, credentials: Option<&Credentials>) -> Result<Option<String>, Refusal> {
    let Some(credentials) = credentials else { return Ok(None) };
    let principal = credentials.authenticate(head.authorization.as_deref());
    principal.map(Some).ok_or(Refusal::Unauthorized)
}

/// The call and the form in which a stream of events is to be answered.
pub fn read(head: &Head, body: &[u8], principal: Option<String>) -> Result<(Call, MediaType), Refusal> {
    if head.method != "POST" {
        return Err(Refusal::MethodNotAllowed(head.method.clone()));
    }
    let Some(content_type) = &head.content_type else {
        return Err(Refusal::BadRequest("Expecting 'Content-Type' to be present".to_owned()));
    };
    let media = MediaType::of_body(content_type).ok_or(Refusal::UnsupportedMediaType)?;
    let call = body::decode(media, body).map_err(Refusal::BadRequest)?;
    let invalid = |detail: &str| Refusal::BadRequest(format!("Failed to validate scheduler::Call: {detail}"));
    let call = validate(call, head, principal).map_err(|detail| invalid(&detail))?;
    let Call::Subscribe { .. } = &call else { return Ok((call, media)) };
    let answered_in = MediaType::allowed_by(head.accept.as_deref()).ok_or(Refusal::NotAcceptable)?;
    if head.stream.is_some() {
        let text = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
        return Err(Refusal::BadRequest(text.to_owned()));
    }
    Ok((call, answered_in))
}

fn validate(call: call::Call, head: &Head, principal: Option<String>) -> Result<Call, String> {
    let kind =
        call.r#type.and_then(|n| CallType::try_from(n).ok()).ok_or("Expecting 'type' to be present")?;
    if kind == CallType::Subscribe {
        let subscribe = call.subscribe.ok_or("Expecting 'subscribe' to be present")?;
        let named =
            subscribe.framework_info.as_ref().and_then(|info| info.id.as_ref()).map(FrameworkId::text);
        if named.unwrap_or_default() != call.framework_id.as_ref().map(FrameworkId::text).unwrap_or_default()
        {
            return Err("'framework_id' differs from 'subscribe.framework_info.id'".to_owned());
        }
        let declared = subscribe.framework_info.as_ref().and_then(|info| info.principal.as_deref());
        if let Some(refusal) = refuse_principal(principal.as_deref(), declared) {
            return Err(refusal);
        }
        return Ok(Call::Subscribe { subscribe: Box::new(subscribe), principal });
    }
    let framework = call.framework_id.clone().ok_or("Expecting 'framework_id' to be present")?;
    let order = Box::new(order(kind, call, &framework)?);
    if let Order::UpdateFramework(update) = &*order {
        let declared = update.framework_info.as_ref().and_then(|info| info.principal.as_deref());
        if let Some(refusal) = refuse_principal(principal.as_deref(), declared) {
            return Err(refusal);
        }
    }
    Ok(Call::Order { framework, order, stream: head.stream.clone(), principal })
}

/// Why somebody proved to be `proved` cannot speak for a framework that declares `declared`.
pub fn refuse_principal(proved: Option<&str>, declared: Option<&str>) -> Option<String> {
    let (proved, declared) = (proved?, declared?);
    (proved != declared).then(|| {
        format!(
            "Authenticated principal '{proved}' does not match principal '{declared}' set in `FrameworkInfo`"
        )
    })
}

fn order(kind: CallType, call: call::Call, framework: &FrameworkId) -> Result<Order, &'static str> {
    Ok(match kind {
        CallType::Unknown | CallType::Subscribe => Order::Unknown,
        CallType::Teardown => Order::Teardown,
        CallType::Accept => Order::Accept(call.accept.ok_or("Expecting 'accept' to be present")?),
        CallType::Decline => Order::Decline(call.decline.ok_or("Expecting 'decline' to be present")?),
        CallType::Revive => Order::Revive(call.revive.unwrap_or_default().roles),
        CallType::Suppress => Order::Suppress(call.suppress.unwrap_or_default().roles),
        CallType::Kill => Order::Kill(call.kill.ok_or("Expecting 'kill' to be present")?),
        CallType::Shutdown => {
            Order::ShutDownExecutor(call.shutdown.ok_or("Expecting 'shutdown' to be present")?)
        }
        CallType::Acknowledge => {
            let acknowledge = call.acknowledge.ok_or("Expecting 'acknowledge' to be present")?;
            if acknowledge.uuid.as_ref().is_none_or(|uuid| uuid.len() != UUID_BYTES) {
                return Err("Not a valid UUID");
            }
            Order::Acknowledge(acknowledge)
        }
        CallType::Reconcile => {
            Order::Reconcile(call.reconcile.ok_or("Expecting 'reconcile' to be present")?.tasks)
        }
        CallType::UpdateFramework => {
            let update = call.update_framework.ok_or("Expecting 'update_framework' to be present")?;
            let named = update.framework_info.as_ref().and_then(|info| info.id.as_ref());
            if named != Some(framework) {
                return Err("'framework_id' differs from 'update_framework.framework_info.id'");
            }
            Order::UpdateFramework(Box::new(update))
        }
        CallType::Message => present(call.message.is_some(), "Expecting 'message' to be present")?,
        CallType::Request => present(call.request.is_some(), "Expecting 'request' to be present")?,
        CallType::AcceptInverseOffers => {
            let answer =
                call.accept_inverse_offers.ok_or("Expecting 'accept_inverse_offers' to be present")?;
            let (offers, filters) = (answer.inverse_offer_ids, answer.filters);
            Order::AnswerInverseOffers(InverseAnswer { is_accepted: true, offers, filters })
        }
        CallType::DeclineInverseOffers => {
            let answer =
                call.decline_inverse_offers.ok_or("Expecting 'decline_inverse_offers' to be present")?;
            let (offers, filters) = (answer.inverse_offer_ids, answer.filters);
            Order::AnswerInverseOffers(InverseAnswer { is_accepted: false, offers, filters })
        }
        CallType::AcknowledgeOperationStatus => present(
            call.acknowledge_operation_status.is_some(),
            "Expecting 'acknowledge_operation_status' to be present",
        )?,
        CallType::ReconcileOperations => {
            let reconcile =
                call.reconcile_operations.ok_or("Expecting 'reconcile_operations' to be present")?;
            Order::ReconcileOperations(reconcile.operations)
        }
    })
}

const UUID_BYTES: usize = 16;

/// For the calls that have no effect here: their bodies are all that is checked.
fn present(is_present: bool, otherwise: &'static str) -> Result<Order, &'static str> {
    if is_present { Ok(Order::Ineffective) } else { Err(otherwise) }
}

fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter.strip_prefix("q=").and_then(|q| q.trim().parse::<f64>().ok());
    weight.is_some_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests;
