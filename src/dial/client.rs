//! One question to a dispatcher and its answer. Nothing that is no answer in the protocol's own words counts as one.

use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Client, Response, StatusCode, Url};

use tls::http;

use super::{Answer, Envelope, Home, MAX_ANSWER_BYTES, PROTOCOL, Report, home};

/// On top of what the dispatcher may wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// From one dispatcher to the next; two that send to each other know no leader.
const MAX_HOPS: usize = 3;

/// Of a text that is no answer.
const MAX_TEXT_SHOWN: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("failed to ask {url}")]
    Http {
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} refused the report: {status} {text}")]
    Refused { url: Url, status: u16, text: String },
    #[error("the answer of {url} has more than {MAX_ANSWER_BYTES} bytes")]
    TooLong { url: Url },
    #[error("what {url} answered is not an answer of a dispatcher")]
    Malformed {
        url: Url,
        #[source]
        source: serde_json::Error,
    },
    #[error("{url} speaks version {found} of the protocol, not {PROTOCOL}")]
    Protocol { url: Url, found: u32 },
    #[error("the answer of {url} is for the task {found}")]
    NotOurs { url: Url, found: String },
    #[error("{url} says that attempt {found} is the current one, which is not later than this one")]
    NotLater { url: Url, found: u32 },
    #[error("{url} sends to {location}, which is none of the dispatchers that this task was told of")]
    Elsewhere { url: Url, location: String },
    #[error("dispatchers send to each other, {url} last")]
    NoLeader { url: Url },
}

/// To whichever dispatcher answered last.
pub struct Line {
    urls: Vec<Url>,
    current: usize,
    told: Vec<String>,
    client: Client,
    task_id: String,
    attempt: u32,
    token: String,
}

impl Line {
    pub fn new(home: &Home) -> Result<Self, StartError> {
        let urls = home.urls();
        let builder = match home.certificates.as_slice() {
            [] if urls.iter().all(|url| url.scheme() == "http") => http::plain()?,
            [] => http::secure(),
            certificates => http::trusting(tls::pinned(certificates.to_vec())?),
        };
        let client = builder.connect_timeout(CONNECT_TIMEOUT).build()?;
        let Home { task_id, attempt, token, .. } = home.clone();
        Ok(Self { urls, current: 0, told: Vec::new(), client, task_id, attempt, token })
    }

    /// Whom the next question goes to.
    pub fn url(&self) -> &Url {
        &self.urls[self.current % self.urls.len()]
    }

    pub fn count(&self) -> usize {
        self.urls.len()
    }

    /// Where the one that answered last says that dispatchers are.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// After a failure the next dispatcher of the list is the one to ask.
    pub async fn ask(&mut self, report: &Report) -> Result<Answer, AnswerError> {
        let answer = self.ask_leader(report).await;
        if answer.is_err() {
            self.current = (self.current + 1) % self.urls.len();
        }
        answer
    }

    async fn ask_leader(&mut self, report: &Report) -> Result<Answer, AnswerError> {
        for _ in 0..=MAX_HOPS {
            let url = self.url().clone();
            let within = Duration::from_millis(report.hold_ms) + ANSWER_TIMEOUT;
            let request = self.client.post(url.clone()).timeout(within).bearer_auth(&self.token).json(report);
            let answer = request.send().await;
            let answer = answer.map_err(|source| AnswerError::Http { url: url.clone(), source })?;
            if answer.status() != StatusCode::TEMPORARY_REDIRECT {
                return self.read(url, answer).await;
            }
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.unwrap_or_default().to_owned();
            // The one that leads may have come after this AppMaster.
            if let Ok(envelope) = self.envelope(&url, answer).await {
                self.learn(&url, &envelope.dispatchers);
            }
            self.current = self.leader(url, location)?;
        }
        Err(AnswerError::NoLeader { url: self.url().clone() })
    }

    /// Only where the token may go; the path there is known already.
    fn leader(&self, url: Url, location: String) -> Result<usize, AnswerError> {
        let leader = url.join(&location).ok().map(|leader| leader.origin());
        let known = leader.and_then(|leader| self.urls.iter().position(|known| known.origin() == leader));
        known.ok_or_else(|| AnswerError::Elsewhere { url, location })
    }

    async fn read(&mut self, url: Url, answer: Response) -> Result<Answer, AnswerError> {
        let envelope = self.envelope(&url, answer).await?;
        self.learn(&url, &envelope.dispatchers);
        match envelope.answer {
            Answer::Superseded { attempt } if attempt <= self.attempt => {
                Err(AnswerError::NotLater { url, found: attempt })
            }
            answer @ (Answer::Superseded { .. } | Answer::Orders { .. }) => Ok(answer),
        }
    }

    async fn envelope(&self, url: &Url, answer: Response) -> Result<Envelope, AnswerError> {
        let status = answer.status();
        let body = body(url, answer).await?;
        let url = || url.clone();
        let envelope = match serde_json::from_slice::<Envelope>(&body) {
            Ok(envelope) => envelope,
            Err(source) if status.is_success() => return Err(AnswerError::Malformed { url: url(), source }),
            Err(_) => {
                let text = String::from_utf8_lossy(&body);
                let text = text.trim().chars().take(MAX_TEXT_SHOWN).collect();
                return Err(AnswerError::Refused { url: url(), status: status.as_u16(), text });
            }
        };
        if envelope.protocol != PROTOCOL {
            return Err(AnswerError::Protocol { url: url(), found: envelope.protocol });
        }
        if envelope.task_id != self.task_id {
            return Err(AnswerError::NotOurs { url: url(), found: envelope.task_id });
        }
        Ok(envelope)
    }

    /// Whoever answered goes on being asked.
    fn learn(&mut self, answered: &Url, dispatchers: &[String]) {
        self.told = dispatchers.to_vec();
        self.urls = home::more(&self.urls, dispatchers, &self.task_id);
        if let Some(place) = self.urls.iter().position(|url| url == answered) {
            self.current = place;
        }
    }
}

async fn body(url: &Url, mut answer: Response) -> Result<Vec<u8>, AnswerError> {
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        match chunk.map_err(|source| AnswerError::Http { url: url.clone(), source })? {
            None => return Ok(body),
            Some(chunk) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(AnswerError::TooLong { url: url.clone() });
            }
            Some(chunk) => body.extend_from_slice(&chunk),
        }
    }
}
