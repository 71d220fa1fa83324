//! An explanation in plain words.

use scheduler::explain::{Explanation, OffersReport, Remedy, Supposition};

use super::table::{line, table};

pub fn text(explanation: &Explanation) -> String {
    let mut text = format!(
        "{} of {} TaskManagers run; each takes {}\n",
        explanation.running, explanation.target, explanation.need
    );
    if let Some(asked) = &explanation.asked {
        line(&mut text, &asked.to_string());
    }
    for task in &explanation.starting {
        line(
            &mut text,
            &format!(
                "launched, not yet {}: {} on {}, {} for {} s",
                if task.state == "TASK_RUNNING" { "registered" } else { "running" },
                task.task_id,
                task.hostname,
                task.state,
                task.since_s
            ),
        );
    }
    for task in &explanation.unheard {
        let goes = if task.giving_way { "another replaces it" } else { "another will replace it" };
        line(&mut text, &format!("not heard by the JobManager: {}; {goes}", task.silence()));
    }
    if let Some(waiting) = &explanation.waiting {
        line(&mut text, &format!("{} not launched: {}", waiting.taskmanagers, waiting.why));
    }
    if let Some(probing) = explanation.probing.as_ref().filter(|_| explanation.waiting.is_none()) {
        line(&mut text, &probing.to_string());
    }
    if explanation.waiting.is_some() || explanation.what_if.is_some() {
        let nothing = match &explanation.probing {
            Some(_) => "TaskManagers fail at their start",
            None => "none",
        };
        offers(&mut text, &explanation.offers, nothing);
    }
    remedies(&mut text, &explanation.remedies);
    for namesake in &explanation.namesakes {
        line(&mut text, &namesake.to_string());
    }
    if let Some(supposition) = &explanation.what_if {
        suppose(&mut text, supposition);
    }
    text
}

pub fn remedies(text: &mut String, remedies: &[Remedy]) {
    for remedy in remedies {
        line(text, &format!("would help: {}; then {} fit", remedy.change, remedy.fits));
    }
}

/// `nothing` is what is in the way where no agent lacks anything.
pub fn offers(text: &mut String, offers: &OffersReport, nothing: &str) {
    let Some(age_s) = offers.newest_age_s else {
        line(text, "no agent has offered anything since the start or the last REVIVE");
        return;
    };
    let obstacles: Vec<_> =
        offers.obstacles.iter().map(|(what, count)| format!("{what} ({count})")).collect();
    let obstacles = match obstacles.is_empty() {
        true => nothing.to_owned(),
        false => obstacles.join(", "),
    };
    line(
        text,
        &format!("{} agents have offered, the latest {age_s} s ago; obstacles: {obstacles}", offers.agents),
    );
    for resource in &offers.exhausted {
        line(
            text,
            &format!(
                "no agent offers any {resource}: other frameworks hold all of it, or the quota of the role is used up"
            ),
        );
    }
    let head = ["HOST", "ROLE", "OFFERED", "AGE", "REFUSED", "LACKS"].map(str::to_owned);
    let rows = offers.verdicts.iter().map(|verdict| {
        let lacks = match verdict.lacks.is_empty() {
            true => "nothing (room for 1)".to_owned(),
            false => verdict.lacks.join("; "),
        };
        let (age, refused) = (format!("{} s", verdict.age_s), format!("{} s", verdict.refused_s));
        [verdict.hostname.clone(), verdict.role.clone(), verdict.offered.clone(), age, refused, lacks]
    });
    table(text, &std::iter::once(head).chain(rows).collect::<Vec<_>>());
    if offers.left_out > 0 {
        line(text, &format!("… and {} that lack more", offers.left_out));
    }
    line(text, "agents whose resources are all taken by others offer nothing and are not listed");
}

fn suppose(text: &mut String, supposition: &Supposition) {
    let constraints = match supposition.constraints.is_empty() {
        true => "without constraints".to_owned(),
        false => format!("with {}", supposition.constraints.join(", ")),
    };
    line(
        text,
        &format!(
            "what if: of {} more TaskManagers, each of {}, {constraints}, {} fit into the latest offers",
            supposition.taskmanagers, supposition.need, supposition.fits
        ),
    );
    if !supposition.placed.is_empty() {
        let head = ["HOST", "ROLE", "TASKMANAGERS"].map(str::to_owned);
        let rows = supposition
            .placed
            .iter()
            .map(|share| [share.hostname.clone(), share.role.clone(), share.taskmanagers.to_string()]);
        table(text, &std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    if supposition.left_out > 0 {
        line(text, &format!("… and on {} more agents", supposition.left_out));
    }
    if let Some(nearest) = &supposition.nearest {
        line(text, &format!("the next one does not fit: {nearest}"));
    }
}
