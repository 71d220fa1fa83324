//! The status page: one file, which needs nothing from anywhere else.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use base::digest::Sha256;

const PAGE: &str = include_str!("page.html");

/// Only what is in the page runs and shows, and it talks to its own origin alone.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest("script"),
        digest("style")
    )
});

/// For people.
#[utoipa::path(get, path = "/", responses(
    (status = 200, body = String, content_type = "text/html; charset=utf-8"),
))]
pub(super) async fn page() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY.as_str())], PAGE)
        .into_response()
}

/// Of the one element with this name, as browsers compute it.
fn digest(name: &str) -> String {
    let content = PAGE
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")))
        .map_or("", |(content, _)| content);
    STANDARD.encode(Sha256::of(content))
}
