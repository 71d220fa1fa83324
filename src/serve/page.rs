//! Pages that are one file each, and need nothing from anywhere else.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use base::digest::Sha256;

/// HTML with one `<script>` and one `<style>`.
pub struct Page {
    html: &'static str,
    policy: String,
}

impl Page {
    pub fn new(html: &'static str) -> Self {
        Self { html, policy: policy(html) }
    }

    pub fn answer(&'static self) -> Response {
        let head =
            [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, self.policy.as_str())];
        (head, self.html).into_response()
    }
}

/// Only what is in the page runs and shows, and it talks to its own origin alone.
fn policy(html: &str) -> String {
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(html, "script"),
        digest(html, "style")
    )
}

/// Of the one element with this name, as browsers compute it.
fn digest(html: &str, name: &str) -> String {
    let content = html
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")))
        .map_or("", |(content, _)| content);
    STANDARD.encode(Sha256::of(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_page_is_known_by_its_hash() {
        let policy = policy("<style>a</style><script>b</script>");
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::of(text)));
        assert!(policy.contains(&format!("style-src {}", hash("a"))), "{policy}");
        assert!(policy.contains(&format!("script-src {}", hash("b"))), "{policy}");
    }
}
