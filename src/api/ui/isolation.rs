//! What is handed on between browsers and JobManagers, and how pages of a JobManager are kept apart from everything else here. Pure.
//!
//! Whoever runs jobs decides what a JobManager answers. So its pages are given an origin of their own, which no other page has: they
//! reach nothing that only this dispatcher's origin can, its API, its page, what browsers store for it or other clusters. They
//! come back by the ticket in their address alone.

use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL,
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
    REFERRER_POLICY, RETRY_AFTER, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Of a request, for JobManagers. Neither credentials nor what proxies before this one have said are among them.
const ASKED: [HeaderName; 8] =
    [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE, USER_AGENT];

/// Of an answer, for browsers. No cookie, no word to the browser about this origin, and no leave for others to read.
const ANSWERED: [HeaderName; 11] = [
    ACCEPT_RANGES,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    RETRY_AFTER,
];

pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Without `allow-same-origin` each page has an origin of its own, and so have the windows that it opens.
const POLICY: &str =
    "sandbox allow-scripts allow-forms allow-downloads allow-modals allow-popups; frame-ancestors 'none'";

/// Flink's Web UI looks for a cookie before it changes anything, and a page with an origin of its own may not even look.
const NO_COOKIES: &str =
    "<script>Object.defineProperty(document,\"cookie\",{get(){return\"\"},set(){}})</script>";
const HEAD: &[u8] = b"<head>";

pub fn asked(headers: &HeaderMap) -> HeaderMap {
    only(headers, &ASKED)
}

pub fn answered(headers: &HeaderMap) -> HeaderMap {
    let mut answered = only(headers, &ANSWERED);
    answered.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answered
}

fn only(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut some = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            some.append(name, value.clone());
        }
    }
    some
}

/// For all that is answered below a cluster's path.
pub fn isolate(headers: &mut HeaderMap, has_ticket: bool) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if has_ticket {
        // As such a page names its origin, whose requests ask for credentials that the browser then does not have.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("null"));
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// What a browser asks before a request that a form could not make.
pub fn preflight(asked: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers
}

/// Whether this is the page of Flink's Web UI.
pub fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    matches!(path, "/" | "/index.html") && content_type.starts_with("text/html")
}

/// The page that does without cookies.
pub fn without_cookies(html: &[u8]) -> Vec<u8> {
    let head = html.windows(HEAD.len()).position(|part| part.eq_ignore_ascii_case(HEAD));
    let at = head.map_or(0, |head| head + HEAD.len());
    [&html[..at], NO_COOKIES.as_bytes(), &html[at..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn nothing_of_the_callers_credentials_reaches_a_jobmanager() {
        let sent = headers(&[
            ("accept", "application/json"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("connection", "upgrade, x-own"),
            ("upgrade", "websocket"),
            ("x-own", "x"),
            ("host", "d:8090"),
            ("origin", "null"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("proxy-authorization", "x"),
            ("forwarded", "for=x"),
            ("x-forwarded-for", "x"),
            ("x-http-method-override", "DELETE"),
            ("accept-encoding", "gzip"),
            ("expect", "100-continue"),
        ]);
        let expected =
            headers(&[("accept", "application/json"), ("content-type", "multipart/form-data; boundary=x")]);
        assert_eq!(asked(&sent), expected);
    }

    #[test]
    fn nothing_that_concerns_the_origin_comes_back() {
        let told = headers(&[
            ("content-type", "text/html"),
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "default-src *"),
            ("service-worker-allowed", "/"),
            ("clear-site-data", "\"storage\""),
            ("refresh", "0; url=/"),
            ("link", "</x>; rel=preload"),
            ("location", "/x"),
            ("strict-transport-security", "max-age=1"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("www-authenticate", "Basic"),
        ]);
        let mut answered = answered(&told);
        assert_eq!(answered, headers(&[("content-type", "text/html"), ("cache-control", "no-store")]));
        isolate(&mut answered, false);
        let policy = answered[CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.starts_with("sandbox ") && !policy.contains("allow-same-origin"), "{policy}");
        assert!(!answered.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "no page may read it");
        isolate(&mut answered, true);
        assert_eq!(answered[ACCESS_CONTROL_ALLOW_ORIGIN], "null");
    }

    #[test]
    fn the_page_is_told_first_that_there_are_no_cookies() {
        let page = b"<!-- x --><html><HEAD><base href=\"./\"></head></html>";
        let expected = format!("<!-- x --><html><HEAD>{NO_COOKIES}<base href=\"./\"></head></html>");
        assert_eq!(without_cookies(page), expected.as_bytes());
        let html = headers(&[("content-type", "text/html; charset=UTF-8")]);
        assert!(is_page("/", &html) && is_page("/index.html", &html) && !is_page("/jobs", &html));
        assert!(!is_page("/", &headers(&[("content-type", "application/json")])));
    }
}
