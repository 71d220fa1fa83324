//! Pages that are one file each, and need nothing from anywhere else.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use base::digest::Sha256;

const STYLE: &str = include_str!("page/shared.css");
const SCRIPT: &str = include_str!("page/shared.js");

/// HTML with one `<script>` and one `<style>`, each after what all pages have.
pub struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// `html` has a line for each of `<style>` and `<script>`.
    pub fn new(html: &str) -> Self {
        let with = |html: &str, name: &str, shared: &str| {
            html.replacen(&format!("<{name}>\n"), &format!("<{name}>\n{shared}"), 1)
        };
        let html = with(&with(html, "style", STYLE), "script", SCRIPT);
        let policy = policy(&html);
        Self { html, policy }
    }

    pub fn answer(&'static self) -> Response {
        let head =
            [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, self.policy.as_str())];
        (head, self.html.as_str()).into_response()
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
    fn what_all_pages_have_comes_before_their_own_and_is_hashed_with_it() {
        let page = Page::new("<style>\na {}\n</style><script>\nown();\n</script>");
        let begins = |name: &str, shared: &str| page.html.contains(&format!("<{name}>\n{shared}"));
        assert!(begins("style", STYLE) && begins("script", SCRIPT), "{}", page.html);
        let script = STANDARD.encode(Sha256::of(format!("\n{SCRIPT}own();\n")));
        assert!(page.policy.contains(&format!("'sha256-{script}'")), "{}", page.policy);
    }

    #[test]
    fn what_is_in_the_page_is_known_by_its_hash() {
        let policy = policy("<style>a</style><script>b</script>");
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::of(text)));
        assert!(policy.contains(&format!("style-src {}", hash("a"))), "{policy}");
        assert!(policy.contains(&format!("script-src {}", hash("b"))), "{policy}");
    }
}
