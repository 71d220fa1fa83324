//! Transcripts: facts, the time they happened, and the orders they led to. The timeout is 6 s: a question each
//! second, a lease of 4 s.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(6);

struct Run {
    election: Election,
    now: Moment,
}

impl Run {
    fn start() -> Self {
        let mut run = Self { election: Election::new("me", Moment::START), now: Moment::START };
        assert_eq!(run.timer(0), ["connect"]);
        run
    }

    fn joined() -> Self {
        let mut run = Self::start();
        assert_eq!(run.connected(Session::New), ["join"]);
        run.election.handle_joined();
        assert_eq!(run.orders(), ["look"]);
        run
    }

    fn leading() -> Self {
        let mut run = Self::joined();
        assert_eq!(run.line(&["me-0000000003", "other-0000000004"]), ["ask me-0000000003"]);
        assert_eq!(run.confirmed(0), ["until 4000", "lead me-0000000003"]);
        run
    }

    fn orders(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.election.next_action()).map(|action| text(&action)).collect()
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    fn connected(&mut self, session: Session) -> Vec<String> {
        self.election.handle_connected(session, TIMEOUT, self.now);
        self.orders()
    }

    fn line(&mut self, names: &[&str]) -> Vec<String> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        self.election.handle_line(&names, self.now);
        self.orders()
    }

    /// The answer to what was asked `millis` ago.
    fn confirmed(&mut self, millis: u64) -> Vec<String> {
        let age = Duration::from_millis(millis);
        let asked = Moment::START + (self.now.since(Moment::START) - age);
        self.election.handle_confirmed(asked, self.now);
        self.orders()
    }

    /// Time goes on to the next timer, which must be `millis` away.
    fn timer(&mut self, millis: u64) -> Vec<String> {
        let at = self.election.poll_timeout().expect("a timer");
        assert_eq!(at.since(self.now).as_millis(), u128::from(millis));
        self.now = self.now.max(at);
        self.election.handle_timeout(self.now);
        self.orders()
    }

    fn unanswered(&mut self) -> Vec<String> {
        self.election.handle_unanswered(self.now);
        self.orders()
    }
}

fn text(action: &Action) -> String {
    match action {
        Action::Connect => "connect".into(),
        Action::Join => "join".into(),
        Action::Look => "look".into(),
        Action::Watch(name) => format!("watch {name}"),
        Action::Ask(name) => format!("ask {name}"),
        Action::Lead(name) => format!("lead {name}"),
        Action::Extend(until) => format!("until {}", until.at().since(Moment::START).as_millis()),
        Action::Suspend => "suspend".into(),
        Action::StepDown => "step down".into(),
    }
}

#[test]
fn the_first_in_line_leads_once_the_ensemble_has_confirmed_it() {
    let mut run = Run::leading();
    run.pass(1);
    assert_eq!(run.timer(999), ["ask me-0000000003"]);
    run.pass(200);
    assert_eq!(run.confirmed(200), ["until 5000"]);
    assert_eq!(run.timer(800), ["ask me-0000000003"]);
}

#[test]
fn numbers_count_and_not_names() {
    let mut run = Run::joined();
    let line = ["me-0000000012", "zz-0000000011", "aa-0000000013", "config"];
    assert_eq!(run.line(&line), ["watch zz-0000000011"]);
    assert_eq!(run.election.poll_timeout(), None);
    run.election.handle_changed("aa-0000000013");
    assert_eq!(run.orders(), [""; 0]);
    run.election.handle_changed("zz-0000000011");
    assert_eq!(run.orders(), ["look"]);
    assert_eq!(run.line(&["me-0000000012", "aa-0000000013"]), ["ask me-0000000012"]);
}

#[test]
fn a_leader_that_hears_nothing_stops_before_its_session_can_end() {
    let mut run = Run::leading();
    assert_eq!(run.timer(1000), ["ask me-0000000003"]);
    assert_eq!(run.timer(3000), ["suspend"]);
    assert!(run.now.since(Moment::START) < TIMEOUT);
    assert_eq!(run.election.poll_timeout(), None, "the question is under way");
    assert_eq!(run.unanswered(), [""; 0]);
    assert_eq!(run.timer(100), ["ask me-0000000003"]);
    assert_eq!(run.confirmed(50), ["until 8050"]);
}

#[test]
fn an_answer_from_before_a_sleep_permits_nothing() {
    let mut run = Run::leading();
    assert_eq!(run.timer(1000), ["ask me-0000000003"]);
    run.pass(60_000);
    assert_eq!(run.confirmed(60_000), ["suspend", "ask me-0000000003"]);
    run.election.handle_denied();
    assert_eq!(run.orders(), ["step down", "join"]);
}

#[test]
fn nobody_leads_by_an_answer_that_came_too_late() {
    let mut run = Run::joined();
    run.line(&["me-0000000003"]);
    run.pass(4_000);
    assert_eq!(run.confirmed(4_000), ["ask me-0000000003"]);
    assert_eq!(run.confirmed(0), ["until 8000", "lead me-0000000003"]);
}

#[test]
fn an_expired_session_ends_a_reign_and_the_next_begins_at_the_end_of_the_line() {
    let mut run = Run::leading();
    run.election.handle_expired(run.now);
    assert_eq!(run.orders(), ["step down", "connect"]);
    assert_eq!(run.connected(Session::New), ["join"]);
    run.election.handle_joined();
    assert_eq!(run.orders(), ["look"]);
    assert_eq!(run.line(&["other-0000000004", "me-0000000005"]), ["watch other-0000000004"]);
}

#[test]
fn a_session_that_comes_back_needs_no_election() {
    let mut run = Run::leading();
    run.election.handle_cut(run.now);
    assert_eq!(run.orders(), ["connect"]);
    run.election.handle_unreachable(run.now, 0.0);
    assert_eq!(run.timer(100), ["connect"]);
    run.election.handle_unreachable(run.now, 0.0);
    assert_eq!(run.timer(200), ["connect"]);
    assert_eq!(run.timer(3_700), ["suspend"]);
    run.pass(60_000);
    assert_eq!(run.connected(Session::Same), ["ask me-0000000003"]);
    assert_eq!(run.confirmed(0), ["until 68000"]);
}

#[test]
fn a_session_that_did_not_come_back_is_an_expired_one() {
    let mut run = Run::leading();
    run.election.handle_cut(run.now);
    assert_eq!(run.orders(), ["connect"]);
    assert_eq!(run.connected(Session::New), ["step down", "join"]);
}

#[test]
fn a_node_that_was_deleted_is_made_anew() {
    let mut run = Run::joined();
    assert_eq!(run.line(&["other-0000000004"]), ["join"]);
    let mut run = Run::leading();
    run.election.handle_denied();
    assert_eq!(run.orders(), ["step down", "join"]);
}

#[test]
fn what_is_not_answered_is_asked_again() {
    let mut run = Run::start();
    run.connected(Session::New);
    assert_eq!(run.unanswered(), ["join"]);
    run.election.handle_joined();
    run.orders();
    run.line(&["other-0000000001", "me-0000000002"]);
    assert_eq!(run.unanswered(), ["look"]);
}

#[test]
fn facts_that_come_late_change_nothing() {
    let mut run = Run::leading();
    assert_eq!(run.line(&["other-0000000001", "me-0000000003"]), [""; 0]);
    run.election.handle_joined();
    run.election.handle_changed("other-0000000001");
    assert_eq!(run.orders(), [""; 0]);
    run.election.handle_expired(run.now);
    run.orders();
    assert_eq!(run.confirmed(0), [""; 0]);
    run.election.handle_denied();
    assert_eq!(run.orders(), [""; 0]);
}
