//! Changes, one a line.

use dispatcher::AuditEntry;

use super::text::{or_dash, plain, time};
use crate::role::operator::table::table;

pub fn text(entries: &[AuditEntry]) -> String {
    if entries.is_empty() {
        return "no changes\n".to_owned();
    }
    let head = ["AT", "CLUSTER", "CHANGE", "REVISION", "BY", "FIELDS", "MESSAGE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(entries.iter().map(row)).collect();
    let mut text = String::new();
    table(&mut text, &rows);
    text
}

fn row(entry: &AuditEntry) -> [String; 7] {
    let by = match (&entry.user, &entry.from) {
        (Some(user), Some(from)) => format!("{}, {}", plain(user), plain(from)),
        (Some(user), None) => plain(user),
        (None, _) => "the dispatcher".to_owned(),
    };
    let fields = match (entry.fields.first(), entry.fields.len() + entry.more_fields) {
        (Some(first), 1) => plain(&first.field),
        (Some(first), all) => format!("{} and {} more", plain(&first.field), all - 1),
        (None, _) => "-".to_owned(),
    };
    let cluster = Some(&entry.cluster).filter(|cluster| !cluster.is_empty());
    [
        time(entry.at),
        or_dash(cluster),
        entry.verb.word().to_owned(),
        or_dash(cluster.map(|_| entry.revision)),
        by,
        fields,
        entry.message.as_deref().map(plain).unwrap_or_default(),
    ]
}
