//! A cluster in plain words.

use api::{AppMaster, Described};
use dispatcher::{Attempt, Description, PendingOrder, RevisionReport};

use super::list::revision;
use super::text::{or_dash, plain, time};
use super::{events, yaml};
use crate::role::operator::table::{line, table};

pub fn text(described: &Described) -> String {
    let Described { known, appmasters, ui } = described;
    let Description { cluster, manifest, ended, revisions, attempts, events, pending } = known;
    let mut text = String::new();
    line(&mut text, &format!("cluster     {}", plain(&cluster.name)));
    let why = cluster.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    line(&mut text, &format!("state       {}{why}", cluster.state.word()));
    if cluster.frozen {
        line(&mut text, "frozen      manifests that are applied wait until it is thawed");
    }
    line(&mut text, &format!("AppMasters  {} of {} run", cluster.running, cluster.target));
    line(&mut text, &format!("revision    {}", revision(cluster)));
    line(&mut text, &format!("Flink       {}", or_dash(cluster.flink_version.as_deref())));
    line(&mut text, &format!("created     {}", or_dash(cluster.created.map(time))));
    line(&mut text, &format!("Web UI      {}", or_dash(ui.as_deref().map(plain))));
    for appmaster in appmasters {
        tell(&mut text, appmaster);
    }
    if let Some(ended) = ended {
        let task_id = plain(&ended.task_id);
        line(&mut text, &format!("ended       {} with code {}: {task_id}", time(ended.at), ended.code));
    }
    if !pending.is_empty() {
        line(&mut text, "\norders to the AppMaster that it has not carried out, the oldest first");
        pending.iter().for_each(|order| line(&mut text, &format!("  {}", told(order))));
    }
    section(&mut text, "revisions", ["NUMBER", "AT", "BY", "MESSAGE"], revisions.iter().map(revision_row));
    attempt_rows(&mut text, attempts);
    if !events.is_empty() {
        line(&mut text, "\nevents, the newest first");
        events.iter().for_each(|event| line(&mut text, &format!("  {}", events::line(event, false))));
    }
    if let Some(manifest) = manifest {
        line(&mut text, "\nmanifest, without its secrets");
        let value = serde_json::to_value(manifest).expect("all keys are texts");
        yaml::text(&value).lines().for_each(|yaml| line(&mut text, &format!("  {yaml}")));
    }
    text
}

/// `order 3, since …: scaling to 3 TaskManagers`
fn told(PendingOrder { id, what, at, why, .. }: &PendingOrder) -> String {
    let why = why.as_deref().map(|why| format!(" has to wait: {}", plain(why))).unwrap_or_default();
    format!("order {id}, since {}: {}{why}", time(*at), plain(&what.to_string()))
}

pub fn attempt_rows(text: &mut String, attempts: &[Attempt]) {
    let head = ["NUMBER", "HOST", "STATE", "SINCE", "TASK"];
    section(text, "attempts", head, attempts.iter().map(attempt_row));
}

/// What it has told last.
pub fn tell(text: &mut String, appmaster: &AppMaster) {
    let AppMaster { flink_url, status_url, target, running, jobs_running, waiting, .. } = appmaster;
    let why = waiting.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    line(text, &format!("\nattempt {} says, as {}", plain(&appmaster.task_id), plain(&appmaster.standing)));
    line(text, &format!("  TaskManagers  {running} of {target} run{why}"));
    line(text, &format!("  jobs          {}", or_dash(*jobs_running)));
    line(text, &format!("  Flink         {}", or_dash(flink_url.as_deref().map(plain))));
    line(text, &format!("  status page   {}", or_dash(status_url.as_deref().map(plain))));
}

fn section<const COLUMNS: usize>(
    text: &mut String,
    name: &str,
    head: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) {
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    if rows.len() > 1 {
        line(text, &format!("\n{name}, the newest first"));
        table(text, &rows);
    }
}

fn revision_row(revision: &RevisionReport) -> [String; 4] {
    let runs = if revision.is_running { " (runs)" } else { "" };
    [
        format!("{}{runs}", revision.number),
        time(revision.at),
        format!("{}, {}", plain(&revision.user), plain(&revision.from)),
        revision.message.as_deref().map(plain).unwrap_or_default(),
    ]
}

fn attempt_row(attempt: &Attempt) -> [String; 5] {
    let state = match attempt.ended {
        Some(at) => format!("ended {}", time(at)),
        None => plain(&attempt.state),
    };
    [
        attempt.number.to_string(),
        plain(&attempt.hostname),
        state,
        time(attempt.since),
        plain(&attempt.task_id),
    ]
}
