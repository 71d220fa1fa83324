//! Who asks, and what that caller may do. Whoever serves the routes puts a [`Caller`] into each request: of a unix socket by what the
//! kernel knows ([`by_user`]), of a port by token, certificate or loopback address ([`by_port`]).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, HeaderMap, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, http};

use access::Grant;
use base::passwd;
use serve::{Certificate, Credentials, Peer};
use tls::Fingerprint;

use super::answer::Problem;

/// For the audit, and for what is asked.
#[derive(Clone)]
pub struct Caller {
    pub user: String,
    /// From where.
    pub from: String,
    pub grant: Arc<Grant>,
    /// Of who shows a token.
    shown: Option<Shown>,
}

/// A token, and who knows whose it is.
#[derive(Clone)]
struct Shown {
    token: String,
    tokens: Tokens,
}

impl Caller {
    /// Somebody who may do everything.
    pub fn admin(user: String, from: String) -> Self {
        let grant = Arc::new(Grant::admin(user.clone()));
        Self { user, from, grant, shown: None }
    }

    /// Whether it still is who it was when it asked.
    pub fn is_still_known(&self) -> bool {
        self.again().is_some()
    }

    /// With what it may do by now; none whose token counts no more.
    pub fn again(&self) -> Option<Self> {
        let Some(Shown { token, tokens }) = &self.shown else { return Some(self.clone()) };
        tokens(token).map(|grant| Self { grant, ..self.clone() })
    }
}

/// For a unix socket: the caller is the user of this machine who connected.
pub fn by_user(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |mut request: Request, next: Next| {
        if let Some(Credentials { uid }) = request.extensions().get().copied() {
            let name = passwd::name_of(uid).ok().flatten();
            let user = name.unwrap_or_else(|| format!("uid {uid}"));
            request.extensions_mut().insert(Caller::admin(user, "unix socket".to_owned()));
        }
        next.run(request).await
    }))
}

/// Whose token this is, if it is anybody's.
pub type Tokens = Arc<dyn Fn(&str) -> Option<Arc<Grant>> + Send + Sync>;

/// For a port. Whoever shows a token is its holder, wherever the request comes from. Else the caller is who a certificate names
/// that the port has asked for, or on the loopback interface everybody on this machine.
///
/// A browser is led there by pages of others too: what was not addressed to this machine is refused.
pub fn by_port(routes: Router, tokens: Option<Tokens>) -> Router {
    routes.layer(middleware::from_fn(move |mut request: Request, next: Next| {
        match known(&request, tokens.as_ref()) {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(stranger) => drop(request.extensions_mut().insert(stranger)),
        }
        next.run(request)
    }))
}

/// Why it is not known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// A token would help.
    NoToken,
    /// Nobody has one.
    NoTokens,
    UnknownToken,
    OtherScheme,
    /// Neither of loopback, nor is there any token.
    NotLocal,
}

impl From<Stranger> for Problem {
    fn from(stranger: Stranger) -> Self {
        let (status, text) = match stranger {
            Stranger::NoToken => {
                (StatusCode::UNAUTHORIZED, "the dispatcher expects a token, as `Authorization: Bearer TOKEN`")
            }
            Stranger::OtherScheme => {
                (StatusCode::UNAUTHORIZED, "expected one token, as `Authorization: Bearer TOKEN`")
            }
            Stranger::NoTokens => {
                (StatusCode::UNAUTHORIZED, "this dispatcher knows no tokens: it has no `dispatcher.tokens`")
            }
            Stranger::UnknownToken => {
                (StatusCode::UNAUTHORIZED, "the dispatcher does not know this token, or it has expired")
            }
            Stranger::NotLocal => (
                StatusCode::FORBIDDEN,
                "the dispatcher does not know who asks: ask on its unix socket, or by a loopback address",
            ),
        };
        Self::new(status, text)
    }
}

fn known(request: &Request, tokens: Option<&Tokens>) -> Result<Caller, Stranger> {
    let peer = request.extensions().get().map(|ConnectInfo(Peer(address))| *address);
    let from =
        peer.map_or_else(|| "an unknown address".to_owned(), |address| SocketAddr::to_string(&address));
    if let Some(token) = token(request.headers())? {
        let tokens = Tokens::clone(tokens.ok_or(Stranger::NoTokens)?);
        let grant = tokens(token).ok_or(Stranger::UnknownToken)?;
        let shown = Some(Shown { token: token.to_owned(), tokens });
        return Ok(Caller { user: grant.name.clone(), from, grant, shown });
    }
    if let Some(Certificate(certificate)) = request.extensions().get() {
        return Ok(Caller::admin(holder(certificate), from));
    }
    let is_local = peer.is_some_and(|address| is_loopback(address.ip()));
    if is_local && names_loopback(request.headers()) && !is_forwarded(request.headers()) {
        return Ok(Caller::admin("loopback".to_owned(), from));
    }
    Err(if tokens.is_some() { Stranger::NoToken } else { Stranger::NotLocal })
}

fn token(headers: &HeaderMap) -> Result<Option<&str>, Stranger> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Stranger::OtherScheme)?;
    let is_one = scheme.eq_ignore_ascii_case("bearer") && values.next().is_none();
    is_one.then(|| Some(token.trim())).ok_or(Stranger::OtherScheme)
}

fn holder(certificate: &[u8]) -> String {
    let name = tls::common_name(certificate);
    name.unwrap_or_else(|| format!("certificate {}", Fingerprint::of(certificate)))
}

/// Nothing is told to, or ordered by, who is not known, and nothing is changed by who may look only.
pub async fn required(request: Request, next: Next) -> Result<Response, Problem> {
    let caller = admitted(&request)?;
    if !is_read(&request) {
        caller.grant.may_edit()?;
    }
    Ok(next.run(request).await)
}

/// As [`required`], for what changes nothing whatever its method.
pub async fn known_at_least(request: Request, next: Next) -> Result<Response, Problem> {
    admitted(&request)?;
    Ok(next.run(request).await)
}

/// Who asks, if that is known and it is no order of somebody else's page.
pub fn admitted(request: &Request) -> Result<Caller, Problem> {
    let Some(caller) = request.extensions().get::<Caller>() else {
        let stranger = request.extensions().get().copied();
        return Err(stranger.unwrap_or(Stranger::NotLocal).into());
    };
    // A browser adds certificates by itself, and what comes from this machine needs nothing; no page has a token of others.
    if !is_read(request) && caller.shown.is_none() && is_of_another_site(request.headers()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "orders from pages of other sites are refused"));
    }
    Ok(caller.clone())
}

pub fn is_read(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Whoever handed it on may be of this machine, and whoever asks is not.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for")
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A name that somebody else's DNS leads here is none of this machine's.
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    is_loopback_name(host.host().trim_start_matches('[').trim_end_matches(']'))
}

pub fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    headers.get(HOST)?.to_str().ok()?.parse().ok()
}

/// As browsers say it of what a page asks for.
pub fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<http::Uri>().ok());
    origin.and_then(|origin| origin.authority().cloned()) != host(headers)
}
