//! The life of a subscription: which master to ask, when to ask again, when a stream counts as dead, and which
//! calls may go out.
//!
//! The driver feeds in what happened and carries out [`Session::next_action`] until there is none. It holds at
//! most one stream and one call at a time; [`Action::Close`] ends both.

mod transitions;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::address::Master;
use super::answer::{Answer, Refusal, ToCall, ToSubscribe};
use super::call::{self, Call};
use super::event::Event;
use super::report::{CallFailure, Report, Trouble};
use super::wire;
use super::wire::framework::FrameworkInfo;
use super::wire::id::FrameworkId;
use base::time::{Backoff, BackoffPolicy, Deadline, Moment};

/// A master may need seconds after an election; more than 15 s would only lengthen the outage.
const BACKOFF: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(500), most: Duration::from_secs(15), jitter: 0.5 };

/// While masters change, which takes them seconds: whoever waits longer than they do lengthens the outage, and whoever asks
/// without pause, among a thousand frameworks, keeps them from it.
const HURRIED: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(250), most: Duration::from_secs(1), jitter: 0.5 };

/// How long a change of masters is waited for so.
const HURRY: Duration = Duration::from_secs(60);

/// A subscription that lasted this long was a success; a shorter one counts as one more failure, lest a master
/// that takes us and drops us at once is asked twice a second.
const STEADY: Duration = Duration::from_secs(15);

/// From SUBSCRIBE to its answer, and from there to SUBSCRIBED. Masters answer at once; a loaded one gets some air.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream silent for this many heartbeat intervals is dead; Mesos' documentation gives the number.
const MAX_SILENT_HEARTBEATS: u32 = 5;

/// In a row, before it counts as a failed attempt: masters may point at each other for some seconds around an election.
const MAX_REDIRECTS: u32 = 3;

#[derive(Debug)]
pub struct Session {
    framework: FrameworkInfo,
    /// What SUBSCRIBE repeats, as a subscription without them would let all roles get offers again.
    suppressed_roles: BTreeSet<String>,
    /// The configured masters, or the one that leads; empty until that is known.
    masters: Vec<Master>,
    /// Whose turn it is.
    turn: usize,
    /// Masters asked without success since the last wait.
    asked: usize,
    backoff: Backoff,
    hurried: Backoff,
    /// Until when the masters are thought to be changing.
    hurry_until: Option<Deadline>,
    /// Failed attempts since the last subscription.
    attempts: u32,
    state: State,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum State {
    /// Between attempts.
    Waiting {
        until: Deadline,
    },
    /// SUBSCRIBE is on its way.
    Asking {
        master: Master,
        redirects: u32,
        deadline: Deadline,
    },
    /// The stream is open; SUBSCRIBED has not been read yet.
    Opened {
        master: Master,
        stream_id: String,
        deadline: Deadline,
    },
    Subscribed(Subscription),
    /// Refused or torn down: nothing happens until [`Session::handle_subscribe`].
    Halted,
}

#[derive(Debug)]
struct Subscription {
    master: Master,
    stream_id: String,
    framework_id: FrameworkId,
    since: Moment,
    heartbeat: Duration,
    /// The next sign of life must come before.
    deadline: Deadline,
    in_flight: Option<Call>,
    /// The stream ended while TEARDOWN was on its way, whose answer tells why.
    ended: Option<Trouble>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send SUBSCRIBE on a new connection and follow its stream.
    Subscribe {
        master: Master,
        call: wire::call::Call,
    },
    /// Send a call on another connection than the stream's.
    Send {
        master: Master,
        stream_id: String,
        call: wire::call::Call,
    },
    /// Drop the stream or the attempt, and the call under way; nothing of them may be handed in any more.
    Close,
    Report(Report),
}

impl Session {
    /// Without masters it waits for [`Session::handle_leader`].
    pub fn new(
        masters: Vec<Master>,
        framework: FrameworkInfo,
        suppressed_roles: impl IntoIterator<Item = String>,
        now: Moment,
    ) -> Self {
        Self {
            framework,
            suppressed_roles: suppressed_roles.into_iter().collect(),
            masters,
            turn: 0,
            asked: 0,
            backoff: Backoff::new(BACKOFF),
            hurried: Backoff::new(HURRIED),
            hurry_until: None,
            attempts: 0,
            state: State::Waiting { until: Deadline::after(now, Duration::ZERO) },
            actions: VecDeque::new(),
        }
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Session::handle_timeout`] if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match &self.state {
            State::Waiting { .. } if self.masters.is_empty() => None,
            State::Waiting { until } => Some(until.at()),
            State::Asking { deadline, .. } | State::Opened { deadline, .. } => Some(deadline.at()),
            State::Subscribed(subscription) => Some(subscription.deadline.at()),
            State::Halted => None,
        }
    }

    /// Whether a call is on its way: the next one has to wait for its end.
    pub fn is_calling(&self) -> bool {
        matches!(&self.state, State::Subscribed(Subscription { in_flight: Some(_), .. }))
    }

    pub fn handle_timeout(&mut self, now: Moment, random: f64) {
        match &self.state {
            State::Waiting { until } if until.has_passed(now) => {
                if let Some(master) = self.masters.get(self.turn).cloned() {
                    self.ask(master, 0, now);
                }
            }
            State::Asking { deadline, .. } | State::Opened { deadline, .. } if deadline.has_passed(now) => {
                self.lose(Trouble::NoAnswer(ANSWER_TIMEOUT), now, random);
            }
            State::Subscribed(subscription) if subscription.deadline.has_passed(now) => {
                let silence = subscription.heartbeat * MAX_SILENT_HEARTBEATS;
                self.lose(Trouble::Silence(silence), now, random);
            }
            State::Waiting { .. }
            | State::Asking { .. }
            | State::Opened { .. }
            | State::Subscribed(_)
            | State::Halted => {}
        }
    }

    /// `leader` leads the masters from now on. Whatever was going on with another one is over.
    pub fn handle_leader(&mut self, leader: Master, now: Moment, random: f64) {
        let is_with_it = match &self.state {
            State::Asking { master, .. } | State::Opened { master, .. } => *master == leader,
            State::Subscribed(subscription) => subscription.master == leader,
            State::Waiting { .. } | State::Halted => false,
        };
        self.masters = vec![leader];
        self.turn = 0;
        if !is_with_it {
            self.hurry(now);
            self.lose(Trouble::NotLeading, now, random);
            if let State::Waiting { until } = &mut self.state {
                *until = Deadline::after(now, Duration::ZERO);
            }
        }
    }

    /// SUBSCRIBE was answered.
    pub fn handle_answer(&mut self, answer: &Answer, now: Moment, random: f64) {
        let State::Asking { master, redirects, .. } = &self.state else { return };
        match answer.to_subscribe() {
            ToSubscribe::Open { stream_id } => {
                let master = master.clone();
                self.state =
                    State::Opened { master, stream_id, deadline: Deadline::after(now, ANSWER_TIMEOUT) };
            }
            ToSubscribe::Redirect { location } => match master.redirected(&location) {
                Ok(leader) if *redirects >= MAX_REDIRECTS => {
                    self.lose(Trouble::Redirects(MAX_REDIRECTS, leader), now, random);
                }
                Ok(leader) => {
                    let redirects = redirects + 1;
                    self.actions.push_back(Action::Close);
                    self.ask(leader, redirects, now);
                }
                Err(error) => self.lose(Trouble::Location(error), now, random),
            },
            ToSubscribe::Retry => self.lose(Trouble::Answer(answer.summary()), now, random),
            ToSubscribe::Recovering => self.lose(Trouble::Recovering(answer.summary()), now, random),
            ToSubscribe::NotMesos(why) => self.lose(Trouble::NotMesos(why), now, random),
            ToSubscribe::Refuse(refusal) => self.halt(refusal),
        }
    }

    /// The connection could not be made, or the stream ended.
    pub fn handle_stream_ended(&mut self, why: Trouble, now: Moment, random: f64) {
        if let State::Subscribed(subscription) = &mut self.state
            && subscription.in_flight == Some(Call::Teardown)
        {
            subscription.ended = Some(why);
        } else {
            self.lose(why, now, random);
        }
    }

    /// Something was read from the stream, were it only an event that we cannot use.
    pub fn handle_sign_of_life(&mut self, now: Moment) {
        if let State::Subscribed(subscription) = &mut self.state {
            subscription.deadline = Deadline::after(now, subscription.heartbeat * MAX_SILENT_HEARTBEATS);
        }
    }

    pub fn handle_event(&mut self, event: Event, now: Moment) {
        self.handle_sign_of_life(now);
        match event {
            Event::Subscribed { ref framework_id, heartbeat, .. } => {
                let State::Opened { master, stream_id, .. } = &self.state else { return };
                let (master, stream_id) = (master.clone(), stream_id.clone());
                self.subscribed(master, stream_id, framework_id.clone(), heartbeat, now);
                self.report(Report::Event(event));
            }
            Event::Failed(message) => self.halt(Refusal::from_error(message)),
            Event::Unknown { .. } => {}
            // Masters before 1.5.1 may send a heartbeat before SUBSCRIBED; nobody may send anything else.
            Event::Heartbeat
            | Event::Offers(_)
            | Event::Rescinded(_)
            | Event::Updated(_)
            | Event::OperationUpdated(_)
            | Event::InverseOffers(_)
            | Event::RescindedInverseOffer(_)
            | Event::Message { .. }
            | Event::Failure { .. } => {
                if matches!(self.state, State::Subscribed(_)) {
                    self.report(Report::Event(event));
                }
            }
        }
    }

    /// So many calls wait that there is no room for another: the master answers too slowly to catch up, and with a new
    /// subscription they are void.
    pub fn handle_overflow(&mut self, now: Moment, random: f64) {
        if matches!(self.state, State::Subscribed(_)) {
            self.lose(Trouble::Overflow, now, random);
        }
    }

    /// The owner wants `call` sent. Never while [`Session::is_calling`].
    pub fn handle_call(&mut self, call: Call) {
        match &mut self.state {
            State::Subscribed(subscription)
                if subscription.in_flight.is_none() && subscription.ended.is_none() =>
            {
                let wire = call.clone().into_wire(subscription.framework_id.clone());
                subscription.in_flight = Some(call);
                self.actions.push_back(Action::Send {
                    master: subscription.master.clone(),
                    stream_id: subscription.stream_id.clone(),
                    call: wire,
                });
            }
            State::Waiting { .. }
            | State::Asking { .. }
            | State::Opened { .. }
            | State::Subscribed(_)
            | State::Halted => self.report(Report::CallFailed { call, why: CallFailure::NotSubscribed }),
        }
    }

    /// The call under way was answered.
    pub fn handle_call_answer(&mut self, answer: &Answer, now: Moment, random: f64) {
        let Some(call) = self.take_call() else { return };
        match answer.to_call() {
            ToCall::Accepted => self.accepted(&call),
            ToCall::Rejected => self.call_failed(call, CallFailure::Rejected(answer.summary()), now, random),
            ToCall::Stale => {
                self.report(Report::CallFailed { call, why: CallFailure::Rejected(answer.summary()) });
                self.lose(Trouble::Stale(answer.summary()), now, random);
            }
            ToCall::Unavailable => {
                let why = Trouble::Answer(answer.summary());
                self.report(Report::CallFailed { call, why: CallFailure::Unknown(why.clone()) });
                self.lose(why, now, random);
            }
            ToCall::Redirected => {
                self.report(Report::CallFailed { call, why: CallFailure::Rejected(answer.summary()) });
                self.lose(Trouble::NotLeading, now, random);
            }
        }
    }

    /// The call under way got no answer: its connection broke or it took too long.
    pub fn handle_call_unanswered(&mut self, why: Trouble, now: Moment, random: f64) {
        let Some(call) = self.take_call() else { return };
        self.call_failed(call, CallFailure::Unknown(why), now, random);
    }

    /// The owner wants to subscribe again, possibly as another framework, after a refusal or a teardown.
    pub fn handle_subscribe(&mut self, framework: FrameworkInfo, now: Moment) {
        self.framework = framework;
        if matches!(self.state, State::Halted) {
            self.asked = 0;
            self.state = State::Waiting { until: Deadline::after(now, Duration::ZERO) };
        }
    }

    fn ask(&mut self, master: Master, redirects: u32, now: Moment) {
        let suppressed = self.suppressed_roles.iter().cloned().collect();
        let call = call::subscribe(self.framework.clone(), suppressed);
        self.actions.push_back(Action::Subscribe { master: master.clone(), call });
        self.state = State::Asking { master, redirects, deadline: Deadline::after(now, ANSWER_TIMEOUT) };
    }
}

#[cfg(test)]
mod tests;
