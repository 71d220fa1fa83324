//! Clusters, one a line.

use dispatcher::ClusterReport;

use super::text::{or_dash, plain, time};
use crate::role::operator::table::table;

pub fn text(clusters: &[ClusterReport]) -> String {
    if clusters.is_empty() {
        return "no clusters\n".to_owned();
    }
    let head = ["NAME", "STATE", "APPMASTERS", "REVISION", "FLINK", "SINCE", "WHY"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(clusters.iter().map(row)).collect();
    let mut text = String::new();
    table(&mut text, &rows);
    text
}

fn row(cluster: &ClusterReport) -> [String; 7] {
    let state = cluster.state.word();
    let state = if cluster.frozen { format!("{state}, frozen") } else { state.to_owned() };
    [
        plain(&cluster.name),
        state,
        format!("{}/{}", cluster.running, cluster.target),
        revision(cluster),
        or_dash(cluster.flink_version.as_deref()),
        or_dash(cluster.since.map(time)),
        cluster.why.as_deref().map(plain).unwrap_or_default(),
    ]
}

/// `3`, and `3 (2 runs)` where the last one waits.
pub fn revision(cluster: &ClusterReport) -> String {
    match (cluster.revision, cluster.running_revision) {
        (Some(last), Some(running)) if last != running => format!("{last} ({running} runs)"),
        (last, _) => or_dash(last),
    }
}
