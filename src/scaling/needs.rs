//! How many slots a job has a use for, from what Flink's REST API tells of it.

use std::collections::BTreeMap;

use flink::rest::{self, JobDetails, JobState, Requirements, Vertex};

use super::{Job, Shortage};

/// `requirements` are those of a job under the adaptive scheduler; no other has any. The details may be some seconds
/// older than the overview.
pub fn job(overview: &rest::Job, details: &JobDetails, requirements: Option<&Requirements>) -> Job {
    let vertices = || details.vertices.iter().filter(|vertex| !vertex.has_finished());
    let now = slots(vertices().map(|vertex| (vertex, vertex.parallelism)));
    let upper_bound = |vertex: &Vertex| {
        let bound = requirements.and_then(|requirements| requirements.upper_bound(&vertex.id));
        bound.unwrap_or(vertex.parallelism)
    };
    let wanted = slots(vertices().map(|vertex| (vertex, upper_bound(vertex))));
    Job {
        // A stage of an adaptive batch job that is not yet due has no parallelism.
        needs: (!details.vertices.is_empty()).then_some(wanted.max(1)),
        shortage: match requirements {
            _ if overview.tasks.scheduled > 0 => Shortage::Waits,
            Some(_) if now < wanted || overview.state == JobState::Created => Shortage::CouldGrow,
            // A stage that is not due yet has tasks that are created and wait for no slot.
            Some(_) | None => Shortage::None,
        },
        keeps_results: overview.tasks.finished > 0 && !details.is_streaming(),
    }
}

/// Of which nothing more is known than that it is there.
pub fn unknown() -> Job {
    Job { needs: None, shortage: Shortage::None, keeps_results: false }
}

/// Subtasks of one group share slots: it needs as many as its widest vertex. Before Flink 1.20 nobody tells the groups,
/// and all of a job is taken for one, as it is unless the job says otherwise.
fn slots<'a>(vertices: impl Iterator<Item = (&'a Vertex, i64)>) -> u32 {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for (vertex, parallelism) in vertices {
        let widest = groups.entry(vertex.slot_sharing_group_id.as_deref().unwrap_or_default()).or_default();
        *widest = (*widest).max(u32::try_from(parallelism).unwrap_or_default());
    }
    groups.into_values().fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overview(tasks: &serde_json::Value) -> rest::Job {
        let mut all = json!({ "total": 6, "created": 0, "scheduled": 0, "running": 0, "finished": 0 });
        all.as_object_mut().unwrap().extend(tasks.as_object().unwrap().clone());
        let job = json!({ "jid": "j", "name": "n", "state": "RUNNING", "tasks": all });
        serde_json::from_value(job).unwrap()
    }

    fn details(kind: &str, vertices: &[(&str, i64, Option<&str>, &str)]) -> JobDetails {
        let vertices: Vec<_> = vertices
            .iter()
            .map(|(id, parallelism, group, status)| {
                json!({ "id": id, "parallelism": parallelism, "slotSharingGroupId": group, "status": status })
            })
            .collect();
        serde_json::from_value(json!({ "job-type": kind, "vertices": vertices })).unwrap()
    }

    #[test]
    fn the_widest_vertex_of_each_group_counts() {
        let one = details("STREAMING", &[("a", 2, None, "RUNNING"), ("b", 6, None, "RUNNING")]);
        let two = details("STREAMING", &[("a", 2, Some("x"), "RUNNING"), ("b", 6, Some("y"), "RUNNING")]);
        let steady = overview(&json!({ "running": 8 }));
        assert_eq!(
            job(&steady, &one, None),
            Job { needs: Some(6), shortage: Shortage::None, keeps_results: false }
        );
        assert_eq!(job(&steady, &two, None).needs, Some(8));
    }

    #[test]
    fn who_waits_is_short_and_before_there_is_a_plan_nobody_knows_anything() {
        let waiting = overview(&json!({ "scheduled": 6 }));
        let created = details("STREAMING", &[("a", 6, None, "CREATED")]);
        assert_eq!(job(&waiting, &created, None).shortage, Shortage::Waits);
        assert_eq!(job(&waiting, &details("STREAMING", &[]), None).needs, None);
    }

    #[test]
    fn a_job_that_restarts_needs_what_it_needed() {
        let restarting = overview(&json!({ "canceled": 6 }));
        let of = details("STREAMING", &[("a", 6, None, "CANCELED"), ("b", 3, None, "FAILED")]);
        assert_eq!(job(&restarting, &of, None).needs, Some(6));
    }

    #[test]
    fn a_stage_that_is_over_needs_nothing_but_its_results_stay() {
        let second = overview(&json!({ "finished": 6, "running": 2 }));
        let stages = [("a", 6, None, "FINISHED"), ("b", 2, None, "RUNNING"), ("c", -1, None, "CREATED")];
        let batch = job(&second, &details("BATCH", &stages), None);
        assert_eq!(batch, Job { needs: Some(2), shortage: Shortage::None, keeps_results: true });
        assert!(!job(&second, &details("STREAMING", &stages), None).keeps_results);
    }

    #[test]
    fn under_the_adaptive_scheduler_the_upper_bound_counts() {
        let requirements = json!({ "a": { "parallelism": { "lowerBound": 1, "upperBound": 4 } } });
        let requirements: Requirements = serde_json::from_value(requirements).unwrap();
        let small = details("STREAMING", &[("a", 2, None, "RUNNING")]);
        let steady = overview(&json!({ "running": 2 }));
        let wants_more = job(&steady, &small, Some(&requirements));
        assert_eq!(wants_more, Job { needs: Some(4), shortage: Shortage::CouldGrow, keeps_results: false });
    }
}
