//! Carries out what the session decides and tells it what happened.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use reqwest::Response;
use tokio::sync::{mpsc, watch};

use super::http::{self, Http};
use super::{Config, Masters, Numbered, Orders, Waiting};
use crate::address::Master;
use crate::answer::Answer;
use crate::event::Event;
use crate::recordio::Decoder;
use crate::report::{CallFailure, Report, Trouble};
use crate::session::{Action, Session};
use crate::wire;
use crate::wire::framework::FrameworkInfo;
use base::lease::Lease;
use base::log;
use base::time::Clock;

pub struct Driver {
    session: Session,
    http: Http,
    lease: Lease,
    /// The leading master, where somebody looks for it.
    detected: Option<watch::Receiver<Option<Master>>>,
    clock: Clock,
    calls: mpsc::Receiver<Waiting>,
    has_calls: bool,
    orders: Arc<Orders>,
    frameworks: watch::Receiver<Option<Box<FrameworkInfo>>>,
    reports: mpsc::Sender<Numbered>,
    /// Reports not handed over yet: as many as one chunk of the stream has events.
    outbox: VecDeque<Numbered>,
    /// Subscriptions so far.
    subscription: u64,
    stream: Stream,
    calling: Option<Pending<Answer>>,
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send>>;

enum Stream {
    Closed,
    Asking(Pending<(Answer, Option<Response>)>),
    Open { response: Box<Response>, decoder: Decoder },
}

enum Progress {
    Answered(Answer, Option<Response>),
    Chunk(Bytes),
    Ended(Trouble),
}

impl Driver {
    pub fn new(
        config: Config,
        http: Http,
        calls: mpsc::Receiver<Waiting>,
        orders: Arc<Orders>,
        reports: mpsc::Sender<Numbered>,
    ) -> Self {
        let clock = Clock::start();
        let (known, detected) = match config.masters {
            Masters::Known(masters) => (masters, None),
            Masters::Detected { mut leader, .. } => {
                leader.mark_changed();
                (Vec::new(), Some(leader))
            }
        };
        let session = Session::new(known, config.framework, config.suppressed_roles, clock.now());
        Self {
            session,
            detected,
            http,
            lease: config.lease,
            clock,
            calls,
            has_calls: true,
            frameworks: orders.framework.subscribe(),
            orders,
            reports,
            outbox: VecDeque::new(),
            subscription: 0,
            stream: Stream::Closed,
            calling: None,
        }
    }

    /// Runs until the owner drops its end of the reports.
    pub async fn run(mut self) {
        loop {
            self.carry_out();
            if self.hand_over_reports().await.is_err() {
                return;
            }
            let wait = self.session.poll_timeout().map(|at| at.since(self.clock.now()));
            tokio::select! {
                biased;
                () = self.reports.closed() => return,
                outcome = pending(&mut self.calling), if self.calling.is_some() => {
                    self.calling = None;
                    self.call_ended(outcome);
                }
                () = self.orders.overflow.notified() => {
                    self.session.handle_overflow(self.clock.now(), fastrand::f64());
                }
                Ok(()) = self.frameworks.changed() => {
                    if let Some(framework) = self.frameworks.borrow_and_update().clone() {
                        self.session.handle_subscribe(*framework, self.clock.now());
                    }
                }
                call = self.calls.recv(), if self.has_calls && !self.session.is_calling() => {
                    match call {
                        Some(waiting) => self.call(waiting),
                        None => self.has_calls = false,
                    }
                }
                leader = another(&mut self.detected) => {
                    self.session.handle_leader(leader, self.clock.now(), fastrand::f64());
                }
                progress = self.stream.next(), if !self.stream.is_closed() => self.progress(progress),
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    self.session.handle_timeout(self.clock.now(), fastrand::f64());
                }
            }
        }
    }

    /// Waits while the owner has enough to read: an owner that falls behind slows the stream down.
    async fn hand_over_reports(&mut self) -> Result<(), mpsc::error::SendError<()>> {
        while let Some(report) = self.outbox.pop_front() {
            let has_room = self.reports.capacity() > 0;
            self.reports.reserve().await?.send(report);
            if !has_room {
                // Nobody read the stream meanwhile, so its silence says nothing.
                self.session.handle_sign_of_life(self.clock.now());
            }
        }
        Ok(())
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Subscribe { master, call } => {
                    let answer = self.http.clone().subscribe(master, call);
                    self.stream = Stream::Asking(once_allowed(self.lease.clone(), answer));
                }
                Action::Send { master, stream_id, call } => {
                    let answer = self.http.clone().call(master, stream_id, call);
                    self.calling = Some(once_allowed(self.lease.clone(), answer));
                }
                Action::Close => {
                    self.stream = Stream::Closed;
                    self.calling = None;
                }
                Action::Report(report) => self.report(report),
            }
        }
    }

    fn report(&mut self, report: Report) {
        if matches!(report, Report::Event(Event::Subscribed { .. })) {
            self.subscription += 1;
        }
        self.outbox.push_back(Numbered { subscription: self.subscription, report });
    }

    fn call(&mut self, Waiting { subscription, call }: Waiting) {
        if subscription == self.subscription {
            self.session.handle_call(call);
        } else {
            self.report(Report::CallFailed { call, why: CallFailure::NotSubscribed });
        }
    }

    fn call_ended(&mut self, outcome: Result<Answer, Trouble>) {
        let (now, random) = (self.clock.now(), fastrand::f64());
        match outcome {
            Ok(answer) => self.session.handle_call_answer(&answer, now, random),
            Err(why) => self.session.handle_call_unanswered(why, now, random),
        }
    }

    fn progress(&mut self, progress: Progress) {
        let (now, random) = (self.clock.now(), fastrand::f64());
        match progress {
            Progress::Answered(answer, response) => {
                self.stream = response.map_or(Stream::Closed, |response| Stream::Open {
                    response: Box::new(response),
                    decoder: Decoder::default(),
                });
                self.session.handle_answer(&answer, now, random);
            }
            Progress::Chunk(chunk) => self.chunk(chunk),
            Progress::Ended(why) => {
                self.stream = Stream::Closed;
                self.session.handle_stream_ended(why, now, random);
            }
        }
    }

    fn chunk(&mut self, chunk: Bytes) {
        if let Stream::Open { decoder, .. } = &mut self.stream {
            decoder.push(chunk);
        }
        // An event may end the stream: what came after it in the same chunk is void.
        while let Stream::Open { decoder, .. } = &mut self.stream {
            let (now, random) = (self.clock.now(), fastrand::f64());
            match decoder.next_record() {
                Ok(None) => return,
                Ok(Some(record)) => match wire::event::Event::decode(record) {
                    Ok(event) => self.event(event),
                    Err(error) => self.session.handle_stream_ended(Trouble::NoEvent(error), now, random),
                },
                Err(error) => self.session.handle_stream_ended(Trouble::Garbage(error), now, random),
            }
            self.carry_out();
        }
    }

    fn event(&mut self, event: wire::event::Event) {
        let now = self.clock.now();
        match Event::from_wire(event) {
            Ok(event) => self.session.handle_event(event, now),
            Err(error) => {
                tracing::warn!("ignored an event: {}", log::chain(&error));
                self.session.handle_sign_of_life(now);
            }
        }
    }
}

impl Stream {
    fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Safe to drop while it waits: nothing that has arrived is lost.
    async fn next(&mut self) -> Progress {
        match self {
            Self::Closed => std::future::pending().await,
            Self::Asking(answer) => match answer.await {
                Ok((answer, response)) => Progress::Answered(answer, response),
                Err(why) => Progress::Ended(why),
            },
            Self::Open { response, decoder } => match response.chunk().await {
                Ok(Some(chunk)) => Progress::Chunk(chunk),
                Ok(None) if decoder.is_between_records() => Progress::Ended(Trouble::Closed),
                Ok(None) => Progress::Ended(Trouble::CutRecord),
                Err(error) => Progress::Ended(http::trouble(&error)),
            },
        }
    }
}

/// The next one that leads; safe to drop while it waits.
async fn another(detected: &mut Option<watch::Receiver<Option<Master>>>) -> Master {
    if let Some(detected) = detected {
        while detected.changed().await.is_ok() {
            if let Some(leader) = detected.borrow_and_update().clone() {
                return leader;
            }
        }
    }
    std::future::pending().await
}

/// An AppMaster that leads no longer must not take the framework back from its successor.
fn once_allowed<T: 'static>(
    lease: Lease,
    request: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> Pending<T> {
    Box::pin(async move {
        lease.held().await;
        request.await
    })
}

async fn pending<T>(future: &mut Option<Pending<T>>) -> Result<T, Trouble> {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
