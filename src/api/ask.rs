//! Questions to the core, none of which waits for ever.

use std::time::Duration;

use tokio::time::timeout;

use dispatcher::Dispatcher;
use dispatcher::Timestamp;
use dispatcher::driver::{Handle, NotAnswered};

/// A store that has lost its ensemble answers when that is back, which nobody waits for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("the dispatcher is busy: too many requests are waiting")]
    Busy,
    #[error("cannot store what was ordered: {0}")]
    NotStored(String),
    #[error("cannot read what is stored of clusters: {0}")]
    NotRead(String),
    #[error("another dispatcher leads")]
    NotLeading,
    #[error("the dispatcher is stopping")]
    Stopping,
    #[error("no answer within {} s; what was ordered may still be carried out", most.as_secs())]
    Slow { most: Duration },
}

impl From<NotAnswered> for Unanswered {
    fn from(why: NotAnswered) -> Self {
        match why {
            NotAnswered::Busy => Self::Busy,
            NotAnswered::NotStored(why) => Self::NotStored(why),
            NotAnswered::NotRead(why) => Self::NotRead(why),
            NotAnswered::NotLeading => Self::NotLeading,
            NotAnswered::Stopping => Self::Stopping,
        }
    }
}

pub async fn ask<T: Send + 'static>(
    handle: &Handle,
    question: impl FnOnce(&mut Dispatcher, Timestamp) -> T + Send + 'static,
) -> Result<T, Unanswered> {
    within(MAX_WAIT, handle.ask(question)).await
}

async fn within<T>(
    most: Duration,
    answer: impl Future<Output = Result<T, NotAnswered>>,
) -> Result<T, Unanswered> {
    match timeout(most, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Unanswered::Slow { most }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Problem;

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let why =
            within::<()>(Duration::from_millis(1), std::future::pending()).await.expect_err("no answer");
        let Problem { status, retry_after, error, .. } = why.into();
        assert_eq!((status, retry_after), (503, Some(5)));
        assert_eq!(error, "no answer within 0 s; what was ordered may still be carried out");
    }
}
