//! The token with which a task fetches its configuration, and later asks whether it is still wanted: known to the task
//! and derived, not stored, here.

use subtle::ConstantTimeEq as _;

use base::digest::{Sha256, hexadecimal};
use base::time::Moment;
use claim::Answer;

use super::Scheduler;

/// 128 bits in hexadecimal. Cut short, so that nobody can extend it to the token of another id.
pub fn of(secret: &[u8; 32], task_id: &str) -> String {
    let mut hash = Sha256::begin();
    hash.update(secret);
    hash.update(task_id);
    hexadecimal(&hash.finish()[..16])
}

impl Scheduler {
    /// Somebody wants the configuration of `task_id` with `token`. True once for each task that is to run; the
    /// answer goes out after the next actions have been carried out.
    pub fn handle_redeemed(&mut self, task_id: &str, token: &str, _now: Moment) -> bool {
        let expected = of(&self.state.token_secret, task_id);
        let Some(record) = self.state.tasks.get_mut(task_id) else { return false };
        if record.fetched || !is(&expected, token) {
            return false;
        }
        record.fetched = true;
        self.store();
        true
    }

    /// The configuration was not sent, as whoever asked for it has gone: it may be asked for again.
    pub fn handle_not_fetched(&mut self, task_id: &str) {
        if let Some(record) = self.state.tasks.get_mut(task_id) {
            record.fetched = false;
            self.store();
        }
    }

    /// Whether `task_id`, which shows `token`, is one of the cluster's TaskManagers. Who does not know the token is told
    /// nothing. One that is being ended is left to Mesos.
    pub fn claim(&self, task_id: &str, token: &str) -> Answer {
        let expected = of(&self.state.token_secret, task_id);
        if !is(&expected, token) {
            return Answer::Elsewhere;
        }
        if self.state.tasks.contains_key(task_id) { Answer::Held } else { Answer::Gone }
    }
}

/// In a time that tells nothing about where they differ.
fn is(expected: &str, token: &str) -> bool {
    expected.as_bytes().ct_eq(token.as_bytes()).into()
}
