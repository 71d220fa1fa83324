//! Looks at Flink's election again and again: who leads, and whether our own JobManager only believes that it does.
//!
//! When the ensemble was away for longer than a session, Flink's client is back with another session while the node of
//! the old one still stands first in line. A JobManager takes that node for its own, leads, and does not notice when it
//! goes. Then the next in line leads too, both write that they do over and over, and no job runs. What such a
//! JobManager announces belongs to a session that has nothing in line, and that is how it can be told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use zookeeper_client::{Client, Error};

use crate::events::Journal;
use crate::time::{Clock, Deadline, Moment};

use super::Leader;

const LOOK: Duration = Duration::from_millis(500);

/// Another look must say the same as the first. The less of the old session is left then, the sooner two lead.
const DEPOSED_AFTER: Duration = Duration::from_secs(1);

/// What is known of Flink's election.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobManagers {
    /// The leader's REST endpoint; while several say that they lead, the last that said so.
    pub leader: Option<String>,
    pub own: Own,
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
                let own =
                    own.as_deref().map(|own| suspicion.judge(own, &seen, clock.now())).unwrap_or_default();
                let found = JobManagers { leader: seen.leader.map(|leader| leader.rest_url), own };
                let known = sender.borrow().clone();
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

/// Flink's election at one moment.
#[derive(Debug, Default)]
struct Seen {
    leader: Option<Leader>,
    /// The sessions in line.
    line: Vec<i64>,
    /// Those whose JobManager says that some part of it leads. Only looked for in a case of doubt.
    claims: Vec<i64>,
}

async fn look(client: &Client, cluster_node: &str, suspicion: &Suspicion) -> Result<Seen, Error> {
    let leader = super::leader(client, cluster_node).await?;
    let line = super::line(client, cluster_node).await?;
    let claims = match suspicion.odd {
        Some(_) => super::claims(client, cluster_node).await?,
        None => Vec::new(),
    };
    Ok(Seen { leader, line: line.into_iter().map(|(_, session)| session).collect(), claims })
}

/// What was seen of our JobManager's sessions.
#[derive(Debug, Default)]
struct Suspicion {
    /// With which it led in good order. Its node may outlive it.
    last: Option<i64>,
    /// With which it has announced itself without a place in line, and until when that may be.
    odd: Option<(i64, Deadline)>,
}

impl Suspicion {
    fn judge(&mut self, own: &str, seen: &Seen, now: Moment) -> Own {
        let announced = seen.leader.as_ref().filter(|leader| leader.is_at(own)).map(|leader| leader.session);
        if let Some(session) = announced {
            if seen.line.contains(&session) {
                self.last = Some(session);
            } else if self.odd.is_none_or(|(odd, _)| odd != session) {
                self.odd = Some((session, Deadline::after(now, DEPOSED_AFTER)));
            }
        }
        let Some((odd, until)) = self.odd else { return Own::Fine };
        if seen.line.contains(&odd) || announced.is_some_and(|session| session != odd) {
            self.odd = None;
            return Own::Fine;
        }
        // While nobody else stands in line, nobody else will lead. What a leader says, another one may write over.
        let has_others = seen.line.iter().any(|session| Some(*session) != self.last);
        let claims = announced == Some(odd) || seen.claims.contains(&odd);
        if has_others && claims && until.has_passed(now) { Own::Deposed } else { Own::Fine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "://a:8081";

    /// At some seconds: who announces itself with which session, who stands in line, who claims to lead; and the verdict.
    type Look<'a> = (u64, (&'a str, i64), &'a [i64], &'a [i64], Own);

    fn check(history: &[Look<'_>]) {
        let (mut suspicion, start) = (Suspicion::default(), Clock::start().now());
        for (after_s, (host, session), line, claims, expected) in history {
            let leader = Leader { rest_url: format!("http://{host}:8081"), session: *session };
            let seen = Seen { leader: Some(leader), line: line.to_vec(), claims: claims.to_vec() };
            let verdict = suspicion.judge(OWN, &seen, start + Duration::from_secs(*after_s));
            assert_eq!(verdict, *expected, "after {after_s} s");
        }
    }

    #[test]
    fn who_announces_itself_without_a_place_in_line_is_deposed() {
        check(&[
            (0, ("a", 1), &[1, 2], &[], Own::Fine),
            // Its old place is still there.
            (1, ("a", 3), &[1, 2], &[], Own::Fine),
            // The other one says so too.
            (2, ("b", 2), &[2], &[2], Own::Fine),
            (3, ("a", 3), &[2], &[2, 3], Own::Deposed),
        ]);
    }

    #[test]
    fn who_claims_to_lead_only_in_part_is_deposed() {
        check(&[
            (0, ("a", 3), &[], &[], Own::Fine),
            (5, ("a", 3), &[], &[3], Own::Fine),
            (6, ("b", 2), &[2], &[2, 3], Own::Deposed),
        ]);
    }

    #[test]
    fn who_finds_its_place_or_is_alone_is_fine() {
        check(&[
            (0, ("a", 1), &[1], &[], Own::Fine),
            // That is its own old place.
            (1, ("a", 3), &[1], &[], Own::Fine),
            (9, ("a", 3), &[1], &[3], Own::Fine),
            // It stands in line again.
            (10, ("b", 2), &[2, 3], &[2], Own::Fine),
            (15, ("a", 3), &[3, 2], &[], Own::Fine),
            // It has given up with that session.
            (20, ("a", 4), &[2], &[], Own::Fine),
            (25, ("b", 2), &[2], &[2], Own::Fine),
            (30, ("b", 5), &[2], &[5], Own::Fine),
        ]);
    }
}
