//! Faults that wait for their occasion.

use crate::agent::Fate;
use crate::fault::Deed;
use crate::message::Run;
use mesos::wire::id::TaskId;

#[derive(Debug, Default)]
pub struct Rules {
    pub calls: Vec<CallRule>,
    pub launches: Vec<LaunchRule>,
    pub duplicates: u32,
    pub losses: u32,
    pub acknowledgements: AcknowledgementRule,
}

/// Which acknowledgements do not reach their agent.
#[derive(Debug, Default)]
pub struct AcknowledgementRule {
    pub skip: u32,
    pub times: u32,
}

#[derive(Debug)]
pub struct CallRule {
    /// Any, if there is none.
    pub name: Option<String>,
    pub skip: u32,
    pub times: u32,
    pub deed: Deed,
}

#[derive(Debug)]
pub struct LaunchRule {
    pub prefix: String,
    pub times: u32,
    pub fate: Fate,
}

impl Rules {
    /// What a fault wants done with a call of this name instead of carrying it out.
    pub fn deed(&mut self, name: &str) -> Option<Deed> {
        let is_meant = |rule: &&mut CallRule| rule.name.as_deref().is_none_or(|other| other == name);
        let mut deed = None;
        for rule in self.calls.iter_mut().filter(is_meant) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if deed.is_none() {
                rule.times = rule.times.saturating_sub(1);
                deed = Some(rule.deed.clone());
            }
        }
        self.calls.retain(|rule| rule.times > 0);
        deed
    }

    pub fn fate(&mut self, run: &Run) -> Option<Fate> {
        let id = run.task.task_id.as_ref().map(TaskId::text).unwrap_or_default();
        let rule = self.launches.iter_mut().find(|rule| id.starts_with(&rule.prefix))?;
        rule.times = rule.times.saturating_sub(1);
        let fate = rule.fate.clone();
        self.launches.retain(|rule| rule.times > 0);
        Some(fate)
    }

    /// Whether the next acknowledgement is lost.
    pub fn loses_acknowledgement(&mut self) -> bool {
        let AcknowledgementRule { skip, times } = &mut self.acknowledgements;
        if *skip > 0 {
            *skip -= 1;
            return false;
        }
        let is_lost = *times > 0;
        *times = times.saturating_sub(1);
        is_lost
    }

    /// How often the next update arrives.
    pub fn deliveries(&mut self) -> u32 {
        if self.losses > 0 {
            self.losses -= 1;
            return 0;
        }
        if self.duplicates > 0 {
            self.duplicates -= 1;
            return 2;
        }
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_call_of_a_kind_is_hit_and_no_other() {
        let rule = |name: Option<&str>, skip, times, deed| {
            let name = name.map(str::to_owned);
            CallRule { name, skip, times, deed }
        };
        let calls = vec![rule(Some("ACCEPT"), 1, 2, Deed::Swallow), rule(None, 5, 1, Deed::Hang)];
        let mut rules = Rules { calls, ..Rules::default() };
        let deeds =
            ["KILL", "ACCEPT", "ACCEPT", "ACCEPT", "ACCEPT", "KILL", "KILL"].map(|name| rules.deed(name));
        let (swallow, hang) = (Some(Deed::Swallow), Some(Deed::Hang));
        assert_eq!(deeds, [None, None, swallow.clone(), swallow, None, hang, None]);
        assert!(rules.calls.is_empty());
    }

    #[test]
    fn the_nth_acknowledgement_is_lost() {
        let acknowledgements = AcknowledgementRule { skip: 1, times: 1 };
        let mut rules = Rules { acknowledgements, ..Rules::default() };
        assert_eq!([(); 3].map(|()| rules.loses_acknowledgement()), [false, true, false]);
    }

    #[test]
    fn updates_are_lost_before_they_are_repeated() {
        let mut rules = Rules { duplicates: 1, losses: 1, ..Rules::default() };
        assert_eq!([(); 3].map(|()| rules.deliveries()), [0, 2, 1]);
    }
}
