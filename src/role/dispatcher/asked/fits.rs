//! Whether what a specification wants would fit into the latest offers, in words.

use std::time::Duration;

use api::scheduling::{Fits, Places, Sought};
use base::log;
use scheduler::driver::requests::Request;
use scheduler::fitting::{Fit, Fitting, Sought as Question, Wanted};
use tokio::time::{Instant, sleep};

use super::super::template;
use super::super::template::Makings;
use super::super::template::needs::covers;
use super::Shared;

/// Older offers are asked for again, where the scheduler wants none.
const FRESH: Duration = Duration::from_secs(10);

/// So long those are waited for that were asked for. They come at once, where there are any.
const WAIT: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// So many specifications are placed beside each other, and the next ones as if these were not there: the scheduler launches
/// nothing meanwhile.
const TOGETHER: usize = 16;

const REPLACED: &str =
    "AppMasters that run are replaced, and `explain` tells whether those that follow them fit";
const UNKNOWN: &str = "no offers are known now, so nobody can tell whether it fits";

/// What becomes of one specification.
#[derive(Debug)]
pub enum Inquiry {
    /// There is nothing to ask.
    Known(Fits),
    Asked {
        /// AppMasters that there shall be.
        replicas: usize,
        parts: Vec<Part>,
    },
}

/// AppMasters or TaskManagers.
#[derive(Debug)]
pub struct Part {
    noun: &'static str,
    /// Those that run and stay, or whose room others take over.
    there: usize,
    question: Question,
}

impl Shared {
    pub async fn fits(&self, sought: &[Sought]) -> Vec<Option<Fits>> {
        let (until, mut told) = (Instant::now() + WAIT, Vec::with_capacity(sought.len()));
        for together in sought.chunks(TOGETHER) {
            told.extend(self.fits_together(together, until).await);
        }
        told
    }

    async fn fits_together(&self, sought: &[Sought], until: Instant) -> Vec<Option<Fits>> {
        let inquiries: Vec<_> = sought.iter().map(|sought| inquiry(&self.makings, sought)).collect();
        let parts = inquiries.iter().flat_map(|inquiry| match inquiry {
            Inquiry::Known(_) => &[][..],
            Inquiry::Asked { parts, .. } => parts,
        });
        let questions: Vec<_> = parts.map(|part| part.question.clone()).collect();
        let fitting = match questions.is_empty() {
            true => Ok(Fitting::default()),
            false => self.fitting(&questions, until).await,
        };
        match fitting {
            Ok(mut fitting) => {
                let mut fits = std::mem::take(&mut fitting.fits);
                inquiries.into_iter().map(|inquiry| Some(inquiry.told(&mut fits, &fitting))).collect()
            }
            Err(why) => inquiries.into_iter().map(|inquiry| Some(inquiry.unanswered(&why))).collect(),
        }
    }

    /// Of offers that are not old, if there are such.
    async fn fitting(&self, questions: &[Question], until: Instant) -> Result<Fitting, String> {
        let ask = async || self.ask(|reply| Request::Fit(questions.to_vec(), reply)).await;
        let mut fitting = ask().await?;
        if is_enough(&fitting) {
            return Ok(fitting);
        }
        self.ask(Request::Look).await?;
        while !is_enough(&fitting) && Instant::now() < until {
            sleep(LOOK_EVERY).await;
            fitting = ask().await?;
        }
        Ok(fitting)
    }
}

fn is_enough(fitting: &Fitting) -> bool {
    let is_young = fitting.is_asking || fitting.ages.is_some_and(|(newest, _)| newest < FRESH);
    (fitting.is_known && is_young) || fitting.fits.iter().all(|fit| fit.there == fit.wanted)
}

pub fn inquiry(makings: &Makings, sought: &Sought) -> Inquiry {
    let spec = &sought.manifest.spec;
    let replicas = spec.job_manager.replicas.max(1) as usize;
    let known = |placeable: Option<usize>, why: String| {
        let appmasters = Places { wanted: replicas, placeable };
        Inquiry::Known(Fits { appmasters, taskmanagers: None, why })
    };
    let needs = match makings.needs(&sought.manifest) {
        Ok(needs) => needs,
        Err(error) => return known(Some(0), format!("cannot be launched here: {}", log::chain(&error))),
    };
    if sought.is_taken {
        if sought.begins_anew && sought.appmasters > 0 {
            return known(None, REPLACED.to_owned());
        }
        let Some(name) = template::group(&sought.manifest.metadata.name) else {
            return known(None, UNKNOWN.to_owned());
        };
        let parts = vec![Part { noun: APPMASTERS, there: 0, question: Question::Lacking(name) }];
        return Inquiry::Asked { replicas, parts };
    }
    let before = sought.before.as_ref().and_then(|before| makings.needs(before).ok());
    let is_freed = |of: fn(&template::needs::Needs) -> &Wanted| {
        before.as_ref().is_some_and(|before| covers(&of(before).need, &of(&needs).need))
    };
    // An application's AppMaster ends before the next is launched; a session's goes on until then.
    let stay = !sought.begins_anew || (spec.job.is_some() && is_freed(|needs| &needs.appmasters));
    let appmasters = if stay { sought.appmasters as usize } else { 0 };
    let taskmanagers = if is_freed(|needs| &needs.taskmanagers) { sought.taskmanagers as usize } else { 0 };
    let parts = vec![
        part(APPMASTERS, appmasters, needs.appmasters),
        part(TASKMANAGERS, taskmanagers, needs.taskmanagers),
    ];
    Inquiry::Asked { replicas, parts }
}

const APPMASTERS: &str = "AppMasters";
const TASKMANAGERS: &str = "TaskManagers";

fn part(noun: &'static str, there: usize, wanted: Wanted) -> Part {
    let there = there.min(wanted.count);
    let count = wanted.count - there;
    Part { noun, there, question: Question::Tasks(Wanted { count, ..wanted }) }
}

impl Inquiry {
    /// Nothing of it keeps anybody from ordering.
    fn unanswered(self, why: &str) -> Fits {
        match self {
            Self::Known(known) => known,
            Self::Asked { replicas, .. } => Fits {
                appmasters: Places { wanted: replicas, placeable: None },
                taskmanagers: None,
                why: format!("nobody can tell whether it fits: {why}"),
            },
        }
    }

    /// Takes what is its own from the front of `fits`.
    fn told(self, fits: &mut Vec<Fit>, fitting: &Fitting) -> Fits {
        let parts = match self {
            Self::Known(known) => return known,
            Self::Asked { parts, .. } => parts,
        };
        let own: Vec<_> = fits.drain(..parts.len().min(fits.len())).collect();
        let answers: Vec<_> = parts.iter().zip(own).collect();
        let mut places = answers.iter().map(|(part, fit)| places(part, fit, fitting.is_known));
        let appmasters = places.next().unwrap_or(Places { wanted: 0, placeable: None });
        Fits { appmasters, taskmanagers: places.next(), why: why(&answers, fitting) }
    }
}

fn places(part: &Part, fit: &Fit, is_known: bool) -> Places {
    let is_told = is_known || fit.there == fit.wanted;
    Places { wanted: part.there + fit.wanted, placeable: is_told.then_some(part.there + fit.placeable) }
}

fn why(answers: &[(&Part, Fit)], fitting: &Fitting) -> String {
    if answers.iter().all(|(_, fit)| fit.there == fit.wanted) {
        return "nothing is left to be launched".to_owned();
    }
    let Some((newest, oldest)) = fitting.ages.filter(|_| fitting.is_known) else { return UNKNOWN.to_owned() };
    let offers = format!(
        "the latest offers ({} agents, {} s to {} s ago)",
        fitting.agents,
        newest.as_secs(),
        oldest.as_secs()
    );
    let short = answers.iter().filter(|(_, fit)| fit.placeable < fit.wanted);
    let short = short.map(|(part, fit)| {
        let Places { wanted, placeable } = places(part, fit, true);
        let nearest = fit.nearest.as_deref().unwrap_or("no agent's offers come near");
        format!("room for {} of {wanted} {}, {nearest}", placeable.unwrap_or_default(), part.noun)
    });
    let short: Vec<_> = short.collect();
    match short.is_empty() {
        true => format!("would fit into {offers}"),
        false => format!("does not fit into {offers}: {}", short.join("; ")),
    }
}

#[cfg(test)]
mod tests;
