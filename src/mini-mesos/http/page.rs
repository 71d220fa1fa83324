//! The page of a sandbox, at the address that it has in the real master's Web UI.

use std::sync::LazyLock;

use axum::response::Response;
use serve::Page;

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("page.html")));

/// What it shows it asks of the files API, so that it has no secret itself.
pub async fn page() -> Response {
    PAGE.answer()
}
