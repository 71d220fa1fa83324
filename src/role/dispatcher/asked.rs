//! What the API asks of the scheduler of AppMasters.

pub mod fits;
pub mod quotas;
mod room;
pub mod sandboxes;

use std::sync::Arc;
use std::time::Duration;

use api::scheduling::{Fits, Line, Placing, Scheduling, Told};
use domain::leadership::NotLeading;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use scheduler::driver::requests::{Refusal, Reply, Request, Requests};
use scheduler::fitting::{Sought, Takes};
use scheduler::queue::Queued;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::metrics::Metrics;
use super::template::{self, Makings};
use quotas::Quotas;
use room::{Claim, Left};

/// While the state cannot be stored the scheduler answers nobody.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The next question waits so many times as long as the last one took, so all of them together take a twentieth of the
/// scheduler's time.
const WAIT_TIMES: u32 = 20;
const MAX_WAIT: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub struct Asked(Arc<Shared>);

struct Shared {
    requests: Requests,
    /// For what processes would take; nothing is launched by it.
    makings: Makings,
    metrics: Arc<Metrics>,
    quotas: Arc<Quotas>,
    /// When the next question may be asked.
    next: Mutex<Instant>,
}

impl Asked {
    pub fn new(requests: Requests, makings: Makings, metrics: Arc<Metrics>, quotas: Arc<Quotas>) -> Self {
        Self(Arc::new(Shared { requests, makings, metrics, quotas, next: Mutex::new(Instant::now()) }))
    }
}

impl Shared {
    async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Request) -> Result<T, String> {
        let asking = async {
            let mut next = self.next.lock().await;
            sleep_until(*next).await;
            let begin = Instant::now();
            let answer = self.requests.ask(question).await;
            *next = Instant::now() + (begin.elapsed() * WAIT_TIMES).min(MAX_WAIT);
            answer
        };
        in_time(asking).await?.map_err(|refusal| match refusal {
            Refusal::NotLeading(NotLeading(leadership)) => leadership.told("dispatcher"),
            refusal => refusal.to_string(),
        })
    }
}

async fn in_time<T>(asking: impl Future<Output = T>) -> Result<T, String> {
    let answer = timeout(ANSWER_TIMEOUT, asking).await;
    answer.map_err(|_elapsed| format!("the scheduler has not answered for {} s", ANSWER_TIMEOUT.as_secs()))
}

impl Shared {
    /// Why the quotas of its Mesos roles keep a cluster from its missing AppMasters.
    fn short(&self, quotas: &mesos::quota::Quotas, takes: Takes, missing: usize) -> Option<String> {
        let roles = self.makings.roles(takes.role.as_deref());
        let claim =
            Claim { noun: template::APPMASTER, count: missing, need: takes.need, roles, ..Claim::default() };
        Left::of(quotas).take(&[claim]).short
    }
}

impl Scheduling for Asked {
    fn explain(&self, cluster: String) -> Told<Option<Placing>> {
        let shared = Arc::clone(&self.0);
        async move {
            let Some(name) = template::group(&cluster) else { return Ok(None) };
            let group = name.clone();
            let found = shared.ask(|reply| Request::ExplainGroup(name, reply)).await?;
            let missing = found.waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
            if missing == 0 {
                return Ok(None);
            }
            let quota = match shared.quotas.told().await {
                None => None,
                Some(Ok(quotas)) => {
                    let sought = vec![Sought::Lacking(group)];
                    let fitting = shared.ask(|reply| Request::Fit(sought, reply)).await?;
                    let takes = fitting.fits.into_iter().map(|fit| fit.takes).next();
                    takes.and_then(|takes| shared.short(&quotas, takes, missing))
                }
                Some(Err(why)) => Some(format!("what the quotas of Mesos roles leave is unknown: {why}")),
            };
            let placing = Placing {
                missing,
                why: found.waiting.map(|waiting| waiting.why),
                need: found.need,
                offers: found.offers,
                remedies: found.remedies,
                quota,
            };
            Ok(Some(placing))
        }
        .boxed()
    }

    fn queue(&self) -> Told<Line> {
        let shared = Arc::clone(&self.0);
        async move {
            let queue = shared.ask(Request::Queue).await?;
            let told = if queue.groups.is_empty() { None } else { shared.quotas.told().await };
            let groups = queue.groups.iter().map(|Queued { group, missing, takes, .. }| {
                let quotas = told.as_ref()?.as_ref().ok()?;
                Some((group.clone(), shared.short(quotas, takes.clone(), *missing)?))
            });
            let quotas = groups.flatten().collect();
            Ok(Line { queue, quotas })
        }
        .boxed()
    }

    fn fits(&self, sought: Vec<api::scheduling::Sought>) -> BoxFuture<'static, Vec<Option<Fits>>> {
        let shared = Arc::clone(&self.0);
        async move { shared.fits(&sought).await }.boxed()
    }

    fn metrics(&self) -> Told<Vec<u8>> {
        let shared = Arc::clone(&self.0);
        async move {
            let report = in_time(shared.requests.report()).await?;
            shared.metrics.text(&report.map_err(|refusal| refusal.to_string())?).await
        }
        .boxed()
    }
}
