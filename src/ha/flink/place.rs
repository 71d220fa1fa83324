//! Our JobManager's place in Flink's election, and what becomes of it when an old session takes it along.
//!
//! A client older than Curator 5.7, which Flink has up to 1.20, takes the node of an earlier session for its own while that
//! still stands first in line: the JobManager leads, and does not notice when the node goes (CURATOR-696). Then the next in
//! line leads too, both write that they do over and over, and no job runs. What such a JobManager announces belongs to a
//! session that has nothing in line, and that is how it can be told.
//!
//! As long as nobody else leads, the place can be kept for it: by a node of the worker's at the same path.

use std::time::Duration;

use crate::election;
use base::time::{Deadline, Moment};

use super::Leader;

/// Another look must say the same as the first, since the nodes are read one after the other.
const DEPOSED_AFTER: Duration = Duration::from_secs(1);

/// A node in Flink's election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionNode {
    pub path: String,
    /// Whose it is.
    pub session: i64,
}

/// Flink's election at one moment.
#[derive(Debug, Default)]
pub struct Seen {
    pub leader: Option<Leader>,
    pub line: Vec<ElectionNode>,
    /// Whether the node that the line is below is there: a person may have removed it.
    pub has_line: bool,
    /// The sessions whose JobManager says that some part of it leads. Only looked for in a case of doubt.
    pub claims: Vec<i64>,
    /// Ours, not the JobManager's.
    pub worker: i64,
    /// After which a session that nobody hears has ended.
    pub session_timeout: Duration,
}

/// What shall happen to our JobManager's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// The worker puts a node of its own there.
    Keep { path: String, spot: Spot },
    /// The worker's own node goes: the JobManager has another one, or claims nothing any more.
    GiveUp { path: String },
    /// It says that it leads, but has lost its place, and others have one.
    Deposed,
}

/// What is where a place is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The old session's node, which has to go.
    Taken,
    Free,
    /// Nobody stands in line, and there is no line.
    NoLine,
}

/// What was seen of our JobManager's sessions.
#[derive(Debug, Default)]
pub struct Suspicion {
    /// As which it led in good order. The node may outlive the session.
    last: Option<ElectionNode>,
    /// With which it has announced itself without a place in line, and until when that may be.
    odd: Option<(i64, Deadline)>,
    /// When it has claimed nothing for so long that it is believed.
    silent: Option<Deadline>,
}

impl Suspicion {
    pub fn is_any(&self) -> bool {
        self.odd.is_some()
    }

    /// `own` is the end of the URL of our JobManager's REST endpoint.
    pub fn judge(&mut self, own: &str, seen: &Seen, now: Moment) -> Verdict {
        let announced = seen.leader.as_ref().filter(|leader| leader.is_at(own)).map(|leader| leader.session);
        let place_of = |session| seen.line.iter().find(|place| place.session == session);
        if let Some(session) = announced {
            if let Some(place) = place_of(session) {
                self.last = Some(place.clone());
            } else if self.odd.is_none_or(|(odd, _)| odd != session) {
                self.odd = Some((session, Deadline::after(now, DEPOSED_AFTER)));
            }
        }
        let Some((odd, until)) = self.odd else { return Verdict::Fine };
        let kept = place_of(seen.worker).map(|place| place.path.clone());
        let give_up = |kept: Option<String>| kept.map_or(Verdict::Fine, |path| Verdict::GiveUp { path });
        if place_of(odd).is_some() || announced.is_some_and(|session| session != odd) {
            (self.odd, self.silent) = (None, None);
            return give_up(kept);
        }
        // What a leader says, another one may write over.
        if announced != Some(odd) && !seen.claims.contains(&odd) {
            let silent = *self.silent.get_or_insert(Deadline::after(now, seen.session_timeout));
            return if silent.has_passed(now) { give_up(kept) } else { Verdict::Fine };
        }
        self.silent = None;
        if kept.is_some() {
            return Verdict::Fine;
        }
        self.keep(seen).unwrap_or_else(|| {
            // While nobody else stands in line, nobody else will lead.
            let last = self.last.as_ref().map(|place| place.session);
            let has_others = seen.line.iter().any(|place| Some(place.session) != last);
            if has_others && until.has_passed(now) { Verdict::Deposed } else { Verdict::Fine }
        })
    }

    /// Only while it is the first in line: else somebody else leads.
    fn keep(&self, seen: &Seen) -> Option<Verdict> {
        let last = self.last.as_ref()?;
        if !seen.has_line {
            return Some(Verdict::Keep { path: at_the_front(&last.path), spot: Spot::NoLine });
        }
        let first = seen.line.iter().min_by_key(|place| election::place(&place.path).unwrap_or(i64::MAX));
        let spot = match first {
            None => Spot::Free,
            Some(first) if first == last => Spot::Taken,
            Some(_) => return None,
        };
        Some(Verdict::Keep { path: last.path.clone(), spot })
    }
}

/// In a new line ZooKeeper counts from 0 again, so that a place with the old number would be behind the others.
fn at_the_front(path: &str) -> String {
    let name = path.trim_end_matches(|digit: char| digit.is_ascii_digit());
    format!("{name}{:010}", 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::time::Clock;

    const OWN: &str = "://a:8081";
    const WORKER: i64 = 100;

    /// At some seconds: who announces itself with which session, who stands in line, who claims to lead; and the verdict.
    type Look<'a> = (u64, (&'a str, i64), &'a [(u32, i64)], &'a [i64], Verdict);

    fn place(number: u32, session: i64) -> ElectionNode {
        ElectionNode { path: path(number), session }
    }

    fn path(number: u32) -> String {
        format!("/latch/_c_x-latch-{number:010}")
    }

    fn check(history: &[Look<'_>]) {
        let (mut suspicion, start) = (Suspicion::default(), Clock::start().now());
        for (after_s, (host, session), line, claims, expected) in history {
            let seen = Seen {
                leader: Some(Leader { rest_url: format!("http://{host}:8081"), session: *session }),
                line: line.iter().map(|(number, session)| place(*number, *session)).collect(),
                has_line: true,
                claims: claims.to_vec(),
                worker: WORKER,
                session_timeout: Duration::from_secs(10),
            };
            let verdict = suspicion.judge(OWN, &seen, start + Duration::from_secs(*after_s));
            assert_eq!(verdict, *expected, "after {after_s} s");
        }
    }

    fn keep(number: u32, spot: Spot) -> Verdict {
        Verdict::Keep { path: path(number), spot }
    }

    fn give_up(number: u32) -> Verdict {
        Verdict::GiveUp { path: path(number) }
    }

    #[test]
    fn an_old_place_is_kept_until_the_jobmanager_has_another() {
        check(&[
            (0, ("a", 1), &[(4, 1), (5, 2)], &[], Verdict::Fine),
            (1, ("a", 3), &[(4, 1), (5, 2)], &[], keep(4, Spot::Taken)),
            (2, ("a", 3), &[(4, WORKER), (5, 2)], &[3], Verdict::Fine),
            // Another session, and the same again.
            (9, ("a", 6), &[(4, WORKER), (5, 2)], &[3], Verdict::Fine),
            (20, ("a", 6), &[(5, 2), (6, 6), (4, WORKER)], &[6], give_up(4)),
            (21, ("a", 6), &[(5, 2), (6, 6)], &[6], Verdict::Fine),
        ]);
    }

    #[test]
    fn a_place_that_has_gone_is_kept_while_nobody_else_stands_in_line() {
        check(&[
            (0, ("a", 1), &[(4, 1)], &[], Verdict::Fine),
            (1, ("a", 3), &[], &[], keep(4, Spot::Free)),
            (2, ("a", 3), &[(4, WORKER)], &[3], Verdict::Fine),
            (3, ("a", 3), &[(4, WORKER), (5, 2)], &[3], Verdict::Fine),
        ]);
    }

    #[test]
    fn in_a_line_that_was_removed_the_place_is_the_first() {
        let (mut suspicion, now) = (Suspicion::default(), Clock::start().now());
        let leader = || Some(Leader { rest_url: "http://a:8081".to_owned(), session: 1 });
        let with =
            |line, has_line| Seen { leader: leader(), line, has_line, worker: WORKER, ..Seen::default() };
        let seen = with(vec![place(4, 1), place(5, 2)], true);
        assert_eq!(suspicion.judge(OWN, &seen, now), Verdict::Fine);
        assert_eq!(suspicion.judge(OWN, &with(Vec::new(), false), now), keep(0, Spot::NoLine));
        assert_eq!(
            suspicion.judge(OWN, &with(vec![place(0, WORKER), place(1, 2)], true), now),
            Verdict::Fine
        );
    }

    #[test]
    fn a_jobmanager_that_claims_nothing_for_longer_than_a_session_keeps_no_place() {
        check(&[
            (0, ("a", 1), &[(4, 1), (5, 2)], &[], Verdict::Fine),
            (1, ("a", 3), &[(4, 1), (5, 2)], &[], keep(4, Spot::Taken)),
            (2, ("", 0), &[(4, WORKER), (5, 2)], &[], Verdict::Fine),
            (8, ("", 0), &[(4, WORKER), (5, 2)], &[3], Verdict::Fine),
            (9, ("", 0), &[(4, WORKER), (5, 2)], &[], Verdict::Fine),
            (18, ("", 0), &[(4, WORKER), (5, 2)], &[], Verdict::Fine),
            (19, ("", 0), &[(4, WORKER), (5, 2)], &[], give_up(4)),
            (20, ("b", 2), &[(5, 2)], &[2], Verdict::Fine),
        ]);
    }

    #[test]
    fn who_leads_when_the_place_went_to_somebody_else_is_deposed() {
        check(&[
            (0, ("a", 1), &[(4, 1), (5, 2)], &[], Verdict::Fine),
            (1, ("a", 3), &[(5, 2)], &[], Verdict::Fine),
            // The other one says so too.
            (2, ("b", 2), &[(5, 2)], &[2, 3], Verdict::Deposed),
        ]);
    }

    #[test]
    fn who_claims_to_lead_only_in_part_is_deposed() {
        check(&[
            // Nothing is known of its old place.
            (0, ("a", 3), &[], &[], Verdict::Fine),
            (5, ("a", 3), &[], &[3], Verdict::Fine),
            (6, ("b", 2), &[(5, 2)], &[2, 3], Verdict::Deposed),
        ]);
    }

    #[test]
    fn who_finds_its_place_or_gives_up_is_fine() {
        check(&[
            (0, ("a", 3), &[(4, 1)], &[3], Verdict::Fine),
            // It stands in line again.
            (10, ("b", 2), &[(5, 2), (6, 3)], &[2], Verdict::Fine),
            (15, ("a", 3), &[(6, 3), (7, 2)], &[], Verdict::Fine),
            // It has given up with that session.
            (20, ("a", 4), &[(7, 2)], &[], Verdict::Fine),
            (25, ("b", 2), &[(7, 2)], &[2], Verdict::Fine),
            (30, ("b", 5), &[(7, 2)], &[5], Verdict::Fine),
        ]);
    }
}
