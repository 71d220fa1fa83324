mod changes;
mod properties;
mod table;

use super::*;

const DISPATCHER: Circumstances<'_> = Circumstances {
    has_zookeeper: true,
    schemes: Some(&["local", "artifact", "https"]),
    allows_private_addresses: false,
    flinks: None,
    artifacts: None,
    previous: None,
};

/// The only manifest of `text`, which must be good.
fn accepted(text: &str) -> Manifest {
    only(text).validate(&DISPATCHER).unwrap_or_else(|refused| panic!("{refused}\n{text}")).manifest
}

fn only(text: &str) -> Draft {
    let mut drafts = read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(drafts.len(), 1, "{text}");
    drafts.remove(0)
}

/// A session with `more` lines in its specification.
fn session(more: &str) -> String {
    let lines: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {{name: one}}\nspec:\n  flinkVersion: v1_20\n{lines}"
    )
}
