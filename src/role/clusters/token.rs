//! New tokens.

use std::io::Write as _;
use std::sync::Arc;

use access::{Defaults, Entry, Tokens, token};
use base::exit::Exit;
use base::random;

use super::text::say;
use crate::cli::clusters::TokenOptions;
use crate::role::error::Fatal;

/// The token goes to stdout, where it can be led to its holder's file, and nowhere else; the entry, which is no secret, to stderr.
pub fn run(options: &TokenOptions) -> Result<u8, Fatal> {
    let token = token::made_of(&random::bytes());
    let entry = entry(options, &token)?;
    say(&token);
    // Who has closed stderr does without.
    let _ = std::io::stderr().write_all(entry.as_bytes());
    Ok(Exit::Ok.code())
}

/// As the dispatcher will read it.
fn entry(options: &TokenOptions, token: &str) -> Result<String, Fatal> {
    let TokenOptions { name, role, mesos_roles, users, expires } = options.clone();
    let text = Entry { name, role, mesos_roles, users, expires }.text(token);
    match Tokens::parse(&format!("tokens:\n{text}"), &Arc::<Defaults>::default()) {
        Ok(_) => Ok(text),
        Err(wrong) => {
            let texts: Vec<_> = wrong.into_iter().map(|wrong| wrong.text).collect();
            Err(Fatal::new(Exit::Usage, texts.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use access::Role;

    use super::*;

    #[test]
    fn an_entry_is_what_a_dispatcher_reads() {
        let options = TokenOptions {
            name: "ci".to_owned(),
            role: Role::Edit,
            mesos_roles: vec!["team/*".to_owned()],
            users: Vec::new(),
            expires: None,
        };
        let text = entry(&options, "fom_x").unwrap_or_else(|fatal| panic!("{}", fatal.error));
        assert!(text.starts_with("  - name: \"ci\"\n") && !text.contains("fom_x"), "{text}");
        let told = |options: TokenOptions| match entry(&options, "fom_x") {
            Ok(text) => panic!("{text}"),
            Err(Fatal { exit, error }) => (exit, error.to_string()),
        };
        let (exit, text) = told(TokenOptions { name: "a b\"".to_owned(), ..options.clone() });
        assert_eq!((exit, text.starts_with("name: expected")), (Exit::Usage, true), "{text}");
        let (exit, text) = told(TokenOptions { role: Role::View, ..options.clone() });
        assert_eq!((exit, text.starts_with("mesos-roles: is for role edit")), (Exit::Usage, true), "{text}");
        let (_, text) = told(TokenOptions { expires: Some("soon".to_owned()), ..options });
        assert!(text.starts_with("expires: expected"), "{text}");
    }
}
