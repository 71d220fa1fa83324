//! Who asks. Whoever serves the routes puts a [`Caller`] into each request: of a unix socket by what the kernel knows
//! ([`by_user`]), on loopback by the address ([`by_loopback`]).

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::header::{HOST, HeaderMap, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, http};

use base::passwd;
use serve::{Credentials, Peer};

use super::answer::Problem;

/// For the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user: String,
    /// From where.
    pub from: String,
}

/// For a unix socket: the caller is the user of this machine who connected.
pub fn by_user(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |mut request: Request, next: Next| {
        if let Some(Credentials { uid }) = request.extensions().get().copied() {
            let name = passwd::name_of(uid).ok().flatten();
            let user = name.unwrap_or_else(|| format!("uid {uid}"));
            request.extensions_mut().insert(Caller { user, from: "unix socket".to_owned() });
        }
        next.run(request).await
    }))
}

/// For a port of the loopback interface, where everybody on this machine may ask.
///
/// A browser is led there by pages of others too: what was not addressed to this machine is refused.
pub fn by_loopback(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |mut request: Request, next: Next| {
        let peer = request.extensions().get().copied();
        if let Some(ConnectInfo(Peer(address))) = peer
            && is_loopback(address.ip())
            && names_loopback(request.headers())
        {
            let caller = Caller { user: "loopback".to_owned(), from: SocketAddr::to_string(&address) };
            request.extensions_mut().insert(caller);
        }
        next.run(request).await
    }))
}

/// Nothing is told to, or ordered by, who is not known.
pub async fn required(
    caller: Option<Extension<Caller>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if caller.is_none() {
        let text = "the dispatcher does not know who asks: ask on its unix socket, or by a loopback address";
        return Err(Problem::new(StatusCode::FORBIDDEN, text));
    }
    if request.method() != Method::GET && is_of_another_site(request.headers()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "orders from pages of other sites are refused"));
    }
    Ok(next.run(request).await)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A name that somebody else's DNS leads here is none of this machine's.
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    headers.get(HOST)?.to_str().ok()?.parse().ok()
}

/// As browsers say it of what a page asks for.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<http::Uri>().ok());
    origin.and_then(|origin| origin.authority().cloned()) != host(headers)
}
