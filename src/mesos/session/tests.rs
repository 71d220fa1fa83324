use super::*;
use crate::address::MasterAddress;
use crate::event::{HEARTBEAT_INTERVAL, MasterSummary};
use crate::wire::id::{AgentId, OfferId, TaskId};
use base::log::chain;

/// A session, a clock that the test moves, and no jitter.
struct Trial {
    session: Session,
    now: Moment,
}

impl Trial {
    fn start(masters: &str) -> Self {
        let Ok(MasterAddress::Masters(masters)) = masters.parse() else { panic!("{masters}") };
        let framework =
            FrameworkInfo { roles: vec!["a".to_owned(), "b".to_owned()], ..FrameworkInfo::default() };
        let session = Session::new(masters, framework, [], Moment::START);
        Self { session, now: Moment::START }
    }

    fn subscribed(masters: &str) -> Self {
        let mut trial = Self::start(masters);
        trial.wake("subscribe m1:5050");
        trial.answer(&open(), "");
        trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
        trial
    }

    /// Lets time pass until the session wants to be woken.
    fn wake(&mut self, expected: &str) {
        self.now = self.session.poll_timeout().expect("a timeout");
        self.session.handle_timeout(self.now, 0.0);
        self.expect(expected);
    }

    fn pass(&mut self, span: Duration, expected: &str) {
        self.now = self.now + span;
        self.session.handle_timeout(self.now, 0.0);
        self.expect(expected);
    }

    fn answer(&mut self, answer: &Answer, expected: &str) {
        self.session.handle_answer(answer, self.now, 0.0);
        self.expect(expected);
    }

    fn event(&mut self, event: Event, expected: &str) {
        self.session.handle_event(event, self.now);
        self.expect(expected);
    }

    fn end(&mut self, why: Trouble, expected: &str) {
        self.session.handle_stream_ended(why, self.now, 0.0);
        self.expect(expected);
    }

    fn call(&mut self, call: Call, expected: &str) {
        self.session.handle_call(call);
        self.expect(expected);
    }

    fn call_answer(&mut self, answer: &Answer, expected: &str) {
        self.session.handle_call_answer(answer, self.now, 0.0);
        self.expect(expected);
    }

    /// Compares the actions since the last look, one a line.
    #[track_caller]
    fn expect(&mut self, expected: &str) {
        let actions: Vec<_> =
            std::iter::from_fn(|| self.session.next_action()).map(|action| shown(&action)).collect();
        let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(actions, expected);
    }
}

fn shown(action: &Action) -> String {
    match action {
        Action::Subscribe { master, call } => {
            let id = call.framework_id.as_ref().map_or(String::new(), |id| format!(" as {}", id.text()));
            let suppressed = &call.subscribe.as_ref().expect("a subscribe").suppressed_roles;
            let suppressed = if suppressed.is_empty() {
                String::new()
            } else {
                format!(" without {}", suppressed.join(" "))
            };
            format!("subscribe {master}{id}{suppressed}")
        }
        Action::Send { master, stream_id, call } => {
            format!("send {} on {stream_id} to {master}", call.r#type().name())
        }
        Action::Close => "close".to_owned(),
        Action::Report(report) => match report {
            Report::Event(event) => {
                let text = format!("{event:?}");
                format!("event {}", text.split([' ', '(']).next().unwrap_or_default())
            }
            Report::Disconnected { master, why } => format!("disconnected {master}: {}", chain(why)),
            Report::Unreachable { master, why, attempts, retry_in } => {
                format!("unreachable {master} ({attempts}, {} ms): {}", retry_in.as_millis(), chain(why))
            }
            Report::CallFailed { call, why } => format!("failed {}: {}", call.name(), chain(why)),
            Report::Refused { master, why } => format!("refused {master}: {}", chain(why)),
            Report::TornDown => "torn down".to_owned(),
        },
    }
}

fn status(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned(), ..Answer::default() }
}

fn open() -> Answer {
    Answer {
        status: 200,
        stream_id: Some("s1".to_owned()),
        content_type: Some(Answer::MEDIA_TYPE.to_owned()),
        ..Answer::default()
    }
}

fn redirect(location: &str) -> Answer {
    Answer { location: Some(location.to_owned()), ..status(307, "") }
}

fn subscribed(heartbeat: Duration) -> Event {
    Event::Subscribed { framework_id: FrameworkId::new("f1"), heartbeat, master: MasterSummary::default() }
}

fn refused() -> Trouble {
    Trouble::Transport("connection refused".to_owned())
}

fn kill() -> Call {
    Call::Kill { task_id: TaskId::new("t"), agent_id: None, grace: None }
}

fn accept() -> Call {
    Call::Accept { offer_ids: vec![OfferId::new("o")], launch: Vec::new(), refuse: Duration::from_secs(5) }
}

#[test]
fn a_stream_cut_within_a_record_is_taken_up_with_the_same_id() {
    let mut trial = Trial::subscribed("m1");
    trial.event(Event::Offers(Vec::new()), "event Offers");
    trial.end(Trouble::CutRecord, "close\n disconnected m1:5050: the stream ended within a record");
    trial.wake("subscribe m1:5050 as f1");
    assert_eq!(trial.now, Moment::START + Duration::from_millis(500));
}

#[test]
fn a_master_that_does_not_answer_is_asked_ever_more_rarely() {
    let mut trial = Trial::start("m1");
    trial.wake("subscribe m1:5050");
    trial.end(refused(), "close\n unreachable m1:5050 (1, 500 ms): connection refused");
    trial.wake("subscribe m1:5050");
    trial.answer(&status(503, "<html>"), "close\n unreachable m1:5050 (2, 1000 ms): HTTP status 503: <html>");
    trial.wake("subscribe m1:5050");
    trial.answer(&status(404, ""), "close\n unreachable m1:5050 (3, 2000 ms): HTTP status 404");
    trial.wake("subscribe m1:5050");
    trial.answer(&status(500, ""), "close\n unreachable m1:5050 (4, 4000 ms): HTTP status 500");
    trial.wake("subscribe m1:5050");
    trial.wake("close\n unreachable m1:5050 (5, 8000 ms): no answer for 30 s");
    trial.wake("subscribe m1:5050");
    trial.answer(&open(), "");
    trial.wake("close\n unreachable m1:5050 (6, 15000 ms): no answer for 30 s");
    for attempt in 7..100 {
        trial.wake("subscribe m1:5050");
        trial.end(
            refused(),
            &format!("close\n unreachable m1:5050 ({attempt}, 15000 ms): connection refused"),
        );
    }
}

#[test]
fn jitter_shortens_the_waits() {
    let mut trial = Trial::start("m1");
    trial.wake("subscribe m1:5050");
    trial.session.handle_stream_ended(refused(), trial.now, 0.99);
    trial.expect("close\n unreachable m1:5050 (1, 252 ms): connection refused");
}

#[test]
fn every_master_gets_its_turn_before_a_wait() {
    let mut trial = Trial::start("m1,m2,m3");
    trial.wake("subscribe m1:5050");
    trial.end(refused(), "close\n unreachable m1:5050 (1, 0 ms): connection refused");
    trial.wake("subscribe m2:5050");
    trial.answer(
        &status(503, "No leader elected"),
        "close\n unreachable m2:5050 (2, 0 ms): HTTP status 503: No leader elected",
    );
    trial.wake("subscribe m3:5050");
    trial.end(refused(), "close\n unreachable m3:5050 (3, 250 ms): connection refused");
    trial.wake("subscribe m1:5050");
}

#[test]
fn redirects_are_followed_at_once_but_not_in_circles() {
    let mut trial = Trial::start("m1,m2");
    trial.wake("subscribe m1:5050");
    trial.answer(&redirect("//m2:5050/api/v1/scheduler"), "close\n subscribe m2:5050");
    trial.answer(&redirect("//m1:5050"), "close\n subscribe m1:5050");
    trial.answer(&redirect("http://m2:5050/api/v1/scheduler"), "close\n subscribe m2:5050");
    trial.answer(
        &redirect("m1:5050"),
        "close\n unreachable m2:5050 (1, 0 ms): 3 redirects in a row, the last to m1:5050",
    );
    // A leader whose name we cannot resolve: the other configured one is next.
    trial.wake("subscribe m2:5050");
    trial.answer(&redirect("//internal:5050"), "close\n subscribe internal:5050");
    trial.end(
        Trouble::Transport("Name or service not known".to_owned()),
        "close\n unreachable internal:5050 (2, 500 ms): Name or service not known",
    );
    trial.wake("subscribe m1:5050");
    trial
        .answer(&redirect("/nowhere"), "close\n unreachable m1:5050 (3, 0 ms): the redirect does not lead to a master: '/nowhere' is not the address of a Mesos master: a host is missing");
}

#[test]
fn who_is_refused_rests_until_told() {
    for (answer, expected) in [
        (status(401, ""), "not authenticated: HTTP status 401"),
        (status(403, ""), "not authenticated: HTTP status 403"),
        (status(400, "bad principal"), "HTTP status 400: bad principal"),
        (status(415, ""), "HTTP status 415"),
        (status(406, ""), "HTTP status 406"),
    ] {
        let mut trial = Trial::start("m1,m2");
        trial.wake("subscribe m1:5050");
        trial.answer(&answer, &format!("close\n refused m1:5050: {expected}"));
        assert_eq!(trial.session.poll_timeout(), None);
        trial.pass(Duration::from_secs(86_400), "");
        trial.session.handle_subscribe(FrameworkInfo::default(), trial.now);
        trial.wake("subscribe m1:5050");
    }
}

#[test]
fn an_error_in_place_of_subscribed_or_later_is_a_refusal() {
    let mut trial = Trial::start("m1");
    trial.wake("subscribe m1:5050");
    trial.answer(&open(), "");
    trial.event(
        Event::Failed("Framework has been removed".to_owned()),
        "close\n refused m1:5050: the framework has been removed",
    );
    let mut trial = Trial::subscribed("m1");
    trial.call(kill(), "send KILL on s1 to m1:5050");
    trial.event(
        Event::Failed("Framework failed over".to_owned()),
        "close
         failed KILL: outcome unknown: the master refused: another scheduler has taken the framework over
         refused m1:5050: another scheduler has taken the framework over",
    );
    trial.pass(Duration::from_secs(86_400), "");
}

#[test]
fn any_sign_of_life_feeds_the_watchdog() {
    let mut trial = Trial::start("m1");
    trial.wake("subscribe m1:5050");
    trial.answer(&open(), "");
    trial.event(subscribed(Duration::from_secs(2)), "event Subscribed");
    trial.pass(Duration::from_secs(9), "");
    trial.event(Event::Heartbeat, "event Heartbeat");
    trial.pass(Duration::from_secs(9), "");
    trial.session.handle_sign_of_life(trial.now);
    trial.pass(Duration::from_secs(9), "");
    trial.event(Event::Unknown { number: Some(99) }, "");
    trial.pass(Duration::from_secs(9), "");
    trial.pass(Duration::from_secs(1), "close\n disconnected m1:5050: received nothing for 10.0 s");
    // What the old stream says now has no effect.
    trial.event(Event::Heartbeat, "");
    trial.event(subscribed(HEARTBEAT_INTERVAL), "");
    trial.end(Trouble::Closed, "");
    trial.wake("subscribe m1:5050 as f1");
}

#[test]
fn nothing_but_subscribed_opens_a_subscription() {
    let mut trial = Trial::start("m1");
    trial.wake("subscribe m1:5050");
    trial.answer(&open(), "");
    trial.event(Event::Heartbeat, "");
    trial.event(Event::Offers(Vec::new()), "");
    trial.event(Event::Unknown { number: None }, "");
    trial.call(kill(), "failed KILL: not subscribed");
    trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
    trial.call(kill(), "send KILL on s1 to m1:5050");
}

#[test]
fn a_call_that_shows_a_stale_subscription_is_not_sent_again() {
    let stream = "The stream ID 's1' included in this request didn't match the stream ID currently associated with framework ID f1";
    for answer in [
        status(400, stream),
        status(400, "Framework cannot be found"),
        status(403, "Framework is not subscribed"),
    ] {
        let mut trial = Trial::subscribed("m1");
        trial.call(accept(), "send ACCEPT on s1 to m1:5050");
        let summary = answer.summary();
        trial.call_answer(
            &answer,
            &format!(
                "failed ACCEPT: {summary}
                 close
                 disconnected m1:5050: the master does not know this subscription: {summary}"
            ),
        );
        trial.wake("subscribe m1:5050 as f1");
        trial.answer(&open(), "");
        trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
    }
}

#[test]
fn a_call_can_fail_alone() {
    let mut trial = Trial::subscribed("m1");
    trial.call(accept(), "send ACCEPT on s1 to m1:5050");
    assert!(trial.session.is_calling());
    trial.session.handle_call_unanswered(Trouble::Transport("connection reset".to_owned()), trial.now, 0.0);
    trial.expect("failed ACCEPT: outcome unknown: connection reset");
    assert!(!trial.session.is_calling());
    trial.call(kill(), "send KILL on s1 to m1:5050");
    trial.call_answer(&status(501, ""), "failed KILL: HTTP status 501");
    trial.call(kill(), "send KILL on s1 to m1:5050");
    trial.call_answer(&status(202, ""), "");
    trial.event(Event::Heartbeat, "event Heartbeat");
}

/// A DECLINE that was refused so and not repeated would leave its offers with us for ever.
#[test]
fn a_call_that_nobody_serves_ends_the_subscription_with_all_its_offers() {
    let mut trial = Trial::subscribed("m1");
    let decline = Call::Decline { offer_ids: Vec::new(), refuse: Duration::ZERO };
    trial.call(decline, "send DECLINE on s1 to m1:5050");
    trial.call_answer(
        &status(503, "Master has not finished recovery"),
        "failed DECLINE: outcome unknown: HTTP status 503: Master has not finished recovery
         close
         disconnected m1:5050: HTTP status 503: Master has not finished recovery",
    );
    trial.wake("subscribe m1:5050 as f1");
    trial.answer(&open(), "");
    trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
}

#[test]
fn a_call_redirected_elsewhere_ends_the_subscription() {
    let mut trial = Trial::subscribed("m1");
    trial.call(kill(), "send KILL on s1 to m1:5050");
    trial.call_answer(
        &redirect("//m2:5050"),
        "failed KILL: HTTP status 307\n close\n disconnected m1:5050: this master no longer leads",
    );
}

#[test]
fn a_call_under_way_fails_with_the_stream() {
    let mut trial = Trial::subscribed("m1");
    trial.call(accept(), "send ACCEPT on s1 to m1:5050");
    trial.end(
        Trouble::Closed,
        "close
         failed ACCEPT: outcome unknown: the master closed the stream
         disconnected m1:5050: the master closed the stream",
    );
    trial.call_answer(&status(202, ""), "");
}

#[test]
fn after_teardown_the_session_rests_whichever_comes_first() {
    let mut trial = Trial::subscribed("m1");
    trial.call(Call::Teardown, "send TEARDOWN on s1 to m1:5050");
    trial.call_answer(&status(202, ""), "close\n torn down");
    let mut trial = Trial::subscribed("m1");
    trial.call(Call::Teardown, "send TEARDOWN on s1 to m1:5050");
    trial.end(Trouble::Closed, "");
    trial.call_answer(&status(202, ""), "close\n torn down");
    assert_eq!(trial.session.poll_timeout(), None);
    let mut trial = Trial::subscribed("m1");
    trial.call(Call::Teardown, "send TEARDOWN on s1 to m1:5050");
    trial.end(Trouble::Closed, "");
    trial.session.handle_call_unanswered(refused(), trial.now, 0.0);
    trial.expect(
        "failed TEARDOWN: outcome unknown: connection refused
         close
         disconnected m1:5050: the master closed the stream",
    );
}

#[test]
fn suppressed_roles_stay_so_over_a_new_subscription() {
    let mut trial = Trial::subscribed("m1");
    for (call, expected) in [
        (Call::Suppress { roles: Vec::new() }, " without a b"),
        (Call::Revive { roles: vec!["a".to_owned()] }, " without b"),
        (Call::Suppress { roles: vec!["a".to_owned()] }, " without a b"),
        (Call::Revive { roles: Vec::new() }, ""),
    ] {
        let name = call.name();
        trial.call(call, &format!("send {name} on s1 to m1:5050"));
        trial.call_answer(&status(202, ""), "");
        trial.now = trial.now + STEADY;
        trial.end(Trouble::Closed, "close\n disconnected m1:5050: the master closed the stream");
        trial.wake(&format!("subscribe m1:5050 as f1{expected}"));
        trial.answer(&open(), "");
        trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
    }
    let suppress = Call::Suppress { roles: Vec::new() };
    trial.call(suppress, "send SUPPRESS on s1 to m1:5050");
    trial.call_answer(&status(501, ""), "failed SUPPRESS: HTTP status 501");
    trial.end(Trouble::Closed, "close\n disconnected m1:5050: the master closed the stream");
    trial.wake("subscribe m1:5050 as f1");
}

#[test]
fn a_master_that_takes_and_drops_us_is_not_asked_twice_a_second() {
    let mut trial = Trial::start("m1");
    let mut waits = Vec::new();
    let mut subscribe = "subscribe m1:5050";
    for life in [0, 0, 0, 14, 15, 0] {
        trial.wake(subscribe);
        subscribe = "subscribe m1:5050 as f1";
        trial.answer(&open(), "");
        trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
        trial.pass(Duration::from_secs(life), "");
        trial.end(Trouble::Closed, "close\n disconnected m1:5050: the master closed the stream");
        waits.push(trial.session.poll_timeout().expect("a timeout").since(trial.now).as_millis());
    }
    assert_eq!(waits, [500, 1000, 2000, 4000, 250, 500]);
}

/// How long after `ready` it would have been taken, for a leader that recovers until then.
fn registered_after(trial: &mut Trial, ready: Duration, random: f64) -> Duration {
    let ready = trial.now + ready;
    loop {
        trial.now = trial.session.poll_timeout().expect("a timeout");
        trial.session.handle_timeout(trial.now, random);
        if trial.now >= ready {
            return trial.now.since(ready);
        }
        let recovering = status(503, "Master has not finished recovery");
        trial.session.handle_answer(&recovering, trial.now, random);
    }
}

#[test]
fn a_new_leader_has_us_within_a_second_of_its_recovery() {
    for (outage_s, recovery_ms) in [(0, 1), (11, 300), (40, 5_000), (3_600, 59_000), (70, 300_000)] {
        for random in [0.0, 0.5, 0.99] {
            let mut trial = Trial::subscribed("m1");
            trial.now = trial.now + STEADY;
            trial.session.handle_stream_ended(Trouble::Closed, trial.now, random);
            // The old one is gone, which has the back-off grow.
            let until = trial.now + Duration::from_secs(outage_s);
            while let Some(at) = trial.session.poll_timeout().filter(|at| *at < until) {
                trial.now = at;
                trial.session.handle_timeout(at, random);
                trial.session.handle_stream_ended(refused(), at, random);
            }
            let Ok(MasterAddress::Masters(mut leader)) = "m2".parse() else { panic!("an address") };
            trial.now = until;
            trial.session.handle_leader(leader.remove(0), until, random);
            let late = registered_after(&mut trial, Duration::from_millis(recovery_ms), random);
            assert!(late <= Duration::from_secs(1), "{late:?} after {outage_s} s and {recovery_ms} ms");
        }
    }
}

#[test]
fn many_that_wait_for_one_master_do_not_ask_in_step() {
    // A master that recovers for half a minute, and a thousand frameworks that lost the one before in the same instant.
    let mut asked: Vec<u128> = Vec::new();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..1000 {
        let mut trial = Trial::subscribed("m1");
        trial.now = trial.now + STEADY;
        trial.session.handle_stream_ended(Trouble::Closed, trial.now, random.f64());
        let end = trial.now + Duration::from_secs(30);
        while let Some(at) = trial.session.poll_timeout().filter(|at| *at < end) {
            trial.now = at;
            trial.session.handle_timeout(at, 0.0);
            asked.push(at.since(Moment::START).as_millis());
            let recovering = status(503, "Master has not finished recovery");
            trial.session.handle_answer(&recovering, at, random.f64());
        }
    }
    asked.sort_unstable();
    let most =
        asked.chunk_by(|a, b| a / 100 == b / 100).skip(20).map(<[u128]>::len).max().unwrap_or_default();
    assert!(most < 300, "{most} in a tenth of a second");
    assert!(asked.len() < 1000 * 50, "{} in half a minute", asked.len());
}

#[test]
fn an_acknowledgement_names_agent_task_and_update() {
    let mut trial = Trial::subscribed("m1");
    trial.session.handle_call(Call::Acknowledge {
        agent_id: AgentId::new("g"),
        task_id: TaskId::new("t"),
        uuid: [7; 16],
    });
    let Some(Action::Send { call, .. }) = trial.session.next_action() else { panic!("nothing sent") };
    assert_eq!(call.framework_id, Some(FrameworkId::new("f1")));
    let acknowledge = call.acknowledge.expect("an acknowledgement");
    assert_eq!(acknowledge.uuid.as_deref(), Some(&[7; 16][..]));
}

#[test]
fn a_leader_is_awaited_and_followed() {
    let master = |text: &str| match text.parse() {
        Ok(MasterAddress::Masters(mut masters)) => masters.remove(0),
        other => panic!("{other:?}"),
    };
    let mut trial = Trial {
        session: Session::new(Vec::new(), FrameworkInfo::default(), [], Moment::START),
        now: Moment::START,
    };
    assert_eq!(trial.session.poll_timeout(), None);
    trial.session.handle_leader(master("m1"), trial.now, 0.0);
    trial.wake("subscribe m1:5050");
    trial.answer(&open(), "");
    trial.event(subscribed(HEARTBEAT_INTERVAL), "event Subscribed");
    trial.session.handle_leader(master("m1"), trial.now, 0.0);
    trial.expect("");
    trial.session.handle_leader(master("m2"), trial.now, 0.0);
    let lost = std::iter::from_fn(|| trial.session.next_action()).collect::<Vec<_>>();
    assert!(matches!(&lost[..], [Action::Close, Action::Report(Report::Disconnected { .. })]), "{lost:?}");
    trial.wake("subscribe m2:5050 as f1");
}
