//! The answers of a master that does not lead.

use axum::response::Response;

use crate::leadership::Leadership;

use super::Server;

/// What is answered in place of the leader's answer to a request for `path`, which is the one below `/master` of
/// the two that lead to the same.
#[cfg_attr(not(feature = "faults"), expect(unused_variables, reason = "it leads without faults"))]
pub fn refuse(server: &Server, path: &str) -> Option<Response> {
    match &*server.leadership.borrow() {
        Leadership::Leads => None,
        #[cfg(feature = "faults")]
        other => Some(refusal(other, path)),
    }
}

#[cfg(feature = "faults")]
fn refusal(leadership: &Leadership, path: &str) -> Response {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse as _;

    match leadership {
        Leadership::Leads | Leadership::NoLeader => {
            (StatusCode::SERVICE_UNAVAILABLE, "No leader elected").into_response()
        }
        Leadership::Boots => (StatusCode::NOT_FOUND, "404 Not Found.").into_response(),
        Leadership::Recovers => {
            (StatusCode::SERVICE_UNAVAILABLE, "Master has not finished recovery").into_response()
        }
        Leadership::Redirects(leader) => {
            let location = [(header::LOCATION, format!("//{leader}{path}"))];
            (StatusCode::TEMPORARY_REDIRECT, location).into_response()
        }
    }
}
