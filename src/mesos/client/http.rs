//! Requests to the master and what came of them.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};
use rustls::{AlertDescription, CertificateError};

use super::{Credentials, StartError, Trust};
use crate::address::Master;
use crate::answer::Answer;
use crate::report::Trouble;
use crate::wire::call::Call;
use tls::http;

/// A master on the same network answers in milliseconds; beyond this the next one gets its turn.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Five heartbeat intervals, as Mesos' documentation advises for calls.
const CALL_TIMEOUT: Duration = Duration::from_secs(75);

/// The part of a refusing answer that is read; Mesos' own texts are shorter, a proxy's page is of no use.
const MAX_BODY_BYTES: usize = 1024;

const STREAM_ID: HeaderName = HeaderName::from_static("mesos-stream-id");

/// One client per kind of connection: a subscription always gets a new one, calls share theirs.
#[derive(Clone, Debug)]
pub struct Http {
    stream: Client,
    calls: Client,
    authorization: Option<HeaderValue>,
}

impl Http {
    /// Over HTTPS if it is said whom to trust.
    pub fn new(trust: Option<&Trust>, credentials: Option<&Credentials>) -> Result<Self, StartError> {
        let authorization = credentials.map(basic).transpose()?;
        let stream = builder(trust)?.pool_max_idle_per_host(0).build()?;
        let calls = builder(trust)?.pool_max_idle_per_host(1).timeout(CALL_TIMEOUT).build()?;
        Ok(Self { stream, calls, authorization })
    }

    /// Sends SUBSCRIBE. With status 200, the response is the stream of events.
    pub async fn subscribe(self, master: Master, call: Call) -> Result<(Answer, Option<Response>), Trouble> {
        let request = self.request(&self.stream, &master, &call);
        let response = request.send().await.map_err(|error| trouble(&error))?;
        if response.status() == 200 {
            Ok((answer(&response, String::new()), Some(response)))
        } else {
            Ok((read_answer(response).await?, None))
        }
    }

    pub async fn call(self, master: Master, stream_id: String, call: Call) -> Result<Answer, Trouble> {
        let request = self.request(&self.calls, &master, &call).header(STREAM_ID, stream_id);
        let response = request.send().await.map_err(|error| trouble(&error))?;
        read_answer(response).await
    }

    fn request(&self, client: &Client, master: &Master, call: &Call) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        // Mesos compares this with its own text, byte by byte.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Answer::MEDIA_TYPE));
        // Anything broader would be answered in JSON.
        headers.insert(ACCEPT, HeaderValue::from_static(Answer::MEDIA_TYPE));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        client
            .post(format!("{}://{master}/api/v1/scheduler", master.scheme.name()))
            .headers(headers)
            .body(call.encode_to_vec())
    }
}

/// What the system says about a request or a stream that failed.
pub fn trouble(error: &reqwest::Error) -> Trouble {
    if error.is_timeout() {
        return Trouble::NoAnswer(if error.is_connect() { CONNECT_TIMEOUT } else { CALL_TIMEOUT });
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
        Some(_) | None => {
            let help = of_tls(error).map(|error| format!("; {}", what_helps(error))).unwrap_or_default();
            format!("{cause}{help}")
        }
    };
    Trouble::Transport(text)
}

/// What TLS says is within an error of the system, or within several.
fn of_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match error.downcast_ref::<rustls::Error>() {
            found @ Some(_) => return found,
            None => cause = within.map(|inner| inner as _).or_else(|| error.source()),
        }
    }
    None
}

/// What to do about it, for masters as Mesos configures them.
fn what_helps(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity
            | AlertDescription::ProtocolVersion,
        )
        | rustls::Error::PeerIncompatible(_) => {
            "this program supports none of Mesos' default ciphers: start the masters with LIBPROCESS_SSL_ENABLE_TLS_V1_3=true, or with ECDHE and GCM ciphers in LIBPROCESS_SSL_CIPHERS"
        }
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "the master's certificate is none of those in mesos.master.ssl.cert.fingerprint"
        }
        rustls::Error::InvalidCertificate(_) => {
            "make this machine trust the authority that signed the master's certificate, or set mesos.master.ssl.cert.fingerprint to the certificate's SHA-256"
        }
        rustls::Error::InvalidMessage(_) => {
            "perhaps this master does not use TLS; then mesos.master has to begin with http://"
        }
        _ => "see TLS to the master in docs/docker.md",
    }
}

pub(super) fn builder(trust: Option<&Trust>) -> Result<ClientBuilder, StartError> {
    // Redirects keep the scheme.
    let builder = match trust {
        None => http::plain()?,
        Some(Trust::System) => http::secure(),
        Some(Trust::Pinned(certificates)) => http::trusting(tls::pinned(certificates.clone())?),
    };
    Ok(builder.connect_timeout(CONNECT_TIMEOUT))
}

pub(super) fn basic(credentials: &Credentials) -> Result<HeaderValue, StartError> {
    let Credentials { principal, secret } = credentials;
    if principal.contains(':') || secret.contains(':') {
        return Err(StartError::Colon);
    }
    let text = format!("Basic {}", STANDARD.encode(format!("{principal}:{secret}")));
    let mut value = HeaderValue::try_from(text).expect("base64 is valid in a header");
    value.set_sensitive(true);
    Ok(value)
}

async fn read_answer(mut response: Response) -> Result<Answer, Trouble> {
    let mut body = Vec::new();
    while body.len() < MAX_BODY_BYTES {
        let Some(chunk) = response.chunk().await.map_err(|error| trouble(&error))? else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_BODY_BYTES);
    Ok(answer(&response, String::from_utf8_lossy(&body).into_owned()))
}

fn answer(response: &Response, body: String) -> Answer {
    let header = |name| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Answer {
        status: response.status().as_u16(),
        location: header(LOCATION),
        stream_id: header(STREAM_ID),
        content_type: header(CONTENT_TYPE),
        body,
    }
}
