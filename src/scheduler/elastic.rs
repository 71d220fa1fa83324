//! Following what jobs ask for.

use base::time::Moment;
use domain::demand::Wish;

use super::{Note, Scheduler};
use domain::state::Goal;

impl Scheduler {
    /// Moves the target between the wish's bounds. Only what is not launched yet and what nobody uses is given up.
    pub fn handle_demanded(&mut self, wish: Wish, now: Moment) {
        let target = self.target();
        let most = wish.most.max(wish.least);
        let next = if target < wish.least { wish.least } else { self.lowered(most, &wish) };
        if next != target {
            self.state.demanded = Some(next);
            self.store();
            self.note(Note::Scaled { target: next });
        }
        self.asked = Some(wish.asked);
        self.plan(now);
    }

    /// The target, lowered towards `most`, with as many idle TaskManagers retired.
    fn lowered(&mut self, most: u32, wish: &Wish) -> u32 {
        let launched = u32::try_from(self.kept().count()).unwrap_or(u32::MAX);
        let mut next = self.target().min(most.max(launched));
        for id in &wish.idle {
            if next <= most {
                break;
            }
            if self.goal(id) == Some(Goal::Run) {
                self.retire(id);
                next -= 1;
            }
        }
        next
    }
}
