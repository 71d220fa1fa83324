use super::*;
use mesos::wire::id::TaskId;

fn at(seconds: u64) -> Moment {
    Moment::START + Duration::from_secs(seconds)
}

fn symptom(message: &str) -> Symptom {
    let update = StatusUpdate {
        task_id: TaskId::new("t"),
        state: Some(TaskState::Failed),
        agent_id: None,
        executor_id: None,
        reason: None,
        source: None,
        message: message.to_owned(),
        uuid: None,
        healthy: None,
        container_ips: Vec::new(),
    };
    Symptom::of(&update, TaskState::Failed, &[])
}

/// A TaskManager fails there that was launched a second before.
fn fail(agents: &mut Agents, agent_id: &str, evidence: Evidence, message: &str, seconds: u64) {
    let launched = at(seconds.saturating_sub(1));
    agents.strike(
        Strike { agent_id, evidence, symptom: symptom(message), launched, why: message },
        at(seconds),
    );
}

fn standing(agents: &Agents, agent_id: &str, seconds: u64) -> Option<Regard> {
    agents.standings(&BTreeSet::new(), false, at(seconds)).get(agent_id).copied()
}

fn is_quarantined(agents: &Agents, agent_id: &str, seconds: u64) -> bool {
    matches!(standing(agents, agent_id, seconds), Some(Regard::Quarantined { .. }))
}

#[test]
fn avoided_then_quarantined_then_tried_then_forgiven() {
    let mut agents = Agents::default();
    fail(&mut agents, "a", Evidence::Plain, "x", 0);
    assert_eq!(standing(&agents, "a", 1), Some(Regard::Avoided { strikes: 1 }));
    fail(&mut agents, "a", Evidence::Plain, "x", 10);
    assert_eq!(standing(&agents, "a", 11), Some(Regard::OnTrial { strikes: 2, is_taken: false }));
    fail(&mut agents, "a", Evidence::Plain, "x", 20);
    assert_eq!(standing(&agents, "a", 21), Some(Regard::Quarantined { until: at(80) }));
    let tried = Some(Regard::OnTrial { strikes: 3, is_taken: false });
    assert_eq!(standing(&agents, "a", 80), tried, "one is tried again, after all other agents");
    let taken = agents.standings(&BTreeSet::from(["a"]), false, at(80)).get("a").copied();
    assert_eq!(taken, Some(Regard::OnTrial { strikes: 3, is_taken: true }), "and no other meanwhile");
    fail(&mut agents, "a", Evidence::Plain, "x", 100);
    assert_eq!(standing(&agents, "a", 100), Some(Regard::Quarantined { until: at(220) }));
    assert_eq!(agents.last_failure("a"), Some("x"));
    agents.registered("a", at(221));
    assert_eq!(standing(&agents, "a", 222), Some(Regard::Avoided { strikes: 4 }), "any number again");
    assert_eq!(standing(&agents, "a", 100 + 1800), None);
    fail(&mut agents, "b", Evidence::Plain, "x", 100);
    agents.forgive("b");
    assert_eq!(standing(&agents, "b", 101), None);
}

#[test]
fn those_that_were_launched_together_are_one_round() {
    let mut agents = Agents::default();
    for _ in 0..20 {
        fail(&mut agents, "a", Evidence::Plain, "x", 10);
    }
    assert_eq!(
        standing(&agents, "a", 10),
        Some(Regard::Quarantined { until: at(70) }),
        "not for half an hour"
    );
}

#[test]
fn what_may_be_anybodys_doing_never_keeps_an_agent_out() {
    let mut agents = Agents::default();
    (0..9).for_each(|second| fail(&mut agents, "a", Evidence::Faint, "x", second * 10));
    assert_eq!(standing(&agents, "a", 90), Some(Regard::OnTrial { strikes: 9, is_taken: false }));
}

#[test]
fn what_fails_alike_on_several_agents_quarantines_none() {
    let mut agents = Agents::default();
    for second in 0..5 {
        fail(&mut agents, "a", Evidence::Plain, "no such image", second * 10);
        fail(&mut agents, "b", Evidence::Plain, "no such image", second * 10 + 5);
    }
    assert!(!is_quarantined(&agents, "a", 50) && !is_quarantined(&agents, "b", 50));
    let alone = |agents: &Agents| agents.standings(&BTreeSet::new(), true, at(50)).get("c").copied();
    (0..5).for_each(|second| fail(&mut agents, "c", Evidence::Plain, "other", second * 10));
    assert!(is_quarantined(&agents, "c", 50), "this one fails of something else");
    assert!(!matches!(alone(&agents), Some(Regard::Quarantined { .. })), "where there is no other agent");
}

#[test]
fn bad_agents_beside_good_ones_are_quarantined_although_they_fail_alike() {
    let mut agents = Agents::default();
    for _ in 0..4 {
        fail(&mut agents, "bad", Evidence::Plain, "disk is full", 10);
        fail(&mut agents, "worse", Evidence::Plain, "disk is full", 10);
    }
    assert!(!is_quarantined(&agents, "bad", 11), "nothing has started anywhere");
    agents.registered("good", at(1));
    assert!(
        is_quarantined(&agents, "bad", 11) && is_quarantined(&agents, "worse", 11),
        "it was launched before"
    );
}

#[test]
fn when_the_cause_is_gone_an_agent_is_tried_once_more() {
    let mut agents = Agents::default();
    for second in 0..5 {
        fail(&mut agents, "a", Evidence::Plain, "no such image", second * 10);
        fail(&mut agents, "b", Evidence::Plain, "no such image", second * 10 + 5);
    }
    agents.registered("a", at(60));
    assert_eq!(
        standing(&agents, "b", 60),
        Some(Regard::Avoided { strikes: 5 }),
        "any number may start there"
    );
    fail(&mut agents, "b", Evidence::Plain, "no such image", 70);
    assert!(is_quarantined(&agents, "b", 70), "there it does not start, and elsewhere it does");
}
