//! Tells when the JobManager begins to answer, when it no longer does, and when it does again.

use std::time::Duration;

use base::events::Journal;
use base::log;
use flink::pulse::{Endpoint, Silence};

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One answer that does not come may be a long garbage collection.
const SILENT_AFTER: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pulse {
    /// It has yet to answer for the first time.
    Starting,
    /// So many answers did not come.
    Alive {
        missed: u32,
    },
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Up,
    Down,
}

pub async fn watch(rest: &Endpoint, journal: &Journal) {
    let mut pulse = Pulse::Starting;
    loop {
        let answer = rest.check().await;
        match (pulse.observe(answer.is_ok()), answer) {
            (Some(Turn::Up), _) => {
                let url = rest.urls().next().unwrap_or_default();
                journal.tell("jobmanager_up", format!("the JobManager answers at {url}"));
            }
            (Some(Turn::Down), Err(why)) => journal.warn("jobmanager_down", text(&why)),
            (Some(Turn::Down), Ok(())) | (None, _) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn text(why: &Silence) -> String {
    match why {
        Silence::NoDescriptor(_) => format!("the JobManager {}", log::chain(why)),
        Silence::NoListener { .. } | Silence::NoAnswer { .. } | Silence::NotReady { .. } => {
            format!("the JobManager is unavailable: {}", log::chain(why))
        }
    }
}

impl Pulse {
    fn observe(&mut self, answers: bool) -> Option<Turn> {
        let (next, turn) = match (*self, answers) {
            (Self::Starting | Self::Silent, true) => (Self::Alive { missed: 0 }, Some(Turn::Up)),
            (Self::Alive { .. }, true) => (Self::Alive { missed: 0 }, None),
            (Self::Alive { missed }, false) if missed + 1 == SILENT_AFTER => (Self::Silent, Some(Turn::Down)),
            (Self::Alive { missed }, false) => (Self::Alive { missed: missed + 1 }, None),
            (known @ (Self::Starting | Self::Silent), false) => (known, None),
        };
        *self = next;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_told_once_and_one_miss_is_none() {
        let mut pulse = Pulse::Starting;
        let told: Vec<_> = [false, false, true, true, false, true, false, false, false, true]
            .map(|answers| pulse.observe(answers))
            .into_iter()
            .enumerate()
            .filter_map(|(at, turn)| Some((at, turn?)))
            .collect();
        assert_eq!(told, [(2, Turn::Up), (7, Turn::Down), (9, Turn::Up)]);
    }
}
