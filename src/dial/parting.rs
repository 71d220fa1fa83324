//! The last question: what shall remain of the cluster of an AppMaster that is being stopped.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::debug;

use base::log;
use base::time::Backoff;
use domain::remains::Remains;

use super::client::{AnswerError, Line};
use super::driver::ASK_AGAIN;
use super::{Answer, Home, PROTOCOL, Report};

/// Everything, where no dispatcher says otherwise in this time.
pub async fn remains(home: &Home, within: Duration) -> Remains {
    let mut line = match Line::new(home) {
        Ok(line) => line,
        Err(error) => {
            debug!("the dispatcher cannot be asked: {}", log::chain(&error));
            return Remains::Cluster;
        }
    };
    timeout(within, ask(home, &mut line)).await.unwrap_or_default()
}

async fn ask(home: &Home, line: &mut Line) -> Remains {
    let report = Report {
        protocol: PROTOCOL,
        task_id: home.task_id.clone(),
        attempt: home.attempt,
        hold_ms: 0,
        status: None,
        outcomes: Vec::new(),
        dispatchers: Vec::new(),
        leaves: true,
    };
    let mut backoff = Backoff::new(ASK_AGAIN);
    loop {
        match line.ask(&report).await {
            Ok(Answer::Orders { remains, .. }) => return remains,
            // The other one goes on with it.
            Ok(Answer::Superseded { .. }) => return Remains::Cluster,
            Err(AnswerError::Refused { status: 403, .. }) => return Remains::Cluster,
            Err(error) => {
                debug!("no dispatcher says what shall remain: {}", log::chain(&error));
                sleep(backoff.failed(fastrand::f64())).await;
            }
        }
    }
}
