//! Files of tokens, what is wrong with them, and what each lets its holder do.

use std::sync::Arc;

use base::digest::hexadecimal;

use super::{Defaults, Entry, Grant, Role, Tokens, token};

/// 2027-01-31T00:00:00Z
const END: u64 = 1_801_353_600_000;

fn defaults() -> Arc<Defaults> {
    Arc::new(Defaults { roles: vec!["flink".to_owned()], user: Some("flink".to_owned()) })
}

fn entry(name: &str, rest: &str) -> String {
    format!("- {{name: {name}, sha256: {}, {rest}}}\n", hexadecimal(&token::hash(name)))
}

fn parsed(text: &str) -> Tokens {
    Tokens::parse(text, &defaults()).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// Of the only token of a file, whose role and lists are `rest`.
fn grant(rest: &str) -> Arc<Grant> {
    let tokens = parsed(&format!("tokens:\n{}", entry("a", rest)));
    Arc::clone(tokens.find("a", 0).expect("it is known"))
}

#[test]
fn a_token_is_found_by_its_hash_until_it_expires() {
    let text = format!(
        "tokens:\n{}{}",
        entry("a", "role: view, expires: \"2027-01-31T00:00:00Z\""),
        entry("b", "role: admin")
    );
    let tokens = parsed(&text);
    let found = |token: &str, now| tokens.find(token, now).map(|grant| (grant.name.clone(), grant.role));
    assert_eq!(found("a", END - 1), Some(("a".to_owned(), Role::View)));
    assert_eq!(found("a", END), None);
    assert_eq!(found("b", u64::MAX), Some(("b".to_owned(), Role::Admin)));
    for other in ["", "c", "A", "a ", &hexadecimal(&token::hash("a"))] {
        assert_eq!(found(other, 0), None, "{other}");
    }
}

#[test]
fn a_file_of_no_tokens_is_not_the_same_as_an_empty_one() {
    for text in ["tokens: []", "tokens:\n", "{\"tokens\": []}"] {
        assert!(parsed(text).is_empty(), "{text}");
    }
    for text in
        ["", "\n", "# tokens:\n", "tokens: x", "[]", "a: []", "tokens: []\na: 1", "tokens: []\n---\na: 1"]
    {
        let wrong = Tokens::parse(text, &defaults()).expect_err(text);
        assert!(
            wrong[0].to_string().ends_with("expected one key, `tokens`, with a list"),
            "{text}: {wrong:?}"
        );
    }
}

#[test]
fn all_that_is_wrong_is_told_with_lines_and_without_tokens() {
    let good = hexadecimal(&token::hash("x"));
    let text = format!(
        "tokens:
- name: a b
  sha256: fom_secret
  role: viewer
- name: c
  sha256: {good}
  role: view
  users: [flink]
  expires: tomorrow
- name: c
  sha256: {good}
  role: edit
  mesos-roles: [team/*, '*/*', '-x', 'a,b', 7]
  users: ['*', flink, '0']
  rolle: edit
- fom_secret
- role: admin
  users: flink
"
    );
    let wrong = Tokens::parse(&text, &defaults()).expect_err("all of it");
    let told: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    let expected = [
        "2: name: expected up to 64 letters, digits, `.`, `_`, `@` and `-`",
        "3: sha256: expected 64 hexadecimal digits, the SHA-256 of a token and not the token",
        "4: role: expected one of view, edit, admin",
        "8: users: is for role edit; view changes nothing, so leave it out",
        "9: expires: expected a time such as `2027-01-31T00:00:00Z`",
        "10: name: the token of line 5 has the same",
        "11: sha256: the token of line 6 has the same",
        "13: mesos-roles: expected a Mesos role, or a role and all below it as `team/*`",
        "13: mesos-roles: expected a Mesos role, or a role and all below it as `team/*`",
        "13: mesos-roles: expected a Mesos role, or a role and all below it as `team/*`",
        "13: mesos-roles: expected a Mesos role, or a role and all below it as `team/*`",
        "14: users: expected the name of a user",
        "15: unknown key; there are name, sha256, role, mesos-roles, users, expires",
        "16: expected a token's entry, with `name`, `sha256` and `role`",
        "17: name: expected up to 64 letters, digits, `.`, `_`, `@` and `-`",
        "17: sha256: expected 64 hexadecimal digits, the SHA-256 of a token and not the token",
        "18: users: is for role edit; admin may take any, so leave it out",
        "18: users: expected a list",
    ];
    assert_eq!(told, expected);
    assert!(!told.concat().contains("fom_"));
    let [wrong] = &Tokens::parse("tokens: [", &defaults()).expect_err("no YAML")[..] else {
        panic!("several")
    };
    assert_eq!(wrong.line, 1);
}

#[test]
fn roles_and_users_are_those_of_the_entry_or_the_dispatchers_own() {
    let listed = "role: edit, mesos-roles: [team/*, '*', other/one], users: [ann]";
    for (rest, role, user, is_role, is_user) in [
        ("role: view", None, None, false, false),
        ("role: admin", None, None, true, true),
        ("role: admin", Some("team"), Some("root"), true, true),
        // The dispatcher's own, named or not.
        ("role: edit", None, None, true, true),
        ("role: edit", Some("flink"), Some("flink"), true, true),
        ("role: edit", Some("flink/a"), Some("root"), false, false),
        ("role: edit", Some("*"), Some("Flink"), false, false),
        (listed, None, None, false, false),
        (listed, Some("flink"), Some("flink"), false, false),
        (listed, Some("team"), Some("ann"), true, true),
        (listed, Some("team/a/b"), Some("ann"), true, true),
        (listed, Some("teams"), Some("anna"), false, false),
        (listed, Some("*"), Some("ann"), true, true),
        (listed, Some("other/one"), Some("ann"), true, true),
        (listed, Some("other/one/x"), Some(""), false, false),
        (listed, Some("other"), Some("root"), false, false),
        ("role: edit, mesos-roles: [], users: []", None, None, false, false),
    ] {
        let grant = grant(rest);
        assert_eq!(grant.may_take_role(role).is_ok(), is_role, "{rest}: {role:?}");
        assert_eq!(grant.may_take_user(user).is_ok(), is_user, "{rest}: {user:?}");
    }
}

#[test]
fn a_dispatcher_of_several_roles_gives_each_of_them() {
    let defaults = Arc::new(Defaults { roles: vec!["a".to_owned(), "b".to_owned()], user: None });
    let of = |rest: &str| {
        let tokens = Tokens::parse(&format!("tokens:\n{}", entry("a", rest)), &defaults).expect("good");
        Arc::clone(tokens.find("a", 0).expect("it is known"))
    };
    assert_eq!(of("role: edit").may_take_role(None), Ok(()));
    assert_eq!(of("role: edit, mesos-roles: [a, b]").may_take_role(None), Ok(()));
    assert!(of("role: edit, mesos-roles: [a]").may_take_role(None).is_err());
    assert_eq!(of("role: edit").may_take_user(None), Ok(()));
    assert!(of("role: edit").may_take_user(Some("x")).is_err());
}

#[test]
fn refusals_say_who_may_not_take_what_and_what_instead() {
    let edit = grant("role: edit, mesos-roles: [team/*, b], users: []");
    for (denied, field, text) in [
        (
            edit.may_take_role(None),
            Some("spec.mesos.role"),
            "token a may not take the Mesos role flink; it may take team/*, b",
        ),
        (
            edit.may_take_user(Some("root")),
            Some("spec.mesos.user"),
            "token a may not take the user root; it may take none",
        ),
        (
            grant("role: view").may_edit(),
            None,
            "token a may not change anything: its role is view, and changes need edit or admin",
        ),
    ] {
        let denied = denied.expect_err(text);
        assert_eq!((denied.field(), denied.to_string().as_str()), (field, text));
    }
}

#[test]
fn the_entry_of_a_new_token_is_read_again() {
    let token = token::made_of(&[7; 32]);
    assert_eq!(token, format!("fom_{}", "07".repeat(32)));
    let new = Entry {
        name: "ann@example.org".to_owned(),
        role: Role::Edit,
        mesos_roles: vec!["*".to_owned(), "team/*".to_owned()],
        users: vec!["ann".to_owned()],
        expires: Some("2027-01-31T00:00:00Z".to_owned()),
    };
    let text = new.text(&token);
    assert!(!text.contains(&token), "{text}");
    let tokens = parsed(&format!("tokens:\n{text}{}", entry("b", "role: view").replace("- ", "  - ")));
    assert_eq!(tokens.count(), 2);
    let grant = tokens.find(&token, END - 1).expect("it is known");
    assert_eq!((grant.name.as_str(), grant.role), ("ann@example.org", Role::Edit));
    assert_eq!(grant.may_take_role(Some("team/x")), Ok(()));
    assert_eq!(grant.may_take_role(Some("*")), Ok(()));
    assert!(tokens.find(&token, END).is_none());
}
