use super::*;

const IDLE: Duration = Duration::from_secs(30);

/// Two slots each.
fn scaler(least: u32, most: u32) -> Scaler {
    Scaler::new(Bounds { least, most, most_by: "mesos.scaling.maximum".into(), slots: 2, idle: IDLE })
}

fn picture(taskmanagers: u32, jobs: &[Job]) -> Picture {
    Picture { taskmanagers, jobs: jobs.to_vec(), ..Picture::default() }
}

fn idle(taskmanagers: u32, idle: &[&str], jobs: &[Job]) -> Picture {
    let ids = idle.iter().map(|id| (*id).to_owned()).collect();
    Picture { free_slots: 2, idle: ids, ..picture(taskmanagers, jobs) }
}

fn waits(needs: u32) -> Job {
    Job { needs: Some(needs), shortage: Shortage::Waits, keeps_results: false }
}

fn runs(needs: u32) -> Job {
    Job { shortage: Shortage::None, ..waits(needs) }
}

fn at(seconds: u64) -> Moment {
    Moment::START + Duration::from_secs(seconds)
}

fn bounds(wish: &Wish) -> (u32, u32) {
    (wish.least, wish.most)
}

#[test]
fn there_are_slots_for_all_jobs_within_the_bounds() {
    let wish = |jobs: &[Job]| scaler(1, 4).handle_picture(&picture(0, jobs), at(0));
    assert_eq!(bounds(&wish(&[])), (1, 1));
    assert_eq!(bounds(&wish(&[waits(6)])), (3, 3));
    assert_eq!(bounds(&wish(&[waits(3), waits(2)])), (3, 3), "slots are added up, not TaskManagers");
    let capped = wish(&[waits(11)]);
    assert_eq!((bounds(&capped), capped.asked.taskmanagers, capped.asked.is_capped()), ((4, 4), 6, true));
}

#[test]
fn a_job_that_has_what_it_needs_starts_nothing() {
    let wish = scaler(0, 9).handle_picture(&picture(1, &[runs(6)]), at(0));
    assert_eq!(bounds(&wish), (0, 3));
}

#[test]
fn as_long_as_a_job_is_not_understood_nothing_is_given_up() {
    let unknown = Job { needs: None, ..runs(0) };
    let mut scaler = scaler(0, 9);
    for seconds in [0, 100] {
        let wish = scaler.handle_picture(&idle(3, &["a"], std::slice::from_ref(&unknown)), at(seconds));
        assert_eq!((bounds(&wish), wish.idle.len()), ((0, u32::MAX), 0));
    }
}

#[test]
fn what_is_idle_for_long_goes_the_longest_idle_first() {
    let mut scaler = scaler(0, 9);
    let jobs = [runs(2)];
    assert!(scaler.handle_picture(&idle(3, &["b"], &jobs), at(0)).idle.is_empty());
    assert!(scaler.handle_picture(&idle(3, &["a", "b"], &jobs), at(10)).idle.is_empty());
    let gone = |wish: Wish| wish.idle.into_iter().collect::<Vec<_>>();
    assert_eq!(gone(scaler.handle_picture(&idle(3, &["a", "b"], &jobs), at(30))), ["b"]);
    assert_eq!(gone(scaler.handle_picture(&idle(3, &["a", "b"], &jobs), at(40))), ["a", "b"]);
    assert_eq!(gone(scaler.handle_picture(&idle(2, &["a", "b"], &jobs), at(41))), ["b"], "one is needed");
}

#[test]
fn a_slot_that_was_used_meanwhile_begins_the_wait_anew() {
    let mut scaler = scaler(0, 9);
    scaler.handle_picture(&idle(1, &["a"], &[]), at(0));
    scaler.handle_picture(&picture(1, &[runs(1)]), at(10));
    scaler.handle_picture(&idle(1, &["a"], &[]), at(20));
    assert!(scaler.handle_picture(&idle(1, &["a"], &[]), at(49)).idle.is_empty());
    scaler.handle_blindness();
    assert!(scaler.handle_picture(&idle(1, &["a"], &[]), at(60)).idle.is_empty(), "nobody looked");
    assert_eq!(scaler.handle_picture(&idle(1, &["a"], &[]), at(90)).idle.len(), 1);
}

#[test]
fn results_that_others_may_read_keep_their_taskmanager() {
    let batch = Job { keeps_results: true, ..runs(1) };
    let mut scaler = scaler(0, 9);
    scaler.handle_picture(&idle(3, &["a"], std::slice::from_ref(&batch)), at(0));
    assert!(scaler.handle_picture(&idle(3, &["a"], &[batch]), at(100)).idle.is_empty());
}

#[test]
fn a_job_that_waits_with_every_slot_in_use_gets_one_more_and_then_another() {
    let mut scaler = scaler(0, 9);
    let mut least =
        |taskmanagers, seconds| scaler.handle_picture(&picture(taskmanagers, &[waits(2)]), at(seconds)).least;
    assert_eq!(least(0, 0), 1);
    assert_eq!((least(1, 1), least(1, 6)), (1, 2));
    assert_eq!((least(1, 7), least(1, 60)), (2, 2), "the one more has yet to come");
    assert_eq!((least(2, 61), least(2, 66)), (2, 3));
    let free = Picture { free_slots: 1, ..picture(3, &[waits(2)]) };
    for seconds in [70, 80] {
        assert_eq!(
            scaler.handle_picture(&free, at(seconds)).least,
            3,
            "a slot is free: Flink is about to use it"
        );
    }
    assert_eq!(scaler.handle_picture(&picture(3, &[runs(2)]), at(81)).most, 1, "understood again");
}
