//! Looks at Flink once a second and says what its jobs ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use base::log;
use base::time::Clock;
use flink::rest::{self, JobDetails, RestClient, RestError, first_answer};

use super::{Picture, Scaler, Shortage, needs};
use domain::demand::Wish;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Everything that scaling works with.
pub struct Driver {
    pub scaler: Scaler,
    pub clock: Clock,
    /// Of one JobManager; the first that answers counts.
    pub clients: Vec<RestClient>,
    /// Its scheduler is the adaptive one, which tells what jobs could use.
    pub is_adaptive: bool,
    /// None while Flink does not answer.
    pub demanded: watch::Sender<Option<Wish>>,
}

/// What was learnt of a job that had all it needs: it stays so as long as its tasks stay in their states.
struct Known {
    overview: rest::Job,
    details: JobDetails,
}

impl Driver {
    /// Looks for ever.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = BTreeMap::new();
        let mut is_blind = true;
        loop {
            ticks.tick().await;
            match self.wish(&mut known).await {
                Ok(wish) => {
                    is_blind = false;
                    self.demanded.send_replace(Some(wish));
                }
                Err(error) => {
                    self.scaler.handle_blindness();
                    self.demanded.send_if_modified(|known| known.take().is_some());
                    known.clear();
                    if !is_blind {
                        warn!("cannot find out how many slots the jobs need: {}", log::chain(&error));
                    }
                    is_blind = true;
                }
            }
        }
    }

    async fn wish(&mut self, known: &mut BTreeMap<String, Known>) -> Result<Wish, RestError> {
        let look = async |client: RestClient| client.jobs().await.map(|jobs| (client, jobs));
        let (client, jobs) = first_answer(&self.clients, look).await.expect("an endpoint has a host")?;
        let picture = self.picture(&client, jobs, known).await?;
        let mut wish = self.scaler.handle_picture(&picture, self.clock.now());
        wish.idle = still_idle(&client, wish.idle).await?;
        Ok(wish)
    }

    /// `jobs` was asked for before the rest: the slots of one that comes meanwhile are still free in the picture.
    async fn picture(
        &self,
        client: &RestClient,
        jobs: Vec<rest::Job>,
        known: &mut BTreeMap<String, Known>,
    ) -> Result<Picture, RestError> {
        let active: Vec<_> = jobs.into_iter().filter(|job| !job.state.has_ended()).collect();
        known.retain(|id, _| active.iter().any(|job| job.jid == *id));
        let mut pictured = Vec::with_capacity(active.len());
        for job in active {
            pictured.push(self.job(client, job, known).await?);
        }
        let overview = client.overview().await?;
        let idle = match overview.slots_available {
            0 => BTreeSet::new(),
            _ => {
                let all = client.taskmanagers().await?.into_iter();
                all.filter(rest::TaskManager::is_idle).map(|taskmanager| taskmanager.id).collect()
            }
        };
        Ok(Picture {
            taskmanagers: overview.taskmanagers,
            free_slots: overview.slots_available,
            jobs: pictured,
            idle,
        })
    }

    async fn job(
        &self,
        client: &RestClient,
        overview: rest::Job,
        known: &mut BTreeMap<String, Known>,
    ) -> Result<super::Job, RestError> {
        let id = overview.jid.clone();
        let details = match known.remove(&id) {
            Some(known) if known.overview == overview => known.details,
            Some(_) | None => match client.job(&id).await {
                Ok(details) => details,
                // It is about to begin, or has ended meanwhile.
                Err(RestError::Refused { message, .. }) => {
                    debug!(job = id, "Flink tells nothing of the job yet: {message}");
                    return Ok(needs::unknown());
                }
                Err(error) => return Err(error),
            },
        };
        let requirements = if self.is_adaptive { client.requirements(&id).await? } else { None };
        let job = needs::job(&overview, &details, requirements.as_ref());
        if job.shortage == Shortage::None {
            known.insert(id, Known { overview, details });
        }
        Ok(job)
    }
}

/// Nobody can keep Flink from giving a slot away, so what was idle is looked at once more, right before it goes.
async fn still_idle(client: &RestClient, ids: BTreeSet<String>) -> Result<BTreeSet<String>, RestError> {
    let mut idle = BTreeSet::new();
    for id in ids {
        if client.taskmanager(&id).await?.is_some_and(|details| details.taskmanager.is_idle()) {
            idle.insert(id);
        }
    }
    Ok(idle)
}
