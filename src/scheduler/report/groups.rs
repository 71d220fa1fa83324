//! What is told of each group of tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ProbingReport, TaskReport, Waiting};
use crate::Scheduler;
use base::time::Moment;
use domain::demand::Asked;
use domain::state::Ended;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupReport {
    pub target: u32,
    /// How many Mesos runs and the JobManager hears, as far as it can be asked.
    pub running: usize,
    /// How many Mesos runs and the JobManager has not heard for long.
    pub unheard: usize,
    /// Only where the number follows the jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// How many tasks are still to be launched, and why they are not; none when all are.
    pub waiting: Option<Waiting>,
    /// While tasks fail at their start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<ProbingReport>,
    /// A task of it has done what the group is for: it gets no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Too many of its tasks have failed, and none is launched for a while.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rests: bool,
}

impl Scheduler {
    pub(crate) fn group_reports(&self, tasks: &[TaskReport], now: Moment) -> BTreeMap<String, GroupReport> {
        let mut reports = BTreeMap::new();
        for (name, group) in &self.groups {
            let waiting = match self.lacking(name) {
                0 => None,
                tasks => Some(Waiting::new(tasks, self.reason(name, now))),
            };
            let report = GroupReport {
                target: self.group_target(name),
                running: 0,
                unheard: 0,
                asked: group.asked.clone(),
                waiting,
                probing: self.probing_report(name, now),
                ended: self.state().group(name).ended.clone(),
                rests: group.rests(now),
            };
            reports.insert(name.text().to_owned(), report);
        }
        for task in tasks {
            if let Some(report) = reports.get_mut(task.group.text()) {
                report.running += usize::from(task.runs());
                report.unheard += usize::from(task.is_unheard());
            }
        }
        reports
    }
}
