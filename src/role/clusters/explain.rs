//! Where a cluster stands, why, and what would help, in plain words.

use std::collections::BTreeMap;

use super::describe::{attempt_rows, tell};
use super::text::{plain, time};
use super::{ask, print};
use crate::cli::ExplainOptions;
use crate::role::error::Fatal;
use crate::role::operator::explain::{offers, remedies};
use crate::role::operator::table::line;
use api::Explanation;
use api::scheduling::Placing;
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::Attempt;

/// With a name.
pub fn run(options: &ExplainOptions, environment: &Environment) -> Result<u8, Fatal> {
    let name = options.name.as_deref().unwrap_or_default();
    let answer = ask(&options.dispatcher, environment, async |dispatcher| dispatcher.explain(name).await)?;
    print(options.output, &answer, text);
    Ok(Exit::Ok.code())
}

pub fn text(explanation: &Explanation) -> String {
    let Explanation { cluster, ended, attempts, appmasters, placing, unknown } = explanation;
    let mut text = String::new();
    let since = cluster.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
    let why = cluster.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    line(&mut text, &format!("{} {}{since}{why}", plain(&cluster.name), cluster.state.word()));
    line(&mut text, &format!("{} of {} AppMasters run", cluster.running, cluster.target));
    if let Some(ended) = ended {
        let task_id = plain(&ended.task_id);
        line(&mut text, &format!("ended {} with code {}: {task_id}", time(ended.at), ended.code));
    }
    for (hostname, count) in shared(attempts) {
        line(
            &mut text,
            &format!("{count} AppMasters share one agent, {hostname}: they would be lost together"),
        );
    }
    if let Some(placing) = placing {
        place(&mut text, placing);
    }
    if let Some(why) = unknown {
        line(&mut text, &format!("this is what is stored, without the scheduler: {}", plain(why)));
    }
    for appmaster in appmasters {
        tell(&mut text, appmaster);
    }
    attempt_rows(&mut text, attempts);
    text
}

/// Agents with several AppMasters: a host's name, and how many there are.
fn shared(attempts: &[Attempt]) -> Vec<(String, usize)> {
    let mut agents: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt.ended.is_none()) {
        agents.entry(&attempt.agent_id).or_default().push(attempt);
    }
    let several = agents.into_values().filter(|attempts| attempts.len() > 1);
    several.map(|attempts| (plain(&attempts[0].hostname), attempts.len())).collect()
}

fn place(text: &mut String, placing: &Placing) {
    let Placing { missing, why, need, offers: offered, remedies: changes, quota } = placing;
    let why = why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    line(text, &format!("{missing} not launched{why}; each takes {need}"));
    if let Some(quota) = quota {
        line(text, &plain(quota));
    }
    offers(text, offered, "none");
    remedies(text, changes);
}
