//! Whether a TaskManager is still wanted: its task asks the AppMaster that launched it, again and again.
//!
//! An answer of one who has the state the task was launched from is believed at once. Silence is believed where nobody
//! but that AppMaster could go on with the framework, and only when nothing listens at its address: one that is stopped
//! or starts its worker again still has its port. This is the pure part; [`ask`] asks.

#![forbid(unsafe_code)]

pub mod ask;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::time::Moment;
use domain::succession::Succession;

/// The header that tells an AppMaster's answer from any other server's.
pub const HEADER: &str = "flink-on-mesos-claim";

/// What an AppMaster says about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is one of its TaskManagers.
    Held,
    /// It was one, and is none any more.
    Gone,
    /// The token is none of this cluster's.
    Elsewhere,
    /// It cannot tell: it does not lead, or starts.
    Unknown,
}

impl Answer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Gone => "gone",
            Self::Elsewhere => "elsewhere",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Answer {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Held, Self::Gone, Self::Elsewhere, Self::Unknown];
        all.into_iter().find(|answer| answer.name() == text).ok_or(())
    }
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered(Answer),
    /// Somebody listens there, and has not answered.
    Mute,
    /// No AppMaster is there.
    Nobody(String),
}

/// What follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub next: Next,
    pub note: Option<Note>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask again after this.
    AskIn(Duration),
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Silent { why: String, ends_after: Option<Duration> },
    HeardAgain { after: Duration },
    Gone,
    Elsewhere,
    SilentForGood { since: Duration, why: String },
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { why, ends_after: None } => {
                write!(
                    out,
                    "the AppMaster does not answer ({why}): this TaskManager keeps running, as another AppMaster may take it over"
                )
            }
            Self::Silent { why, ends_after: Some(after) } => {
                let after = after.as_secs();
                write!(
                    out,
                    "the AppMaster does not answer ({why}): this TaskManager ends if that lasts for {after} s"
                )
            }
            Self::HeardAgain { after } => {
                write!(out, "the AppMaster answers again after {} s", after.as_secs())
            }
            Self::Gone => write!(out, "ending this TaskManager: the AppMaster has given it up"),
            Self::Elsewhere => {
                write!(
                    out,
                    "ending this TaskManager: another cluster's AppMaster answers at the address of its own"
                )
            }
            Self::SilentForGood { since, why } => {
                let since = since.as_secs();
                write!(out, "ending this TaskManager: its AppMaster has not answered for {since} s ({why})")
            }
        }
    }
}

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// While silence may end the TaskManager, so that a successor at the same address is met soon.
const ASK_SOON: Duration = Duration::from_secs(5);
/// While silence means nothing.
const ASK_SELDOM: Duration = Duration::from_secs(60);
/// Each wait is shortened at random by up to this part of it: TaskManagers that started together ask at different times.
const JITTER: f64 = 0.2;

/// No question that finds nobody takes longer, so whoever was away for longer was stopped, and has not listened.
const STOPPED_AFTER: Duration = Duration::from_secs(60);

/// One TaskManager's.
#[derive(Debug)]
pub struct Watch {
    succession: Succession,
    /// Since the first of the questions in a row that found nobody.
    silent_since: Option<Moment>,
    looked: Moment,
}

impl Watch {
    pub fn new(succession: Succession, now: Moment) -> Self {
        Self { succession, silent_since: None, looked: now }
    }

    /// How long the first question waits.
    pub fn first_wait(random: f64) -> Duration {
        ASK_EVERY.mul_f64(random)
    }

    /// A question asked at `began` came to this; `random` is uniform in `0.0 .. 1.0`.
    pub fn handle(&mut self, outcome: Outcome, began: Moment, now: Moment, random: f64) -> Verdict {
        if now.since(self.looked) > STOPPED_AFTER {
            self.silent_since = self.silent_since.map(|_| now);
        }
        self.looked = now;
        let (next, note) = match outcome {
            Outcome::Answered(Answer::Gone) => (Next::End, Some(Note::Gone)),
            Outcome::Answered(Answer::Elsewhere) if self.succession.is_bound_to_address() => {
                (Next::End, Some(Note::Elsewhere))
            }
            // The owner is at another address.
            Outcome::Answered(Answer::Elsewhere) => {
                self.silent("another cluster's AppMaster answers at its address".to_owned(), began, now)
            }
            Outcome::Answered(Answer::Held | Answer::Unknown) | Outcome::Mute => {
                let note = self.silent_since.take().map(|since| Note::HeardAgain { after: now.since(since) });
                (Next::AskIn(ASK_EVERY), note)
            }
            Outcome::Nobody(why) => self.silent(why, began, now),
        };
        let next = match next {
            Next::AskIn(wait) => Next::AskIn(wait.mul_f64(1.0 - JITTER * random)),
            Next::End => Next::End,
        };
        Verdict { next, note }
    }

    fn silent(&mut self, why: String, began: Moment, now: Moment) -> (Next, Option<Note>) {
        let most = self.succession.silence_most();
        let wait = if most.is_some() { ASK_SOON } else { ASK_SELDOM };
        match (self.silent_since, most) {
            (None, ends_after) => {
                self.silent_since = Some(began);
                (Next::AskIn(wait), Some(Note::Silent { why, ends_after }))
            }
            (Some(since), Some(most)) if now.since(since) >= most => {
                (Next::End, Some(Note::SilentForGood { since: now.since(since), why }))
            }
            (Some(_), _) => (Next::AskIn(wait), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: fn() -> Outcome = || Outcome::Nobody("refused".to_owned());

    /// Asks as long as it is told to, at most for `most`; what it noted, and after how many seconds it ended.
    fn watch(
        succession: Succession,
        most: u64,
        mut outcome: impl FnMut(u64) -> Outcome,
    ) -> (Option<u64>, Vec<Note>) {
        let at = |seconds: u64| Moment::START + Duration::from_secs(seconds);
        let (mut watch, mut now, mut notes) = (Watch::new(succession, Moment::START), 0, Vec::new());
        while now < most {
            let verdict = watch.handle(outcome(now), at(now), at(now), 0.0);
            notes.extend(verdict.note);
            match verdict.next {
                Next::AskIn(wait) => now += wait.as_secs(),
                Next::End => return (Some(now), notes),
            }
        }
        (None, notes)
    }

    #[test]
    fn what_the_owner_says_counts_at_once() {
        for succession in [Succession::Nobody, Succession::Elected] {
            let (ended, notes) = watch(succession, 1000, |now| {
                Outcome::Answered(if now < 30 { Answer::Held } else { Answer::Gone })
            });
            assert_eq!((ended, notes), (Some(30), vec![Note::Gone]));
        }
    }

    #[test]
    fn another_cluster_there_means_that_the_only_owner_is_gone() {
        let elsewhere = |_| Outcome::Answered(Answer::Elsewhere);
        assert_eq!(watch(Succession::Nobody, 1000, elsewhere), (Some(0), vec![Note::Elsewhere]));
        assert_eq!(watch(Succession::Elected, 100_000, elsewhere).0, None);
    }

    #[test]
    fn silence_ends_only_where_nobody_can_take_over() {
        let (ended, notes) =
            watch(Succession::Nobody, 1000, |now| if now < 100 { Outcome::Mute } else { NOBODY() });
        assert_eq!(ended, Some(175));
        assert!(matches!(&notes[..], [Note::Silent { .. }, Note::SilentForGood { .. }]), "{notes:?}");
        let (ended, notes) = watch(Succession::Elected, 1_000_000, |_| NOBODY());
        assert_eq!(ended, None);
        assert_eq!(notes.len(), 1, "it is told once: {notes:?}");
    }

    #[test]
    fn whoever_listens_is_waited_for() {
        for heard in [Outcome::Mute, Outcome::Answered(Answer::Unknown), Outcome::Answered(Answer::Held)] {
            let outcome = |now: u64| if now.is_multiple_of(70) { heard.clone() } else { NOBODY() };
            assert_eq!(watch(Succession::Nobody, 10_000, outcome).0, None, "{heard:?}");
        }
    }

    #[test]
    fn a_time_in_which_it_was_stopped_does_not_count() {
        let mut watch = Watch::new(Succession::Nobody, Moment::START);
        let at = |seconds: u64| Moment::START + Duration::from_secs(seconds);
        let mut ask = |seconds: u64| watch.handle(NOBODY(), at(seconds), at(seconds), 0.0).next;
        assert_eq!(ask(10), Next::AskIn(ASK_SOON));
        for seconds in [5000, 5060, 5074] {
            assert_eq!(ask(seconds), Next::AskIn(ASK_SOON), "{seconds}");
        }
        assert_eq!(ask(5075), Next::End);
    }
}
