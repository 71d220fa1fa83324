//! What the owner of a framework learns from its client.

use std::time::Duration;

use prost::DecodeError;

use super::address::{AddressError, Master};
use super::answer::Refusal;
use super::call::Call;
use super::event::Event;
use super::recordio::RecordError;

#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Never [`Event::Failed`] nor [`Event::Unknown`]; the first after a [`Report::Disconnected`] is [`Event::Subscribed`].
    Event(Event),
    /// The subscription is over, its offers are void; the client subscribes again by itself.
    Disconnected {
        master: Master,
        why: Trouble,
    },
    /// An attempt to subscribe failed, the n-th since the last success; the next one follows after `retry_in`.
    Unreachable {
        master: Master,
        why: Trouble,
        attempts: u32,
        retry_in: Duration,
    },
    CallFailed {
        call: Call,
        why: CallFailure,
    },
    /// The master does not want us; the client rests until it is told to subscribe.
    Refused {
        master: Master,
        why: Refusal,
    },
    /// TEARDOWN was taken; the client rests.
    TornDown,
}

/// Why an attempt or a subscription ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// As the connection failed, in the system's words.
    #[error("{0}")]
    Transport(String),
    #[error("{0}")]
    Answer(String),
    /// The same, from a master that will take us soon.
    #[error("{0}")]
    Recovering(String),
    #[error("no answer for {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("received nothing for {:.1} s", .0.as_secs_f64())]
    Silence(Duration),
    #[error("the master closed the stream")]
    Closed,
    #[error("the stream ended within a record")]
    CutRecord,
    #[error("the stream is broken")]
    Garbage(#[source] RecordError),
    #[error("a record of the stream is not an event")]
    NoEvent(#[source] DecodeError),
    #[error("{0} redirects in a row, the last to {1}")]
    Redirects(u32, Master),
    #[error("the redirect does not lead to a master")]
    Location(#[source] AddressError),
    #[error("this is no Mesos master: {0}")]
    NotMesos(&'static str),
    /// A call was answered so.
    #[error("the master does not know this subscription: {0}")]
    Stale(String),
    #[error("too many calls wait for this master's answers")]
    Overflow,
    #[error("this master no longer leads")]
    NotLeading,
    #[error("the master refused")]
    Refused(#[source] Refusal),
}

/// Why a call failed, by what that means for its effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// It was never sent: the subscription it was meant for is over.
    #[error("not subscribed")]
    NotSubscribed,
    /// The master did nothing.
    #[error("{0}")]
    Rejected(String),
    /// The master may have done it or not.
    #[error("outcome unknown")]
    Unknown(#[source] Trouble),
}
