//! Facts: what holds until it changes. Each is kept as its latest value, so that none can get lost: a scheduler that starts
//! later, or was busy meanwhile, finds it all the same.

use std::collections::BTreeMap;

use tokio::sync::watch;

use domain::demand::Wish;
use mesos::wire::operator;

use super::super::neighbours::Listed;
use super::super::spec::Delivery;

/// Whoever finds it out replaces the value; whoever needs it subscribes.
pub type Fact<T> = watch::Sender<T>;

/// What other rooms find out for the scheduler.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// TaskManagers can register with the JobManager.
    pub jobmanager_listens: Fact<bool>,
    /// What tasks are given of files, once these have been read.
    pub delivery: Fact<Option<Delivery>>,
    /// Which JobManager leads Flink, where there may be several.
    pub jobmanagers: Fact<JobManagers>,
    /// Those that have registered with the JobManager, whosever they are, by resource id; none while it does not answer.
    pub heard: Fact<Option<BTreeMap<String, Listed>>>,
    /// How many TaskManagers the jobs have a use for, and which of them nobody uses; none while Flink does not answer.
    pub demanded: Fact<Option<Wish>>,
    pub frameworks: Fact<Option<Frameworks>>,
    /// The cluster shall end.
    pub ending: Fact<bool>,
    /// Why the state cannot be stored, while that is tried again.
    pub not_stored: Fact<Option<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobManagers {
    /// Where the one that leads answers.
    pub leader: Option<String>,
    /// Why ours, which leads, has lost its place in Flink's election.
    pub trouble: Option<String>,
}

/// Those that the master at this URL knows; ours has `name`.
#[derive(Clone, Debug)]
pub struct Frameworks {
    pub master: String,
    pub known: Vec<operator::Framework>,
    pub name: String,
}

/// The facts as one scheduler has got to know them.
pub(super) struct Known {
    pub jobmanager_listens: News<bool>,
    pub delivery: News<Option<Delivery>>,
    jobmanagers: News<JobManagers>,
    pub heard: News<Option<BTreeMap<String, Listed>>>,
    pub demanded: News<Option<Wish>>,
    pub frameworks: News<Option<Frameworks>>,
    pub ending: News<bool>,
    /// The last JobManager that was known to lead.
    leader: Option<String>,
}

/// What has changed since the last look; at first everything has.
pub(super) struct News<T>(watch::Receiver<T>);

impl Known {
    pub fn new(facts: &Facts) -> Self {
        let mut jobmanagers = News::new(&facts.jobmanagers);
        let leader = jobmanagers.take().and_then(|jobmanagers| jobmanagers.leader);
        Self {
            jobmanager_listens: News::new(&facts.jobmanager_listens),
            delivery: News::new(&facts.delivery),
            jobmanagers,
            heard: News::new(&facts.heard),
            demanded: News::new(&facts.demanded),
            frameworks: News::new(&facts.frameworks),
            ending: News::new(&facts.ending),
            leader,
        }
    }

    /// Whether another JobManager leads than the one that did last.
    pub fn another_leads(&mut self) -> bool {
        let leader = self.jobmanagers.take().and_then(|jobmanagers| jobmanagers.leader);
        let is_another = leader.is_some() && leader != self.leader;
        if is_another {
            self.leader = leader;
        }
        is_another
    }

    /// Waits until there is news.
    pub async fn changed(&mut self) {
        tokio::select! {
            () = self.jobmanager_listens.changed() => {}
            () = self.delivery.changed() => {}
            () = self.jobmanagers.changed() => {}
            () = self.heard.changed() => {}
            () = self.demanded.changed() => {}
            () = self.frameworks.changed() => {}
            () = self.ending.changed() => {}
        }
    }
}

impl<T: Clone> News<T> {
    fn new(fact: &Fact<T>) -> Self {
        let mut receiver = fact.subscribe();
        receiver.mark_changed();
        Self(receiver)
    }

    /// The value, if it was not taken before.
    pub fn take(&mut self) -> Option<T> {
        let has_changed = self.0.has_changed().unwrap_or_default();
        has_changed.then(|| self.0.borrow_and_update().clone())
    }

    /// Leaves the news to be taken.
    async fn changed(&mut self) {
        match self.0.changed().await {
            Ok(()) => self.0.mark_changed(),
            // Nobody is left who could change it.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::demand::Asked;

    use super::*;

    #[test]
    fn what_was_set_before_is_news_and_of_two_changes_the_last_one_is() {
        let facts = Facts::default();
        facts.jobmanager_listens.send_replace(true);
        let mut known = Known::new(&facts);
        assert_eq!((known.jobmanager_listens.take(), known.jobmanager_listens.take()), (Some(true), None));
        assert_eq!(known.ending.take(), Some(false), "the first look is at everything");
        for target in [1, 2] {
            let asked = Asked { taskmanagers: target, ..Asked::default() };
            facts.demanded.send_replace(Some(Wish {
                least: target,
                most: target,
                idle: BTreeSet::new(),
                asked,
            }));
        }
        assert_eq!(known.demanded.take().flatten().map(|wish| wish.least), Some(2));
        assert_eq!(known.demanded.take(), None);
    }

    #[test]
    fn another_jobmanager_leads_when_one_does_that_was_not_the_last() {
        let facts = Facts::default();
        let leads = |leader: Option<&str>| {
            facts.jobmanagers.send_replace(JobManagers { leader: leader.map(str::to_owned), trouble: None });
        };
        leads(Some("a"));
        let mut known = Known::new(&facts);
        assert!(!known.another_leads(), "it led before");
        for (leader, is_another) in [(None, false), (Some("a"), false), (Some("b"), true), (Some("b"), false)]
        {
            leads(leader);
            assert_eq!(known.another_leads(), is_another, "{leader:?}");
        }
    }

    #[tokio::test]
    async fn to_wait_for_news_does_not_take_it() {
        let facts = Facts::default();
        let mut known = Known::new(&facts);
        while known.ending.take().is_some() {}
        facts.ending.send_replace(true);
        known.changed().await;
        assert_eq!(known.ending.take(), Some(true));
    }
}
