//! What the master's HTTP answers mean for a client.

/// The parts of an HTTP answer that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// `Location`, where the leader is.
    pub location: Option<String>,
    /// `Mesos-Stream-Id`, which every further call must repeat.
    pub stream_id: Option<String>,
    pub content_type: Option<String>,
    /// The beginning of the body as text; of an answer to SUBSCRIBE with status 200 nothing.
    pub body: String,
}

/// Why the master does not want us. Asking again as before would give the same answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Principal or secret is wrong or missing.
    #[error("not authenticated: {0}")]
    Unauthenticated(String),
    /// The framework was torn down or its failover timeout has passed. Its id cannot be used again.
    #[error("the framework has been removed")]
    FrameworkRemoved,
    /// Another scheduler has subscribed with our framework id.
    #[error("another scheduler has taken the framework over")]
    FailedOver,
    /// Something in the framework's description, or in our call, is not accepted.
    #[error("{0}")]
    Rejected(String),
}

/// What to do after an answer to SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSubscribe {
    Open {
        stream_id: String,
    },
    Redirect {
        location: String,
    },
    Retry,
    /// It will take us soon: it has just been elected, or somebody is being.
    Recovering,
    Refuse(Refusal),
    /// The one that answered is no master, or one from before Mesos 0.28.
    NotMesos(&'static str),
}

/// What to do after an answer to any other call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToCall {
    Accepted,
    /// This master does not lead any more.
    Redirected,
    /// Nobody who leads has answered, so the subscription is over, and offers and calls of it are void. What stands before
    /// a master may answer so after the call has reached it.
    Unavailable,
    /// Our subscription is not the one that counts.
    Stale,
    /// The call alone failed.
    Rejected,
}

/// What a master says with status 503 until it leads and knows its agents.
const RECOVERING: [&str; 2] = ["Master has not finished recovery", "No leader elected"];

const WEB_PAGE: &str = "text/html";

impl Answer {
    pub const MEDIA_TYPE: &str = "application/x-protobuf";

    pub fn to_subscribe(&self) -> ToSubscribe {
        match self.status {
            200 | 400 | 404 | 405 | 406 | 415 | 501 if self.is_web_page() => {
                ToSubscribe::NotMesos("it answers SUBSCRIBE with a web page")
            }
            200 if self.content_type.as_deref() != Some(Self::MEDIA_TYPE) => {
                ToSubscribe::NotMesos("the answer to SUBSCRIBE is not a protobuf stream")
            }
            200 => self.stream_id.clone().map_or(
                ToSubscribe::NotMesos("the answer to SUBSCRIBE has no Mesos-Stream-Id"),
                |stream_id| ToSubscribe::Open { stream_id },
            ),
            301 | 302 | 307 | 308 => self
                .location
                .clone()
                .map_or(ToSubscribe::NotMesos("a redirect without Location"), |location| {
                    ToSubscribe::Redirect { location }
                }),
            401 | 403 => ToSubscribe::Refuse(Refusal::Unauthenticated(self.summary())),
            400 | 405 | 406 | 415 | 501 => ToSubscribe::Refuse(Refusal::Rejected(self.summary())),
            503 if RECOVERING.contains(&self.body.trim()) => ToSubscribe::Recovering,
            // A master that starts has no routes yet (404); what else says 503 stands before one.
            _ => ToSubscribe::Retry,
        }
    }

    /// Masters write none: what does is another server.
    fn is_web_page(&self) -> bool {
        self.content_type.as_deref().is_some_and(|kind| kind.trim_start().starts_with(WEB_PAGE))
    }

    pub fn to_call(&self) -> ToCall {
        match self.status {
            200 | 202 => ToCall::Accepted,
            301 | 302 | 307 | 308 => ToCall::Redirected,
            // The master tells by text alone whether the call or the subscription is wrong.
            400 if self.body.starts_with("The stream ID ") || self.body == "Framework cannot be found" => {
                ToCall::Stale
            }
            403 => ToCall::Stale,
            // As to SUBSCRIBE: no routes yet, no leader, still recovering; or a proxy finds no master.
            404 | 500 | 502..=504 => ToCall::Unavailable,
            _ => ToCall::Rejected,
        }
    }

    /// Status and text in one line.
    pub fn summary(&self) -> String {
        match self.body.trim() {
            "" => format!("HTTP status {}", self.status),
            body => format!("HTTP status {}: {body}", self.status),
        }
    }
}

impl Refusal {
    /// From the message of an ERROR event.
    pub fn from_error(message: String) -> Self {
        match message.as_str() {
            "Framework has been removed" => Self::FrameworkRemoved,
            "Framework failed over" => Self::FailedOver,
            _ => Self::Rejected(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned(), ..Answer::default() }
    }

    #[test]
    fn answers_to_subscribe() {
        let rejected = |text: &str| ToSubscribe::Refuse(Refusal::Rejected(text.to_owned()));
        for (status, body, expected) in [
            (404, "404 Not Found.", ToSubscribe::Retry),
            (503, "No leader elected", ToSubscribe::Recovering),
            (503, "Master has not finished recovery", ToSubscribe::Recovering),
            (503, "<html>", ToSubscribe::Retry),
            (500, "", ToSubscribe::Retry),
            (502, "<html>", ToSubscribe::Retry),
            (429, "", ToSubscribe::Retry),
            (
                401,
                "401 Unauthorized.",
                ToSubscribe::Refuse(Refusal::Unauthenticated(
                    "HTTP status 401: 401 Unauthorized.".to_owned(),
                )),
            ),
            (400, "no principal", rejected("HTTP status 400: no principal")),
            (415, "", rejected("HTTP status 415")),
            (406, "", rejected("HTTP status 406")),
            (307, "", ToSubscribe::NotMesos("a redirect without Location")),
            (200, "", ToSubscribe::NotMesos("the answer to SUBSCRIBE is not a protobuf stream")),
        ] {
            assert_eq!(answer(status, body).to_subscribe(), expected, "{status} {body}");
        }
        for status in [200, 404, 405, 501] {
            let mut page = answer(status, "<html>");
            page.content_type = Some("text/html;charset=utf-8".to_owned());
            assert_eq!(
                page.to_subscribe(),
                ToSubscribe::NotMesos("it answers SUBSCRIBE with a web page"),
                "{status}"
            );
        }
        let mut open = answer(200, "");
        open.content_type = Some("application/x-protobuf".to_owned());
        assert_eq!(
            open.to_subscribe(),
            ToSubscribe::NotMesos("the answer to SUBSCRIBE has no Mesos-Stream-Id")
        );
        open.stream_id = Some("s".to_owned());
        assert_eq!(open.to_subscribe(), ToSubscribe::Open { stream_id: "s".to_owned() });
    }

    #[test]
    fn answers_to_calls() {
        for (status, body, expected) in [
            (202, "", ToCall::Accepted),
            (200, "", ToCall::Accepted),
            (307, "", ToCall::Redirected),
            (400, "Framework cannot be found", ToCall::Stale),
            (
                400,
                "The stream ID 'a' included in this request didn't match the stream ID currently associated with framework ID f",
                ToCall::Stale,
            ),
            (403, "Framework is not subscribed", ToCall::Stale),
            (400, "Failed to validate scheduler::Call: Expecting 'accept' to be present", ToCall::Rejected),
            (401, "401 Unauthorized.", ToCall::Rejected),
            (503, "Master has not finished recovery", ToCall::Unavailable),
            (404, "404 Not Found.", ToCall::Unavailable),
            (502, "<html>", ToCall::Unavailable),
            (501, "501 Not Implemented.", ToCall::Rejected),
        ] {
            assert_eq!(answer(status, body).to_call(), expected, "{status} {body}");
        }
    }
}
