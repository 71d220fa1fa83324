//! Addresses without whoever logs in there, and without their queries, in which signed ones have their signature.

/// Stands for a secret, as in Flink's own log.
pub const MASK: &str = "******";

/// What may stand between or behind addresses.
const SEPARATORS: [char; 8] = [',', ' ', '\t', '\n', '\'', '"', ']', '}'];

/// A value that consists of addresses.
pub fn shown(text: &str) -> String {
    each(text, address)
}

/// A sentence that quotes addresses, which end at a blank or a quote.
pub fn shown_within(text: &str) -> String {
    each(text, |piece| {
        let end = piece.find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"')).unwrap_or(piece.len());
        let (own, rest) = piece.split_at(end);
        address(own) + rest
    })
}

fn each(text: &str, address: impl Fn(&str) -> String) -> String {
    let mut begins: Vec<usize> = Vec::new();
    for begin in text.match_indices("://").filter_map(|(at, _)| scheme_before(text, at)) {
        // In a query another address is a part of it.
        let is_in_query = begins.last().is_some_and(|last| {
            let before = &text[*last..begin];
            before.contains(['?', '#']) && !before.ends_with(SEPARATORS)
        });
        if !is_in_query {
            begins.push(begin);
        }
    }
    begins.push(text.len());
    let mut out = before_login(&text[..begins[0]]);
    for pair in begins.windows(2) {
        out += &address(&text[pair[0]..pair[1]]);
    }
    out
}

/// Where the scheme begins; none within an address, as in a password.
fn scheme_before(text: &str, at: usize) -> Option<usize> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | ':');
    let begin = text[..at]
        .rfind(|c| !is_scheme(c))
        .map_or(0, |index| index + text[index..].chars().next().map_or(1, char::len_utf8));
    (begin < at && !text[..begin].ends_with(['/', '@', '?', '&', '%'])).then_some(begin)
}

/// From its scheme up to the next one's.
fn address(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    // A password may itself contain `@`, `/` and `,`: rather too much is masked than a part of it shown.
    let rest = match rest.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => rest.to_owned(),
    };
    let Some((path, query)) = rest.split_once(['?', '#']) else { return format!("{scheme}://{rest}") };
    let mark = &rest[path.len()..=path.len()];
    let separators = &query[query.trim_end_matches(SEPARATORS).len()..];
    format!("{scheme}://{path}{mark}{MASK}{separators}")
}

/// `user:password@host` without a scheme.
fn before_login(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((login, host)) if login.contains(':') => format!("{MASK}@{host}"),
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_what_is_around_an_address() {
        for (text, expected) in [
            (
                "Failed to fetch 'https://h/x?sig=1': 404 Not Found",
                "Failed to fetch 'https://h/x?******': 404 Not Found",
            ),
            ("from s3://k:s@b/p to a@b", "from s3://******@b/p to a@b"),
            ("nothing?", "nothing?"),
            ("see http://h/a or http://u:p@h/b#c.", "see http://h/a or http://******@h/b#******"),
        ] {
            assert_eq!(shown_within(text), expected);
        }
    }
}
