//! Whoever is refused need not be an agent, nor must what is asked for be a task of ours.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::events::Journal;

/// So many are told in each span; more would drive everything else out of the log.
const MAX_NAMED: u32 = 10;
const SPAN: Duration = Duration::from_secs(10);

/// Our own ids are shorter.
const TASK_ID_SHOWN: usize = 64;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Configuration,
    Claim,
}

impl Refused {
    fn told(self) -> &'static str {
        match self {
            Self::Configuration => "refused a request for a configuration: wrong or used token",
            Self::Claim => "told a TaskManager to end: its task is not part of this cluster any more",
        }
    }
}

#[derive(Default)]
pub struct Refusals(Mutex<Option<(Instant, u32)>>);

impl Refusals {
    pub fn tell(&self, refused: Refused, task_id: &str, from: IpAddr, journal: &Journal) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = told.filter(|(since, _)| since.elapsed() < SPAN).unwrap_or((Instant::now(), 0));
        *told = Some((since, count + 1));
        if count < MAX_NAMED {
            let task: String = task_id.chars().take(TASK_ID_SHOWN).collect();
            let what = refused.told();
            journal.warn("refused", format!("{what} task={task:?} from={from}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use base::events::Level;

    use super::*;

    #[test]
    fn many_are_told_of_as_few_and_long_names_are_cut() {
        let (journal, refusals) = (Journal::default(), Refusals::default());
        for _ in 0..100 {
            refusals.tell(Refused::Configuration, &"x\n".repeat(1000), Ipv4Addr::LOCALHOST.into(), &journal);
        }
        let events = journal.after(0);
        assert_eq!(events.len(), 10);
        let is_short = |text: &str| text.len() < 300 && !text.contains('\n');
        assert!(events.iter().all(|event| event.level == Level::Warn && is_short(&event.text)));
    }
}
