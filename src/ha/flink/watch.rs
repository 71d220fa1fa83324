//! Looks at Flink's election again and again: who leads, and whether our own JobManager only believes that it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use zookeeper_client::{Client, CreateMode, Error};

use base::events::Journal;
use base::time::Clock;
use zookeeper::{self, Ensemble};

use super::place::{Seen, Spot, Suspicion, Verdict};

const LOOK: Duration = Duration::from_millis(500);

/// What is known of Flink's election.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobManagers {
    /// The leader's REST endpoint; while several say that they lead, the last that said so.
    pub leader: Option<String>,
    pub own: Own,
    /// Why our JobManager, which leads, has no place in line, and cannot be given one.
    pub trouble: Option<String>,
}

/// Our JobManager's part in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// Nothing speaks against it.
    #[default]
    Fine,
    /// It says that it leads, but has lost its place in line, and others have one.
    Deposed,
}

/// Looks as long as somebody wants to know. `own` is the end of the URL of our JobManager's REST endpoint.
pub fn watch(
    mut clients: watch::Receiver<Option<Client>>,
    ensemble: Ensemble,
    cluster_node: String,
    own: Option<String>,
    journal: Arc<Journal>,
) -> watch::Receiver<JobManagers> {
    let (sender, receiver) = watch::channel(JobManagers::default());
    tokio::spawn(async move {
        let (clock, mut suspicion) = (Clock::start(), Suspicion::default());
        while !sender.is_closed() {
            let client = clients.borrow_and_update().clone();
            // Without an answer everything stays as it was: the next look comes soon.
            if let Some(client) = client
                && let Ok(seen) = look(&client, &cluster_node, &suspicion).await
            {
                let verdict = match &own {
                    Some(own) => suspicion.judge(own, &seen, clock.now()),
                    None => Verdict::Fine,
                };
                let own = if verdict == Verdict::Deposed { Own::Deposed } else { Own::Fine };
                let trouble = carry_out(verdict, &client, &ensemble, &journal).await.err();
                let leader = seen.leader.map(|leader| leader.rest_url);
                let found = JobManagers { leader, own, trouble };
                let known = sender.borrow().clone();
                // Twice a second it is the same.
                if let Some(trouble) = &found.trouble
                    && known.trouble.as_ref() != Some(trouble)
                {
                    journal.warn("place_lost", trouble);
                }
                if known.leader != found.leader {
                    tell(found.leader.as_deref(), &journal);
                }
                if known != found {
                    sender.send_replace(found);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    receiver
}

fn tell(leader: Option<&str>, journal: &Journal) {
    match leader {
        Some(url) => journal.tell("jobmanager_leads", format!("the JobManager at {url} leads Flink")),
        None => journal.warn("no_jobmanager_leads", "no JobManager leads Flink"),
    }
}

async fn look(client: &Client, cluster_node: &str, suspicion: &Suspicion) -> Result<Seen, Error> {
    let leader = super::leader(client, cluster_node).await?;
    let line = super::line(client, cluster_node).await?;
    let has_line = line.is_some();
    let claims = match suspicion.is_any() {
        true => super::claims(client, cluster_node).await?,
        false => Vec::new(),
    };
    let (worker, session_timeout) = (client.session_id().0, client.session_timeout());
    Ok(Seen { leader, line: line.unwrap_or_default(), has_line, claims, worker, session_timeout })
}

/// What fails has changed meanwhile, or is tried again after the next look.
async fn carry_out(
    verdict: Verdict,
    client: &Client,
    ensemble: &Ensemble,
    journal: &Journal,
) -> Result<(), String> {
    let (path, done) = match &verdict {
        Verdict::Fine | Verdict::Deposed => return Ok(()),
        Verdict::Keep { path, spot } => (path, keep(client, ensemble, path, *spot).await),
        Verdict::GiveUp { path } => (path, client.delete(path, None).await),
    };
    done.map_err(|error| {
        format!("cannot write {path}, the JobManager's node in Flink's leader election: {error}")
    })?;
    match &verdict {
        Verdict::Keep { spot: Spot::NoLine, .. } => journal.warn(
            "line_removed",
            format!("somebody has removed the nodes of Flink's leader election: created {path} again for the JobManager"),
        ),
        Verdict::Keep { spot: Spot::Taken | Spot::Free, .. } => journal.tell(
            "place_kept",
            format!(
                "created {path}, the JobManager's node in Flink's leader election, anew: the old one ends with an old session"
            ),
        ),
        Verdict::Fine | Verdict::Deposed | Verdict::GiveUp { .. } => {
            journal.tell("place_given_up", format!("deleted {path}, which this AppMaster held for the JobManager"));
        }
    }
    Ok(())
}

/// At once, so that nobody who waits behind the old node finds none, and who makes a new line first is the first in it.
async fn keep(client: &Client, ensemble: &Ensemble, path: &str, spot: Spot) -> Result<(), Error> {
    let parents = ensemble.create(CreateMode::Persistent);
    let mut writer = client.new_multi_writer();
    match spot {
        Spot::Taken => writer.add_delete(path, None)?,
        Spot::Free => {}
        Spot::NoLine => {
            let line = zookeeper::parent(path).unwrap_or_default();
            if let Some(above) = zookeeper::parent(line) {
                client.mkdir(above, &parents).await?;
            }
            writer.add_create(line, b"", &parents)?;
        }
    }
    writer.add_create(path, b"", &ensemble.create(CreateMode::Ephemeral))?;
    writer.commit().await?;
    Ok(())
}
