//! Why TaskManagers do not run, what would help, and what would be if something else were wanted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::time::Moment;
use domain::demand::Asked;

use super::Scheduler;
use super::neighbours::Namesake;
use super::place::{Placing, Wish};
use super::report::{ProbingReport, TaskReport, Waiting};
use super::resources::Miss;
use super::verdict::{Obstacle, Verdict};
use domain::constraint::Constraint;
use domain::need::{Milli, Need};

/// So many agents are told of, those closest to holding a TaskManager first.
const AGENTS_TOLD_MAX: usize = 100;

/// What to suppose, as `count=20,cpus=4`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// How many TaskManagers, besides those that are launched.
    count: Option<usize>,
    /// By Mesos name, in place of what a TaskManager takes today.
    scalars: BTreeMap<String, Milli>,
    ports: Option<usize>,
    hard: Option<Vec<Constraint>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    #[error("`{part}`: expected {expected}")]
    Part { part: String, expected: String },
}

/// More than any cluster has.
const COUNT_MAX: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    pub target: u32,
    pub running: usize,
    /// Only where the number follows the jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Launched, and not running, or not registered with the JobManager yet.
    pub starting: Vec<TaskReport>,
    /// Mesos runs them, and the JobManager has received no heartbeat from them for long.
    pub unheard: Vec<TaskReport>,
    pub waiting: Option<Waiting>,
    /// While TaskManagers fail at their start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<ProbingReport>,
    /// What one TaskManager takes.
    pub need: String,
    /// Why the agents that sent offers last cannot run another TaskManager.
    pub offers: OffersReport,
    /// Changes with which some of the missing TaskManagers would fit into the latest offers.
    pub remedies: Vec<Remedy>,
    /// Other frameworks of the same name, whose resources this one may be waiting for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namesakes: Vec<Namesake>,
    pub what_if: Option<Supposition>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OffersReport {
    pub agents: usize,
    /// Since the last of them came.
    pub newest_age_s: Option<u64>,
    /// Resources of which no agent offered anything: others hold all there is, or a quota is used up.
    #[serde(default)]
    pub exhausted: Vec<String>,
    /// How many offers each obstacle concerns; one may have several.
    pub obstacles: BTreeMap<String, usize>,
    /// The closest first.
    pub verdicts: Vec<AgentReport>,
    pub left_out: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentReport {
    pub agent_id: String,
    pub hostname: String,
    pub role: String,
    /// What was left of its offers.
    pub offered: String,
    pub age_s: u64,
    /// How many seconds the master will not offer the same again.
    pub refused_s: u64,
    /// Why it has no room for one more TaskManager; empty if it has.
    pub lacks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Remedy {
    pub change: String,
    /// Of the missing TaskManagers.
    pub fits: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Supposition {
    pub taskmanagers: usize,
    pub need: String,
    pub constraints: Vec<String>,
    pub fits: usize,
    /// How many on which agent.
    pub placed: Vec<Share>,
    /// Agents that got some but are not in the list.
    pub left_out: usize,
    /// What the one that comes closest to holding the next lacks; none if all fit.
    pub nearest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    pub hostname: String,
    pub agent_id: String,
    pub role: String,
    pub taskmanagers: usize,
}

impl std::str::FromStr for Question {
    type Err = QuestionError;

    fn from_str(text: &str) -> Result<Self, QuestionError> {
        let mut question = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            question
                .suppose(part)
                .map_err(|expected| QuestionError::Part { part: part.to_owned(), expected })?;
        }
        Ok(question)
    }
}

impl Question {
    fn suppose(&mut self, part: &str) -> Result<(), String> {
        let form = "count=, a resource's name=, ports= or constraint=, as in count=20,cpus=4,mem=8192";
        let (key, value) = part.split_once('=').ok_or(form)?;
        let (key, value) = (key.trim(), value.trim());
        match key {
            "" => return Err(form.to_owned()),
            "count" => self.count = Some(number(value)?),
            "ports" => self.ports = Some(number(value)?),
            "constraint" if value == "none" => self.hard = Some(Vec::new()),
            "constraint" => self.hard.get_or_insert_default().push(Constraint::parse(value)?),
            name => {
                let amount = value.parse::<f64>().ok().filter(|amount| (0.0..=1e12).contains(amount));
                let amount = amount.ok_or("an amount of at least 0; memory and disk in MB")?;
                self.scalars.insert(name.to_owned(), Milli::of(amount));
            }
        }
        Ok(())
    }

    fn need(&self, today: &Need) -> Need {
        let mut scalars = today.scalars.clone();
        for (name, amount) in &self.scalars {
            match scalars.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = *amount,
                None => scalars.push((name.clone(), *amount)),
            }
        }
        Need { scalars, ports: self.ports.unwrap_or(today.ports) }
    }
}

fn number(value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| (0..=COUNT_MAX).contains(number));
    number.ok_or_else(|| format!("a whole number up to {COUNT_MAX}"))
}

impl Scheduler {
    /// Answers from what is remembered of the latest offers.
    pub fn explain(&self, question: Option<&Question>, now: Moment) -> Explanation {
        let report = self.report(now);
        let waiting = report.waiting;
        let missing = waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
        let unheard = report.tasks.iter().filter(|task| task.is_unheard()).cloned().collect();
        let is_starting = |task: &TaskReport| !task.runs() && !task.is_unheard() && !task.ending;
        Explanation {
            target: report.target,
            running: report.running,
            asked: report.asked,
            starting: report.tasks.into_iter().filter(is_starting).collect(),
            unheard,
            waiting,
            probing: report.probing,
            need: self.spec.need.to_string(),
            offers: self.offers_report(now),
            remedies: self.remedies(missing, now),
            namesakes: report.neighbours.frameworks,
            what_if: question.map(|question| self.suppose(question, now)),
        }
    }

    fn offers_report(&self, now: Moment) -> OffersReport {
        let ages = self.offered.ages(now);
        self.with_placing(self.wish(0), now, |placing, _| {
            let (mut obstacles, mut absent) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
            let mut verdicts = Vec::with_capacity(ages.len());
            for (index, age) in ages.iter().enumerate() {
                let verdict = placing.verdict(index);
                for subject in verdict.obstacles.iter().map(Obstacle::subject) {
                    *obstacles.entry(subject.to_string()).or_default() += 1;
                }
                for obstacle in verdict.obstacles {
                    if let Obstacle::Resource(Miss { resource, offered: Milli(0), .. }) = obstacle {
                        *absent.entry(resource).or_default() += 1;
                    }
                }
                verdicts.push((placing.distance(index), index, age));
            }
            verdicts.sort();
            let closest = verdicts.iter().take(AGENTS_TOLD_MAX);
            let closest = closest.map(|(_, index, age)| {
                let verdict = self.with_reasons(placing.verdict(*index));
                AgentReport {
                    offered: placing.candidates()[*index].holding.to_string(),
                    age_s: age.as_secs(),
                    refused_s: self.spec.refuse.saturating_sub(**age).as_secs(),
                    lacks: told(&verdict, now),
                    agent_id: verdict.agent_id,
                    hostname: verdict.hostname,
                    role: verdict.role,
                }
            });
            OffersReport {
                agents: self.offered.agents(),
                newest_age_s: ages.iter().min().map(std::time::Duration::as_secs),
                exhausted: absent
                    .into_iter()
                    .filter(|(_, count)| *count == ages.len())
                    .map(|(name, _)| name)
                    .collect(),
                obstacles,
                verdicts: closest.collect(),
                left_out: verdicts.len().saturating_sub(AGENTS_TOLD_MAX),
            }
        })
    }

    /// Each thing that stands in the way taken away for itself: a constraint, or as much of a resource as the closest
    /// agents lack.
    fn remedies(&self, missing: usize, now: Moment) -> Vec<Remedy> {
        if missing == 0 {
            return Vec::new();
        }
        let today = self.wish(missing);
        let mut remedies = Vec::new();
        let mut offer = |change: String, wish: Wish<'_>| {
            let fits = self.with_placing(wish, now, |_, fits| fits);
            if fits > 0 {
                remedies.push(Remedy { change, fits });
            }
        };
        for index in 0..today.hard.len() {
            let mut hard = today.hard.to_vec();
            let dropped = hard.remove(index);
            offer(format!("without constraint {}", dropped.text()), Wish { hard: &hard, ..today });
        }
        for miss in self.closest_misses(now) {
            let mut need = today.need.clone();
            if miss.resource == "ports" {
                continue;
            }
            for (_, amount) in need.scalars.iter_mut().filter(|(name, _)| *name == miss.resource) {
                *amount = miss.offered;
            }
            offer(
                format!("with {} {} instead of {}", miss.resource, miss.offered, miss.needed),
                Wish { need: &need, ..today },
            );
        }
        remedies
    }

    /// Of each resource that alone is short somewhere, where least is missing.
    fn closest_misses(&self, now: Moment) -> Vec<Miss> {
        let mut closest: BTreeMap<String, Miss> = BTreeMap::new();
        self.with_placing(self.wish(0), now, |placing, _| {
            for index in 0..placing.candidates().len() {
                let verdict = placing.verdict(index);
                let [Obstacle::Resource(miss)] = &verdict.obstacles[..] else { continue };
                let known = closest.get(&miss.resource);
                if miss.offered.0 > 0 && known.is_none_or(|known| known.offered < miss.offered) {
                    closest.insert(miss.resource.clone(), miss.clone());
                }
            }
        });
        closest.into_values().collect()
    }

    fn suppose(&self, question: &Question, now: Moment) -> Supposition {
        let count = question.count.unwrap_or_else(|| self.lacking().max(1));
        let need = question.need(&self.spec.need);
        let wish = self.wish(count);
        let hard = question.hard.as_deref().unwrap_or(wish.hard);
        let constraints = hard.iter().map(|constraint| constraint.text().to_owned()).collect();
        let wish = Wish { need: &need, hard, ..wish };
        self.with_placing(wish, now, |placing, fits| {
            let shares = placing.candidates().iter().zip(placing.placed()).filter(|(_, count)| **count > 0);
            let shares = shares.map(|(candidate, count)| Share {
                hostname: candidate.traits.hostname.to_owned(),
                agent_id: candidate.agent_id.to_owned(),
                role: candidate.role.to_owned(),
                taskmanagers: *count,
            });
            let mut placed: Vec<_> = shares.collect();
            let left_out = placed.len().saturating_sub(AGENTS_TOLD_MAX);
            placed.truncate(AGENTS_TOLD_MAX);
            let nearest = (fits < count).then(|| placing.nearest()).flatten();
            let nearest = nearest.map(|nearest| self.with_reasons(nearest).told(now));
            Supposition {
                taskmanagers: count,
                need: need.to_string(),
                constraints,
                fits,
                placed,
                left_out,
                nearest,
            }
        })
    }

    /// The verdicts on what was offered last, the closest first, for TaskManagers that are still missing.
    pub(super) fn verdicts(&self, most: usize, now: Moment) -> Vec<Verdict> {
        self.with_placing(self.wish(0), now, |placing, _| {
            let verdicts = (0..placing.candidates().len()).map(|index| (placing.distance(index), index));
            let mut verdicts: Vec<_> = verdicts.filter(|(distance, _)| distance.0 > 0).collect();
            verdicts.sort_unstable();
            let verdicts = verdicts.iter().take(most).map(|(_, index)| placing.verdict(*index));
            verdicts.map(|verdict| self.with_reasons(verdict)).collect()
        })
    }

    /// With what failed on its agent last.
    pub(super) fn with_reasons(&self, mut verdict: Verdict) -> Verdict {
        for obstacle in &mut verdict.obstacles {
            if let Obstacle::Quarantine { why, .. } | Obstacle::Trial { why } = obstacle {
                self.agents.last_failure(&verdict.agent_id).unwrap_or_default().clone_into(why);
            }
        }
        verdict
    }

    /// How many of `wanted` all that was offered last would hold.
    pub(super) fn fits_together(&self, wanted: usize, now: Moment) -> usize {
        self.with_placing(self.wish(wanted), now, |_, fits| fits)
    }

    /// Places on what was offered last, and looks at the result and at how many got a place.
    fn with_placing<T>(
        &self,
        wish: Wish<'_>,
        now: Moment,
        look: impl FnOnce(&Placing<'_, '_>, usize) -> T,
    ) -> T {
        let standings = self.standings(now);
        let wish = Wish { standings: &standings, ..wish };
        let mut placing = Placing::new(self.offered.candidates(), &wish);
        let fits = placing.run();
        look(&placing, fits)
    }
}

pub(super) fn told(verdict: &Verdict, now: Moment) -> Vec<String> {
    verdict.obstacles.iter().map(|obstacle| obstacle.told(now)).collect()
}
