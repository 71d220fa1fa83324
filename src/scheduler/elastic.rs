//! Following what jobs ask for.

use base::time::Moment;
use domain::demand::Wish;
use domain::group::GroupName;

use super::{Note, Scheduler};
use domain::state::Goal;

impl Scheduler {
    /// Moves the group's target between the wish's bounds. Only what is not launched yet and what nobody uses is given
    /// up.
    pub fn handle_group_demanded(&mut self, name: &GroupName, wish: Wish, now: Moment) {
        let target = self.group_target(name);
        let most = wish.most.max(wish.least);
        let next = match target {
            _ if self.is_paused(name) => target,
            _ if target < wish.least => wish.least,
            _ => self.lowered(name, most, &wish),
        };
        if next != target {
            self.state.group_mut(name).demanded = Some(next);
            self.store();
            self.note(Note::Scaled { group: name.clone(), target: next });
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.asked = Some(wish.asked);
        }
        self.plan(now);
    }

    /// The target, lowered towards `most`, with as many idle tasks retired.
    fn lowered(&mut self, name: &GroupName, most: u32, wish: &Wish) -> u32 {
        let launched = u32::try_from(self.kept_of(name).count()).unwrap_or(u32::MAX);
        let mut next = self.group_target(name).min(most.max(launched));
        for id in &wish.idle {
            if next <= most {
                break;
            }
            if self.goal(id) == Some(Goal::Run) && self.group_of(id) == Some(name) {
                self.retire(id);
                next -= 1;
            }
        }
        next
    }
}
