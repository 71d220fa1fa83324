//! Requests: what others ask or order the scheduler. They wait in one queue, and each gets an answer: the scheduler's, or why
//! there is none.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use domain::group::GroupName;
use domain::leadership::{Leadership, NotLeading, NotScaled};

use super::super::explain::{Explanation, Question};
use super::super::fitting::{Fitting, Sought};
use super::super::queue::Queue;
use super::super::report::{Reason, Report, Waiting};
use super::super::spec::GroupSpec;
use super::facts::Facts;

/// Ten thousand TaskManagers ask for themselves a thousand times a second, and a write of the state may take seconds.
pub const MAX_REQUESTS_WAITING: usize = 4096;

/// Orders to end the cluster that wait; each costs a write.
const MAX_ENDS_WAITING: usize = 8;

/// Where the answer goes.
pub type Reply<T> = oneshot::Sender<T>;

/// What is asked of a scheduler, or ordered.
#[derive(Debug)]
pub enum Request {
    Report(Reply<Report>),
    Explain(Option<Question>, Reply<Box<Explanation>>),
    /// Of a group.
    ExplainGroup(GroupName, Reply<Box<Explanation>>),
    Queue(Reply<Queue>),
    /// Whether these would fit into the latest offers.
    Fit(Vec<Sought>, Reply<Fitting>),
    /// The master is asked for offers, unless it is anyway or was just before.
    Look(Reply<()>),
    /// Another task in the place of this one, of whatever group; the answer is whether it is there to be replaced.
    Replace(String, Reply<bool>),
    /// How many TaskManagers to keep from now on; the answer comes when that is stored.
    Scale(u32, Reply<Result<(), NotScaled>>),
    /// There is a group of this name from now on, or it is another one than it was.
    Define(GroupName, Box<GroupSpec>, Reply<()>),
    /// The group is no more: its tasks end. The answer is whether there was one, and comes when that is stored.
    Remove(GroupName, Reply<bool>),
    /// What the group failed of counts no more, nor does its end, unless that is one of this generation or of a later one;
    /// the answer is whether there is such a group, and comes when that is stored.
    Renew(GroupName, u64, Reply<bool>),
    /// A task asks for its configuration; the answer comes when its use is stored.
    Redeem {
        task_id: String,
        token: String,
        reply: Reply<bool>,
    },
    /// A task asks whether it is still wanted.
    Claim {
        task_id: String,
        token: String,
        reply: Reply<claim::Answer>,
    },
}

/// Why a request was not answered by a scheduler. Nothing was done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the scheduler is busy: too many requests are waiting")]
    Busy,
    #[error("the scheduler is about to start")]
    Starting,
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("the scheduler is stopping")]
    Stopping,
}

/// Why the cluster does not end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotEnding {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("cannot end the cluster: {0}")]
    Failed(String),
}

/// An order to end the cluster. With high availability it is for whoever leads, so it does not go to the scheduler.
pub type EndOrder = Reply<Result<(), NotEnding>>;

/// For whoever asks or orders.
#[derive(Clone, Debug)]
pub struct Requests {
    door: watch::Receiver<Door>,
    ends: mpsc::Sender<EndOrder>,
    facts: Facts,
    last_report: Arc<Mutex<Option<Arc<Report>>>>,
}

/// For whoever runs schedulers, one after the other.
#[derive(Clone, Debug)]
pub struct Doorkeeper(watch::Sender<Door>);

#[derive(Clone, Debug)]
struct Door {
    /// How this AppMaster stands, where there may be others.
    leadership: Option<Leadership>,
    /// Of the scheduler, if there is one.
    queue: Option<mpsc::Sender<Request>>,
}

/// `leadership` is none where nobody else could lead.
pub fn open(
    facts: &Facts,
    leadership: Option<Leadership>,
) -> (Requests, Doorkeeper, mpsc::Receiver<EndOrder>) {
    let (doorkeeper, door) = watch::channel(Door { leadership, queue: None });
    let (ends, end_orders) = mpsc::channel(MAX_ENDS_WAITING);
    let requests = Requests { door, ends, facts: facts.clone(), last_report: Arc::default() };
    (requests, Doorkeeper(doorkeeper), end_orders)
}

impl Doorkeeper {
    /// The queue of a new scheduler, where requests go as long as it is there and this AppMaster may act.
    pub fn admit(&self) -> mpsc::Receiver<Request> {
        self.admit_at_most(MAX_REQUESTS_WAITING)
    }

    pub fn admit_at_most(&self, places: usize) -> mpsc::Receiver<Request> {
        let (sender, queue) = mpsc::channel(places);
        self.0.send_modify(|door| door.queue = Some(sender));
        queue
    }

    /// This AppMaster stands otherwise from now on.
    pub fn stands(&self, leadership: Leadership) {
        self.0.send_if_modified(|door| {
            let is_other = door.leadership.as_ref() != Some(&leadership);
            door.leadership = Some(leadership);
            is_other
        });
    }
}

impl Door {
    fn queue(&self) -> Result<&mpsc::Sender<Request>, Refusal> {
        let queue = self.queue.as_ref().filter(|queue| !queue.is_closed());
        match &self.leadership {
            None if queue.is_none() && self.queue.is_some() => Err(Refusal::Stopping),
            None | Some(Leadership::Leader) => queue.ok_or(Refusal::Starting),
            Some(leadership) => Err(NotLeading(leadership.clone()).into()),
        }
    }
}

impl Requests {
    /// Asks what changes nothing, or can be taken back: it is refused as soon as it is clear that no answer comes.
    pub async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let mut door = self.door.clone();
        tokio::select! {
            biased;
            answer = self.order(question) => answer,
            refusal = refused(&mut door) => Err(refusal),
        }
    }

    /// Waits for the answer even where that takes long: an order that was taken is carried out.
    pub async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.door.borrow().queue()?.try_send(order(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        // A scheduler may have gone because this AppMaster leads no longer, and another may have come.
        answer.await.map_err(|_| self.door.borrow().queue().err().unwrap_or(Refusal::Starting))
    }

    /// What the scheduler reports, or as much as is known without it.
    pub async fn report(&self) -> Result<Report, Refusal> {
        let report = self.asked_report().await;
        let leadership = self.door.borrow().leadership.clone();
        let report = match (report, leadership) {
            (Err(Refusal::NotLeading(_) | Refusal::Starting), Some(leadership)) => Report::idle(leadership),
            (report, leadership) => Report { high_availability: leadership, ..report? },
        };
        let jobmanagers = self.facts.jobmanagers.borrow().clone();
        let (jobmanager_leader, jobmanager_trouble) = (jobmanagers.leader, jobmanagers.trouble);
        let report = Report { jobmanager_leader, jobmanager_trouble, ..report };
        self.keep(&Arc::new(report.clone()));
        Ok(report)
    }

    /// What the scheduler reports; one that may not act is waited for.
    pub async fn scheduler_report(&self) -> Result<Arc<Report>, Refusal> {
        loop {
            match self.asked_report().await {
                Err(Refusal::NotLeading(_)) => self.until_led().await,
                Ok(report) => {
                    let report = Arc::new(report);
                    self.keep(&report);
                    return Ok(report);
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Waits until there is a scheduler that may act.
    pub async fn until_led(&self) {
        let mut door = self.door.clone();
        if door.wait_for(|door| door.queue().is_ok()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn asked_report(&self) -> Result<Report, Refusal> {
        let mut not_stored = self.facts.not_stored.subscribe();
        tokio::select! {
            biased;
            Some(why) = some(&mut not_stored) => self.last_report(why),
            report = self.ask(Request::Report) => report,
        }
    }

    fn keep(&self, report: &Arc<Report>) {
        *self.last_report.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(report));
    }

    /// While the scheduler waits for the state to be stored.
    fn last_report(&self, why: String) -> Result<Report, Refusal> {
        let last = self.last_report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let report = last.ok_or(Refusal::Busy)?;
        let taskmanagers = report.waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
        let waiting = Waiting::new(taskmanagers, Reason::NotStored { why });
        Ok(Report { waiting: Some(waiting), ..Report::clone(&report) })
    }

    /// Has the cluster end.
    pub async fn end(&self) -> Result<(), NotEnding> {
        let (reply, answer) = oneshot::channel();
        self.ends.try_send(reply).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        answer.await.unwrap_or(Err(Refusal::Stopping.into()))
    }
}

async fn some<T: Clone>(fact: &mut watch::Receiver<Option<T>>) -> Option<T> {
    fact.wait_for(Option::is_some).await.ok()?.clone()
}

/// Waits until nothing is let in.
async fn refused(door: &mut watch::Receiver<Door>) -> Refusal {
    let shut = door.wait_for(|door| door.queue().is_err()).await.ok().and_then(|door| door.queue().err());
    match shut {
        Some(refusal) => refusal,
        // Nobody is left who could shut it: the scheduler answers, or ends.
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
