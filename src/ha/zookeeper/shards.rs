//! Which task lies in which node.

use std::collections::BTreeMap;

use domain::state::TaskRecord;

/// The tasks of one node.
pub type Shard<'a> = BTreeMap<&'a str, &'a TaskRecord>;

/// Nodes at most: with 10,000 tasks each holds 40 on average, about 7 kB.
pub const SHARDS: u64 = 256;

/// Tasks with consecutive numbers, which are launched together, share a node.
const NEIGHBOURS: u64 = 64;

/// By the node's name; none is empty.
pub fn split(tasks: &BTreeMap<String, TaskRecord>) -> BTreeMap<String, Shard<'_>> {
    let mut shards: BTreeMap<String, Shard<'_>> = BTreeMap::new();
    for (id, record) in tasks {
        shards.entry(name(id)).or_default().insert(id, record);
    }
    shards
}

fn name(task_id: &str) -> String {
    let digits = task_id.len() - task_id.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let number: u64 = task_id[task_id.len() - digits..].parse().unwrap_or_default();
    format!("{:03}", number / NEIGHBOURS % SHARDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_node_and_the_number_of_nodes_is_limited() {
        let ids = ["taskmanager-00000", "taskmanager-00063", "taskmanager-00064", "taskmanager-16384", "odd"];
        assert_eq!(ids.map(name), ["000", "000", "001", "000", "000"]);
        let record = TaskRecord::new("S0".into(), "a".into());
        let tasks: BTreeMap<_, _> = (0..100_000)
            .step_by(10)
            .map(|number| (format!("taskmanager-{number:05}"), record.clone()))
            .collect();
        let shards = split(&tasks);
        assert_eq!(shards.len() as u64, SHARDS);
        let most = shards.values().map(BTreeMap::len).max();
        assert!(most.is_some_and(|most| most <= 60), "{most:?}");
    }
}
