//! The answers of a master that does not lead.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::fault::Leadership;

use super::Server;

/// What is answered in place of the leader's answer to a request for `path`, which is the one below `/master` of
/// the two that lead to the same.
pub fn refuse(server: &Server, path: &str) -> Option<Response> {
    match &*server.leadership.borrow() {
        Leadership::Leads => None,
        Leadership::Boots => Some((StatusCode::NOT_FOUND, "404 Not Found.").into_response()),
        Leadership::NoLeader => Some((StatusCode::SERVICE_UNAVAILABLE, "No leader elected").into_response()),
        Leadership::Recovers => {
            let text = "Master has not finished recovery";
            Some((StatusCode::SERVICE_UNAVAILABLE, text).into_response())
        }
        Leadership::Redirects(leader) => {
            let location = [(header::LOCATION, format!("//{leader}{path}"))];
            Some((StatusCode::TEMPORARY_REDIRECT, location).into_response())
        }
    }
}
