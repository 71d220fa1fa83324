//! The status page.

use std::sync::LazyLock;

use axum::response::Response;
use serve::Page;

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("page.html")));

/// For people.
#[utoipa::path(get, path = "/", responses(
    (status = 200, body = String, content_type = "text/html; charset=utf-8"),
))]
pub(super) async fn page() -> Response {
    PAGE.answer()
}
