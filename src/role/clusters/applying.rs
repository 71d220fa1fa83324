//! Manifests that are handed to the dispatcher, or compared there with what it has.

use tracing::Level;

use crate::cli::clusters::{ApplyOptions, Output};
use api::Document;
use api::client::{AskError, expected};
use api::scheduling::Fits;
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use dispatcher::{Outcome, Plan};
use manifest::{Change, Effect, Finding};

use super::ordering::query;
use super::text::plain;
use super::{credentials, files, print, refused, unanswered};
use crate::role::error::Fatal;
use crate::role::operator::table::line;

pub fn apply(options: &ApplyOptions, environment: &Environment) -> Result<u8, Fatal> {
    let documents = hand_in(options, environment, false)?;
    Ok(placeable(tell(options.order.answer.output, &documents, applied), &documents))
}

pub fn plan(options: &ApplyOptions, environment: &Environment) -> Result<u8, Fatal> {
    let documents = hand_in(options, environment, true)?;
    Ok(placeable(tell(options.order.answer.output, &documents, planned), &documents))
}

/// The code of what was accepted, if something of it certainly does not fit.
pub fn placeable(code: u8, documents: &[From]) -> u8 {
    let are_short = |from: &From| from.document.fits.as_ref().is_some_and(Fits::are_short);
    let is_good = code == Exit::Ok.code();
    if is_good && documents.iter().any(are_short) { Exit::NotPlaceable.code() } else { code }
}

/// As `diff`, it ends with 1 where anything is another.
pub fn diff(options: &ApplyOptions, environment: &Environment) -> Result<u8, Fatal> {
    let documents = hand_in(options, environment, true)?;
    let code = tell(options.order.answer.output, &documents, compared);
    let is_same =
        |from: &From| from.document.plan.as_ref().is_none_or(|plan| plan.outcome == Outcome::Unchanged);
    let is_good = code == Exit::Ok.code();
    Ok(if is_good && !documents.iter().all(is_same) { Exit::Differs.code() } else { code })
}

/// A document, and what messages call its file.
#[derive(Debug)]
pub struct From {
    pub file: String,
    pub document: Document,
}

/// All files are read before the first is handed in.
fn hand_in(options: &ApplyOptions, environment: &Environment, dry_run: bool) -> Result<Vec<From>, Fatal> {
    let read = |path: &std::path::PathBuf| Ok((files::shown(path), files::text(path)?));
    let texts = options.files.iter().map(read).collect::<Result<Vec<_>, Fatal>>()?;
    let (order, output) = (&options.order, options.order.answer.output);
    if texts.len() > 1 && order.if_revision.is_some() {
        return Err(Fatal::new(
            Exit::Usage,
            "--if-revision is for one manifest, and several files are named",
        ));
    }
    let dispatcher = super::connect(&order.answer.dispatcher, environment)?;
    let query = query(order, dry_run);
    let expected = expected(order.if_revision);
    let mut documents = Vec::new();
    let asked = super::runtime()?.block_on(async {
        for (file, text) in texts {
            let applied = dispatcher.apply(text, &query, expected).await;
            let applied = applied.map_err(|error| in_file(&file, error))?;
            let of_file = |document| From { file: file.clone(), document };
            documents.extend(applied.results.into_iter().map(of_file));
        }
        Ok(())
    });
    match asked {
        Ok(()) => Ok(documents),
        Err(fatal) => {
            // What was done before is told too.
            tell(output, &documents, applied);
            Err(fatal)
        }
    }
}

/// What is wrong with the whole file.
fn in_file(file: &str, error: AskError) -> Fatal {
    match error {
        AskError::Refused { problem, .. } if credentials::advice(problem.status).is_none() => {
            Fatal::new(refused(problem.status), format!("{file}: {}", problem.error))
        }
        error => unanswered(error),
    }
}

/// Of several documents that are refused; whose manifest is wrong is told where all else is right.
const WORST_FIRST: [Exit; 4] = [Exit::Unavailable, Exit::NotPermitted, Exit::Refused, Exit::NotThere];

/// The answers on stdout, what is odd or wrong on stderr.
pub fn tell(output: Output, documents: &[From], text: fn(&Plan, Option<&Fits>) -> String) -> u8 {
    for from in documents {
        for (level, message) in messages(from) {
            log::line(level, "flink-on-mesos", &message);
        }
    }
    match output {
        Output::Table => {
            let texts = documents.iter().filter_map(|from| {
                let Document { plan, fits, .. } = &from.document;
                Some(text(plan.as_ref()?, fits.as_ref()))
            });
            let text: String = texts.collect();
            if !text.is_empty() {
                super::say(text.trim_end_matches('\n'));
            }
        }
        output @ (Output::Json | Output::Yaml) => {
            let all: Vec<_> = documents.iter().map(|from| &from.document).collect();
            print(output, &all, |_| String::new());
        }
    }
    let codes: Vec<_> = documents
        .iter()
        .filter(|from| from.document.error.is_some())
        .map(|from| refused(from.document.status))
        .collect();
    let worst = WORST_FIRST.iter().find(|code| codes.contains(code)).or(codes.first()).copied();
    worst.unwrap_or(Exit::Ok).code()
}

/// Warnings and errors, each with file, line and field as far as they are known.
pub fn messages(From { file, document }: &From) -> Vec<(Level, String)> {
    let warnings = document.warnings.iter().map(|finding| (Level::WARN, placed(file, finding)));
    let mut messages: Vec<_> = warnings.collect();
    let Some(error) = &document.error else { return messages };
    if document.fields.is_empty() {
        messages.push((Level::ERROR, format!("{file}: {error}")));
    }
    messages.extend(document.fields.iter().map(|finding| (Level::ERROR, placed(file, finding))));
    messages
}

fn placed(file: &str, Finding { field, line, reason }: &Finding) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
    format!("{file}{line}: {field}{reason}")
}

/// What does not fit, or nobody knows to fit, is told.
pub fn applied(plan: &Plan, fits: Option<&Fits>) -> String {
    let Plan { name, outcome, revision, waits, .. } = plan;
    let waits = waits.as_ref().map(|why| format!("; it counts later: {why}")).unwrap_or_default();
    let mut text = match outcome {
        Outcome::Created => format!("{name} created, revision {revision}\n"),
        Outcome::Changed => format!("{name} changed, revision {revision}{waits}\n"),
        Outcome::Unchanged => format!("{name} unchanged, revision {revision}\n"),
    };
    if let Some(fits) = fits.filter(|fits| !fits.are_told_to_fit()) {
        line(&mut text, &format!("  {}", plain(&fits.why)));
    }
    text
}

pub fn planned(plan: &Plan, fits: Option<&Fits>) -> String {
    let Plan { name, outcome, revision, changes, effect, begins_anew, waits } = plan;
    let mut text = String::new();
    let effect = match (begins_anew, effect) {
        (true, Effect::Nothing | Effect::TaskManagerCount) => "the cluster begins anew",
        (_, Effect::Nothing) => "what runs goes on as it is",
        (_, Effect::TaskManagerCount) => "TaskManagers are added or stopped",
        (_, Effect::TaskManagers) => "AppMasters and TaskManagers begin anew",
        (_, Effect::AppMasters) => "AppMasters begin anew",
        (_, Effect::Everything) => "all begins anew",
    };
    match outcome {
        Outcome::Created => line(&mut text, &format!("{name} would be created")),
        Outcome::Changed => {
            line(&mut text, &format!("{name} would be changed, as revision {revision}: {effect}"));
        }
        Outcome::Unchanged => line(&mut text, &format!("{name} would be unchanged")),
    }
    for Change { field, old, new, .. } in changes {
        let value = |value: &Option<String>| value.as_deref().map_or("not set".to_owned(), plain);
        line(&mut text, &format!("  {field}: {} → {}", value(old), value(new)));
    }
    if let Some(why) = waits {
        line(&mut text, &format!("  it would count later: {why}"));
    }
    if let Some(fits) = fits {
        line(&mut text, &format!("  {}", plain(&fits.why)));
    }
    text
}

pub fn compared(plan: &Plan, _: Option<&Fits>) -> String {
    let mut text = String::new();
    match plan.outcome {
        Outcome::Created => line(&mut text, &format!("{}: there is no such cluster", plan.name)),
        Outcome::Unchanged => {}
        Outcome::Changed => {
            line(&mut text, &format!("{}: revision {} and what is handed in", plan.name, plan.revision - 1));
            for Change { field, old, new, .. } in &plan.changes {
                for (mark, value) in [('-', old), ('+', new)] {
                    if let Some(value) = value {
                        line(&mut text, &format!("{mark} {field}: {}", plain(value)));
                    }
                }
            }
        }
    }
    text
}
