//! Why TaskManagers do not run, what would help, and what would be if something else were wanted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::time::Moment;
use domain::demand::Asked;

use super::Scheduler;
use super::ground::Ground;
use super::neighbours::Namesake;
use super::place::{Placing, Request};
use super::report::{ProbingReport, TaskReport, Waiting};
use super::resources::Miss;
use super::verdict::{Obstacle, Verdict};
use domain::constraint::Constraint;
use domain::group::GroupName;
use domain::need::{Milli, Need};

/// So many agents are told of, those closest to holding a TaskManager first.
const MAX_AGENTS_SHOWN: usize = 100;

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
const MAX_COUNT: usize = 100_000;

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
    pub placed: Vec<AgentShare>,
    /// Agents that got some but are not in the list.
    pub left_out: usize,
    /// What the one that comes closest to holding the next lacks; none if all fit.
    pub nearest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentShare {
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
    let number = value.parse().ok().filter(|number| (0..=MAX_COUNT).contains(number));
    number.ok_or_else(|| format!("a whole number up to {MAX_COUNT}"))
}

impl Scheduler {
    /// Of the TaskManagers.
    pub fn explain(&self, question: Option<&Question>, now: Moment) -> Explanation {
        self.explain_group(&GroupName::TASKMANAGERS, question, now)
    }

    /// Answers from what is remembered of the latest offers.
    pub fn explain_group(&self, name: &GroupName, question: Option<&Question>, now: Moment) -> Explanation {
        let mut report = self.report(now);
        report.tasks.retain(|task| task.group == *name);
        let mut groups = self.group_reports(&report.tasks, now);
        let group = groups.remove(name.text()).unwrap_or_default();
        let waiting = group.waiting;
        let missing = waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
        let unheard = report.tasks.iter().filter(|task| task.is_unheard()).cloned().collect();
        let is_starting = |task: &TaskReport| !task.runs() && !task.is_unheard() && !task.ending;
        Explanation {
            target: group.target,
            running: group.running,
            asked: group.asked,
            starting: report.tasks.into_iter().filter(is_starting).collect(),
            unheard,
            waiting,
            probing: group.probing,
            need: self.request(name, 0).need.to_string(),
            offers: self.offers_report(name, now),
            remedies: self.remedies(name, missing, now),
            namesakes: report.neighbours.frameworks,
            what_if: question.map(|question| self.suppose(name, question, now)),
        }
    }

    fn offers_report(&self, name: &GroupName, now: Moment) -> OffersReport {
        let ages = self.offered.ages(now);
        self.with_placing(self.request(name, 0), now, |ground, placing, _| {
            let (mut obstacles, mut absent) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
            let mut verdicts = Vec::with_capacity(ages.len());
            for (index, age) in ages.iter().enumerate() {
                let verdict = placing.verdict(ground, index);
                for subject in verdict.obstacles.iter().map(Obstacle::subject) {
                    *obstacles.entry(subject.to_string()).or_default() += 1;
                }
                for obstacle in verdict.obstacles {
                    if let Obstacle::Resource(Miss { resource, offered: Milli(0), .. }) = obstacle {
                        *absent.entry(resource).or_default() += 1;
                    }
                }
                verdicts.push((placing.distance(ground, index), index, age));
            }
            verdicts.sort();
            let closest = verdicts.iter().take(MAX_AGENTS_SHOWN);
            let closest = closest.map(|(_, index, age)| {
                let verdict = self.with_reasons(placing.verdict(ground, *index));
                AgentReport {
                    offered: ground.candidates()[*index].holding.to_string(),
                    age_s: age.as_secs(),
                    refused_s: self.spec.refuse.saturating_sub(**age).as_secs(),
                    lacks: descriptions(&verdict, now),
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
                left_out: verdicts.len().saturating_sub(MAX_AGENTS_SHOWN),
            }
        })
    }

    /// Each thing that stands in the way taken away for itself: a constraint, or as much of a resource as the closest
    /// agents lack.
    fn remedies(&self, name: &GroupName, missing: usize, now: Moment) -> Vec<Remedy> {
        if missing == 0 {
            return Vec::new();
        }
        let today = self.request(name, missing);
        let mut remedies = Vec::new();
        let mut offer = |change: String, request: Request<'_>| {
            let fits = self.with_placing(request, now, |_, _, picks| picks.len());
            if fits > 0 {
                remedies.push(Remedy { change, fits });
            }
        };
        for index in 0..today.hard.len() {
            let mut hard = today.hard.to_vec();
            let dropped = hard.remove(index);
            offer(format!("without constraint {}", dropped.text()), Request { hard: &hard, ..today });
        }
        for miss in self.closest_misses(name, now) {
            let mut need = today.need.clone();
            if miss.resource == "ports" {
                continue;
            }
            for (_, amount) in need.scalars.iter_mut().filter(|(name, _)| *name == miss.resource) {
                *amount = miss.offered;
            }
            offer(
                format!("with {} {} instead of {}", miss.resource, miss.offered, miss.needed),
                Request { need: &need, ..today },
            );
        }
        remedies
    }

    /// Of each resource that alone is short somewhere, where least is missing.
    fn closest_misses(&self, name: &GroupName, now: Moment) -> Vec<Miss> {
        let mut closest: BTreeMap<String, Miss> = BTreeMap::new();
        self.with_placing(self.request(name, 0), now, |ground, placing, _| {
            for index in 0..ground.candidates().len() {
                let verdict = placing.verdict(ground, index);
                let [Obstacle::Resource(miss)] = &verdict.obstacles[..] else { continue };
                let known = closest.get(&miss.resource);
                if miss.offered.0 > 0 && known.is_none_or(|known| known.offered < miss.offered) {
                    closest.insert(miss.resource.clone(), miss.clone());
                }
            }
        });
        closest.into_values().collect()
    }

    fn suppose(&self, name: &GroupName, question: &Question, now: Moment) -> Supposition {
        let count = question.count.unwrap_or_else(|| self.lacking(name).max(1));
        let need = question.need(self.request(name, 0).need);
        let request = self.request(name, count);
        let hard = question.hard.as_deref().unwrap_or(request.hard);
        let constraints = hard.iter().map(|constraint| constraint.text().to_owned()).collect();
        let request = Request { need: &need, hard, ..request };
        self.with_placing(request, now, |ground, placing, picks| {
            let fits = picks.len();
            let mut counts = BTreeMap::<usize, usize>::new();
            for index in picks {
                *counts.entry(*index).or_default() += 1;
            }
            let shares = counts.into_iter().map(|(index, taskmanagers)| {
                let candidate = &ground.candidates()[index];
                AgentShare {
                    hostname: candidate.traits.hostname.to_owned(),
                    agent_id: candidate.agent_id.to_owned(),
                    role: candidate.role.to_owned(),
                    taskmanagers,
                }
            });
            let mut placed: Vec<_> = shares.collect();
            let left_out = placed.len().saturating_sub(MAX_AGENTS_SHOWN);
            placed.truncate(MAX_AGENTS_SHOWN);
            let nearest = (fits < count).then(|| placing.nearest(ground)).flatten();
            let nearest = nearest.map(|nearest| self.with_reasons(nearest).describe(now));
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
    pub(super) fn verdicts(&self, name: &GroupName, most: usize, now: Moment) -> Vec<Verdict> {
        self.with_placing(self.request(name, 0), now, |ground, placing, _| {
            let verdicts =
                (0..ground.candidates().len()).map(|index| (placing.distance(ground, index), index));
            let mut verdicts: Vec<_> = verdicts.filter(|(distance, _)| distance.0 > 0).collect();
            verdicts.sort_unstable();
            let verdicts = verdicts.iter().take(most).map(|(_, index)| placing.verdict(ground, *index));
            verdicts.map(|verdict| self.with_reasons(verdict)).collect()
        })
    }

    /// With what failed on its agent last.
    pub(super) fn with_reasons(&self, mut verdict: Verdict) -> Verdict {
        for obstacle in &mut verdict.obstacles {
            if let Obstacle::Quarantine { why, .. } | Obstacle::Trial { why, .. } = obstacle {
                self.agents.last_failure(&verdict.agent_id).unwrap_or_default().clone_into(why);
            }
        }
        verdict
    }

    /// How many of `wanted` all that was offered last would hold.
    pub(super) fn fits_together(&self, name: &GroupName, wanted: usize, now: Moment) -> usize {
        self.with_placing(self.request(name, wanted), now, |_, _, picks| picks.len())
    }

    /// Places on what was offered last, and looks at the result: the candidate of each that got one.
    fn with_placing<T>(
        &self,
        request: Request<'_>,
        now: Moment,
        look: impl FnOnce(&Ground<'_>, &Placing<'_>, &[usize]) -> T,
    ) -> T {
        let standings = self.standings(now);
        let mut ground = Ground::new(self.offered.candidates(), &self.state.tasks, &standings);
        let mut placing = Placing::new(&ground, request);
        let picks = placing.run(&mut ground);
        look(&ground, &placing, &picks)
    }
}

pub(super) fn descriptions(verdict: &Verdict, now: Moment) -> Vec<String> {
    verdict.obstacles.iter().map(|obstacle| obstacle.describe(now)).collect()
}
