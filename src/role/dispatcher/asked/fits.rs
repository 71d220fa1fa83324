//! Whether what a specification wants would fit into the latest offers, in words.

use std::collections::BTreeMap;
use std::time::Duration;

use api::scheduling::{Fits, Places, Sought};
use base::log;
use domain::need::{Milli, Need};
use scheduler::driver::requests::Request;
use scheduler::fitting::{Fit, Fitting, Sought as Question, Wanted};
use tokio::time::{Instant, sleep};

use super::super::template;
use super::super::template::Makings;
use super::super::template::needs::{Needs, covers};
use super::Shared;
use super::room::{Claim, Left, Room};

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
        /// Of AppMasters, then of TaskManagers, upon the quotas of Mesos roles.
        claims: Vec<Claim>,
    },
}

/// AppMasters or TaskManagers.
#[derive(Debug)]
pub struct Part {
    /// What one of them is called.
    noun: &'static str,
    /// Those that run and stay, or whose room others take over.
    there: usize,
    question: Question,
}

impl Shared {
    pub async fn fits(&self, sought: &[Sought]) -> Vec<Option<Fits>> {
        let inquiries: Vec<_> = sought.iter().map(|sought| inquiry(&self.makings, sought)).collect();
        // Before it is asked what is lacking: what is launched in between is then counted nowhere rather than twice.
        let has_claims = inquiries.iter().any(|inquiry| matches!(inquiry, Inquiry::Asked { .. }));
        let quotas = if has_claims { self.quotas.told().await } else { None };
        let mut quotas =
            quotas.as_ref().map(|told| told.as_ref().map(|quotas| Left::of(quotas)).map_err(|why| &**why));
        let (until, mut told) = (Instant::now() + WAIT, Vec::with_capacity(inquiries.len()));
        let mut inquiries = inquiries.into_iter();
        while told.len() < sought.len() {
            let together = inquiries.by_ref().take(TOGETHER).collect();
            told.extend(self.fits_together(together, &mut quotas, until).await);
        }
        told
    }

    async fn fits_together(
        &self,
        inquiries: Vec<Inquiry>,
        quotas: &mut Quotas<'_>,
        until: Instant,
    ) -> Vec<Option<Fits>> {
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
                inquiries.into_iter().map(|inquiry| Some(inquiry.told(&mut fits, &fitting, quotas))).collect()
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

/// None where nobody has been asked; or why nobody knows.
type Quotas<'a> = Option<Result<Left<'a>, &'a str>>;

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
        Err(error) => {
            let stay = if sought.begins_anew { 0 } else { replicas.min(sought.appmasters as usize) };
            return known(Some(stay), format!("cannot be launched here: {}", log::chain(&error)));
        }
    };
    let before = sought.before.as_ref().and_then(|before| makings.needs(before).ok());
    let staying = Staying::of(sought, before.as_ref(), &needs);
    let claims = staying.claims(sought, before.as_ref(), &needs);
    if sought.is_taken {
        if sought.begins_anew && sought.appmasters > 0 {
            return known(None, REPLACED.to_owned());
        }
        let Some(name) = template::group(&sought.manifest.metadata.name) else {
            return known(None, UNKNOWN.to_owned());
        };
        let parts = vec![Part { noun: template::APPMASTER, there: 0, question: Question::Lacking(name) }];
        return Inquiry::Asked { replicas, parts, claims };
    }
    let parts =
        vec![part(staying.appmasters, needs.appmasters), part(staying.taskmanagers, needs.taskmanagers)];
    Inquiry::Asked { replicas, parts, claims }
}

/// How many tasks stay, or leave their room to others.
struct Staying {
    appmasters: usize,
    taskmanagers: usize,
}

impl Staying {
    fn of(sought: &Sought, before: Option<&Needs>, needs: &Needs) -> Self {
        let is_freed = |of: fn(&Needs) -> &Wanted| {
            before.is_some_and(|before| covers(&of(before).need, &of(needs).need))
        };
        let has_job = sought.manifest.spec.job.is_some();
        // An application's AppMaster ends before the next is launched; a session's goes on until then.
        let stay = !sought.begins_anew || (has_job && is_freed(|needs| &needs.appmasters));
        Self {
            appmasters: if stay { sought.appmasters as usize } else { 0 },
            taskmanagers: if is_freed(|needs| &needs.taskmanagers) {
                sought.taskmanagers as usize
            } else {
                0
            },
        }
    }

    /// What the cluster wants of its Mesos roles besides.
    fn claims(&self, sought: &Sought, before: Option<&Needs>, needs: &Needs) -> Vec<Claim> {
        let claim = |wanted: &Wanted, there: usize, ending: Option<(&Wanted, u32)>, roles: &[String]| Claim {
            noun: wanted.noun,
            count: wanted.count.saturating_sub(there),
            is_more: there > 0,
            need: wanted.need.clone(),
            freed: ending.map(|(wanted, count)| freed(&wanted.need, count)).unwrap_or_default(),
            roles: roles.to_vec(),
        };
        let has_job = sought.manifest.spec.job.is_some();
        let ends = has_job && sought.begins_anew && self.appmasters == 0;
        let appmasters = before.filter(|_| ends).map(|before| (&before.appmasters, sought.appmasters));
        let ends = self.taskmanagers == 0;
        let taskmanagers = before.filter(|_| ends).map(|before| (&before.taskmanagers, sought.taskmanagers));
        let mut claims = vec![
            claim(&needs.appmasters, self.appmasters, appmasters, &needs.appmaster_roles),
            claim(&needs.taskmanagers, self.taskmanagers, taskmanagers, &needs.taskmanager_roles),
        ];
        // An AppMaster that has just begun to report, or was not heard yet, may have TaskManagers that nobody knows of here.
        let has_none = before.is_some_and(|before| before.taskmanagers.count == 0);
        let is_told = !sought.is_taken && (sought.taskmanagers > 0 || has_none);
        if sought.appmasters > 0 && !is_told {
            claims[1].count = 0;
        }
        claims
    }
}

fn freed(need: &Need, count: u32) -> BTreeMap<String, Milli> {
    let all = |amount: Milli| Milli(amount.0.saturating_mul(i64::from(count)));
    need.scalars.iter().map(|(name, amount)| (name.clone(), all(*amount))).collect()
}

fn part(there: usize, wanted: Wanted) -> Part {
    let there = there.min(wanted.count);
    let (noun, count) = (wanted.noun, wanted.count - there);
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
    fn told(self, fits: &mut Vec<Fit>, fitting: &Fitting, quotas: &mut Quotas<'_>) -> Fits {
        let (parts, mut claims) = match self {
            Self::Known(known) => return known,
            Self::Asked { parts, claims, .. } => (parts, claims),
        };
        let own: Vec<_> = fits.drain(..parts.len().min(fits.len())).collect();
        let answers: Vec<_> = parts.iter().zip(own).collect();
        let mut places = answers.iter().map(|(part, fit)| places(part, fit, fitting.is_known));
        let appmasters = places.next().unwrap_or(Places { wanted: 0, placeable: None });
        let told = Fits { appmasters, taskmanagers: places.next(), why: why(&answers, fitting) };
        if let (Some(claim), Some((_, fit))) = (claims.first_mut(), answers.first()) {
            claim.count = fit.wanted - fit.there;
        }
        within(told, &claims, quotas)
    }
}

/// As far as quotas leave room, too.
fn within(told: Fits, claims: &[Claim], quotas: &mut Quotas<'_>) -> Fits {
    let left = match quotas {
        None => return told,
        Some(Err(_)) if claims.iter().all(|claim| claim.count == 0) => return told,
        Some(Err(unknown)) => {
            let why =
                format!("{}; whether the quota of its Mesos role allows it is unknown: {unknown}", told.why);
            return Fits { why, ..told };
        }
        Some(Ok(left)) => left,
    };
    let Room { placeable, short: Some(short) } = left.take(claims) else { return told };
    let least = |places: Places, index: usize| {
        let there = places.wanted - claims[index].count;
        let allowed = there + placeable[index];
        Places { placeable: Some(places.placeable.map_or(allowed, |known| known.min(allowed))), ..places }
    };
    let later = Places { wanted: claims[1].count, placeable: Some(claims[1].count) };
    let taskmanagers = match told.taskmanagers {
        Some(places) => Some(least(places, 1)),
        None => (placeable[1] < claims[1].count).then(|| least(later, 1)),
    };
    let why = match told.are_short() {
        true => format!("does not fit: {short}; {}", told.why),
        false => format!("does not fit: {short}"),
    };
    Fits { appmasters: least(told.appmasters, 0), taskmanagers, why }
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
        format!("room for {} of {wanted} {}s, {nearest}", placeable.unwrap_or_default(), part.noun)
    });
    let short: Vec<_> = short.collect();
    match short.is_empty() {
        true => format!("would fit into {offers}"),
        false => format!("does not fit into {offers}: {}", short.join("; ")),
    }
}

#[cfg(test)]
mod tests;
