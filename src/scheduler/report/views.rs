//! How it stands with each group, for those for whom the scheduler keeps it.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use domain::view::{End, TaskView, View};

use super::{GroupReport, Report, TaskReport};

impl Report {
    /// By group, without that of TaskManagers. One that is gone is there as long as tasks of it are.
    pub fn views(&self) -> BTreeMap<String, View> {
        let mut views: BTreeMap<_, _> =
            self.groups.iter().map(|(name, group)| (name.clone(), view(group))).collect();
        for task in self.tasks.iter().filter(|task| !task.group.is_taskmanagers()) {
            let view: &mut View = views.entry(task.group.text().to_owned()).or_default();
            view.tasks.push(task_view(task));
        }
        views
    }
}

fn view(group: &GroupReport) -> View {
    View {
        target: group.target,
        tasks: Vec::new(),
        waiting: group.waiting.as_ref().map(|waiting| waiting.why.clone()),
        rests: group.rests,
        ended: group.ended.as_ref().map(|ended| End {
            task_id: ended.task.clone(),
            generation: ended.generation,
            code: ended.code,
            at: Timestamp::of_seconds(ended.at),
        }),
    }
}

fn task_view(task: &TaskReport) -> TaskView {
    TaskView {
        id: task.task_id.clone(),
        attempt: task.attempt,
        generation: task.generation,
        agent_id: task.agent_id.clone(),
        hostname: task.hostname.clone(),
        state: task.state.clone().into_owned(),
        since: Timestamp::of_seconds(task.since),
        runs: task.runs(),
        ending: task.ending,
        giving_way: task.giving_way,
    }
}
