//! Typed calls become the bytes that a master took.

use std::time::Duration;

use mesos::call::{self, Call};
use mesos::wire;
use mesos::wire::call::CallType;
use mesos::wire::offer::Filters;
use prost::Message as _;

use super::traffic::{Encoding, Http, files, read};

#[test]
fn typed_calls_encode_to_what_was_recorded() {
    let mut seen = std::collections::BTreeMap::new();
    for path in files(Encoding::Protobuf, ".request.http") {
        let request = Http::parse(&read(&path));
        let Ok(recorded) = wire::call::Call::decode(request.body.clone()) else { continue };
        let Some(again) = retyped(recorded) else { continue };
        assert_eq!(again.encode_to_vec(), request.body, "{}", path.display());
        *seen.entry(again.r#type().name()).or_insert(0) += 1;
    }
    let kinds: Vec<_> = seen.keys().copied().collect();
    let expected = [
        "ACCEPT",
        "ACKNOWLEDGE",
        "DECLINE",
        "KILL",
        "RECONCILE",
        "REVIVE",
        "SUBSCRIBE",
        "SUPPRESS",
        "TEARDOWN",
    ];
    assert_eq!(kinds, expected, "{seen:?}");
}

/// The recorded call by way of our own types; `None` for what we never send.
fn retyped(recorded: wire::call::Call) -> Option<wire::call::Call> {
    let call = match CallType::try_from(recorded.r#type?).ok()? {
        CallType::Subscribe => {
            let subscribe = recorded.subscribe?;
            return Some(call::subscribe(subscribe.framework_info?, subscribe.suppressed_roles));
        }
        CallType::Accept => {
            let accept = recorded.accept?;
            let [operation] = <[_; 1]>::try_from(accept.operations).ok()?;
            let launch = operation.launch?.task_infos;
            if launch.len() != 1 {
                // We send an operation for each task.
                return None;
            }
            Call::Accept { offer_ids: accept.offer_ids, launch, refuse: refuse(accept.filters)? }
        }
        CallType::Decline => {
            let decline = recorded.decline?;
            Call::Decline { offer_ids: decline.offer_ids, refuse: refuse(decline.filters)? }
        }
        CallType::Revive => Call::Revive { roles: recorded.revive?.roles },
        CallType::Suppress => Call::Suppress { roles: recorded.suppress?.roles },
        CallType::Kill => {
            let kill = recorded.kill?;
            let grace = kill.kill_policy.and_then(|policy| policy.grace_period?.nanoseconds);
            let grace = grace.map(|nanoseconds| Duration::from_nanos(nanoseconds.unsigned_abs()));
            Call::Kill { task_id: kill.task_id?, agent_id: kill.agent_id, grace }
        }
        CallType::Acknowledge => {
            let acknowledge = recorded.acknowledge?;
            let uuid = acknowledge.uuid?[..].try_into().ok()?;
            Call::Acknowledge { agent_id: acknowledge.agent_id?, task_id: acknowledge.task_id?, uuid }
        }
        CallType::Reconcile => {
            let tasks = recorded.reconcile?.tasks.into_iter();
            Call::Reconcile { tasks: tasks.filter_map(|task| Some((task.task_id?, task.agent_id))).collect() }
        }
        CallType::Teardown => Call::Teardown,
        CallType::Unknown
        | CallType::Shutdown
        | CallType::Message
        | CallType::Request
        | CallType::AcceptInverseOffers
        | CallType::DeclineInverseOffers
        | CallType::AcknowledgeOperationStatus
        | CallType::ReconcileOperations
        | CallType::UpdateFramework => return None,
    };
    Some(call.into_wire(recorded.framework_id?))
}

fn refuse(filters: Option<Filters>) -> Option<Duration> {
    filters?.refuse_seconds.map(Duration::from_secs_f64)
}
