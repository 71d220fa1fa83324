//! Who waits, one a line, and what was offered last.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::text::{or_dash, plain, time};
use super::{ask, print};
use crate::cli::clusters::AnswerOptions;
use crate::role::error::Fatal;
use crate::role::operator::table::{line, table};
use api::{Queue, Waiting};
use base::exit::Exit;
use conf::environment::Environment;
use scheduler::queue::OffersSummary;

pub fn run(options: &AnswerOptions, environment: &Environment) -> Result<u8, Fatal> {
    let answer = ask(&options.dispatcher, environment, async |dispatcher| dispatcher.queue().await)?;
    print(options.output, &answer, text);
    Ok(Exit::Ok.code())
}

pub fn text(queue: &Queue) -> String {
    let mut text = String::new();
    if queue.clusters.is_empty() {
        line(&mut text, "no cluster waits");
    } else {
        let head = ["PLACE", "NAME", "WAITS FOR", "MISSING", "SINCE", "WHY"].map(str::to_owned);
        table(&mut text, &std::iter::once(head).chain(queue.clusters.iter().map(row)).collect::<Vec<_>>());
    }
    match (&queue.offers, &queue.unknown) {
        (Some(offers), _) => summary(&mut text, offers),
        (None, why) => {
            let why = plain(why.as_deref().unwrap_or_default());
            line(&mut text, &format!("this is what is stored, without the scheduler: {why}"));
        }
    }
    text
}

fn row(waiting: &Waiting) -> [String; 6] {
    let Waiting { cluster, place, quota, .. } = waiting;
    let why = quota.iter().chain(&cluster.why).map(|why| plain(why)).collect::<Vec<_>>();
    [
        or_dash(*place),
        plain(&cluster.name),
        cluster.waits_for.text().to_owned(),
        cluster.missing.to_string(),
        or_dash(cluster.since.map(time)),
        why.join("; "),
    ]
}

fn summary(text: &mut String, offers: &OffersSummary) {
    let OffersSummary { offers, agents, newest_age_s, oldest_age_s, declined, obstacles, resources, roles } =
        offers;
    let Some((newest, oldest)) = newest_age_s.zip(*oldest_age_s) else {
        line(text, "no offers have come yet");
        return;
    };
    let counted = |what: &BTreeMap<String, usize>| {
        let parts = what.iter().map(|(name, count)| format!("{} ({count})", plain(name)));
        parts.collect::<Vec<_>>().join(", ")
    };
    line(text, &format!("the latest offers: {offers} of {agents} agents, {newest} s to {oldest} s ago"));
    line(text, &format!("  free      {}", amounts(resources)));
    line(text, &format!("  roles     {}", counted(roles)));
    let why = if obstacles.is_empty() { String::new() } else { format!(": {}", counted(obstacles)) };
    line(text, &format!("  declined  {declined}{why}"));
}

fn amounts(resources: &BTreeMap<String, impl Display>) -> String {
    let amounts = resources.iter().map(|(name, amount)| format!("{} {amount}", plain(name)));
    let amounts: Vec<_> = amounts.collect();
    if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(", ") }
}
