//! The quotas of Mesos roles, which the master is asked for when somebody wants to know.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use base::log;
use mesos::client::operator::Operator;
use tokio::sync;
use tokio::time::{Instant, timeout};

/// So long an answer is good, for all who ask meanwhile.
const FRESH: Duration = Duration::from_secs(2);

/// Nobody waits longer for the master.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What the master says, or why nobody knows.
pub type Told = Result<Arc<mesos::quota::Quotas>, Arc<str>>;

/// One request at a time is under way.
#[derive(Default)]
pub struct Quotas {
    /// While this dispatcher leads.
    operator: Mutex<Weak<Operator>>,
    last: sync::Mutex<Option<(Instant, Told)>>,
}

impl Quotas {
    /// Whom to ask as long as what is returned is kept.
    pub fn ask(&self, operator: Operator) -> Arc<Operator> {
        let operator = Arc::new(operator);
        *self.operator.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&operator);
        operator
    }

    /// None of a dispatcher that does not lead.
    pub fn operator(&self) -> Option<Arc<Operator>> {
        self.operator.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// None of a dispatcher that does not lead.
    pub async fn told(&self) -> Option<Told> {
        let operator = self.operator()?;
        let mut last = self.last.lock().await;
        if let Some((_, told)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Some(told.clone());
        }
        let told = match timeout(ANSWER_TIMEOUT, operator.quotas()).await {
            Ok(Ok(quotas)) => Ok(Arc::new(quotas)),
            Ok(Err(error)) => Err(log::chain(&error).into()),
            Err(_elapsed) => {
                Err(format!("the master has not answered for {} s", ANSWER_TIMEOUT.as_secs()).into())
            }
        };
        *last = Some((Instant::now(), told.clone()));
        Some(told)
    }
}

#[cfg(test)]
mod tests;
