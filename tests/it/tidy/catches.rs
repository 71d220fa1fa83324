//! Every rule sees what it is there for, and nothing else.

use super::source::Source;
use super::{Finding, crates, messages, root, scenarios, text, walls};

fn check(rule: fn(&Source) -> Vec<Finding>, path: &str, content: &str, expected: &[&str]) {
    let found: Vec<String> = rule(&Source::new(path, content))
        .into_iter()
        .map(|finding| format!("{}: {}", finding.line, finding.rule))
        .collect();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, part)| found.starts_with(part));
    assert!(fits, "{path}\n{content}\nfound {found:#?}\nexpected {expected:#?}");
}

#[test]
fn impure_names_in_pure_files() {
    let pure = "src/scheduler/plan.rs";
    check(walls::check, pure, "use std::fs;\n", &["1: std::fs"]);
    check(walls::check, pure, "use std::{io, fs};\n", &["1: std::fs"]);
    check(walls::check, pure, "use std::{\n    fs::{self, File},\n};\n", &["2: std::fs", "2: std::fs::File"]);
    check(walls::check, pure, "fn f() { tokio::select! { _ = g() => {} } }\n", &["1: tokio::select"]);
    check(walls::check, pure, "fn f() { println!(\"{:?}\", std::env::args()) }\n", &["1: std::env::args"]);
    check(walls::check, pure, "\nfn f() -> Instant { Instant::now() }\n", &["2: Instant::now"]);
    check(walls::check, pure, "use std::time::SystemTime;\n", &["1: std::time::SystemTime"]);
    check(
        walls::check,
        pure,
        "use fastrand as random;\nfn f() { fastrand::u8(..) }\n",
        &["1: fastrand", "2: fastrand::u8"],
    );
    check(walls::check, pure, "use std::net::TcpStream;\n", &["1: std::net::TcpStream"]);
}

#[test]
fn what_pure_files_may_do() {
    let pure = "src/scheduler/plan.rs";
    check(walls::check, pure, "use std::net::{IpAddr, SocketAddr};\n", &[]);
    check(walls::check, pure, "/// Unlike std::fs, or tokio::fs.\nconst A: &str = \"std::fs\";\n", &[]);
    check(walls::check, pure, "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]);
    check(walls::check, pure, "#[cfg(test)]\nuse std::fs;\n", &[]);
    check(walls::check, "src/scheduler/driver.rs", "use tokio::time;\n", &[]);
    // The item behind the tests is no test.
    check(walls::check, pure, "#[cfg(test)]\nmod tests {}\nuse std::fs;\n", &["3: std::fs"]);
    check(walls::check, pure, "#[cfg(not(test))]\nuse std::fs;\n", &["2: std::fs"]);
}

#[test]
fn files_that_know_too_much() {
    let cases = [
        ("src/mini-mesos/agent.rs", "use mesos::session;", "mesos::session"),
        ("src/role.rs", "fn f() { std::env::var(\"A\") }", "std::env::var"),
        ("src/role.rs", "use std::env; fn f() { env::vars_os() }", "env::vars_os"),
        ("src/role.rs", "use std::process::{Command, ExitCode};", "std::process::Command"),
        ("src/mini-mesos/agent.rs", "use nix::unistd::fork;", "nix::unistd::fork"),
        ("src/role.rs", "use init::sys;", "init::sys"),
        ("src/role.rs", "fn f() { unsafe { g() } }", "unsafe stays"),
    ];
    for (path, content, expected) in cases {
        check(walls::check, path, &format!("{content}\n"), &[&format!("1: {expected}")]);
    }
}

#[test]
fn files_that_know_what_they_may() {
    let cases = [
        ("src/init/run.rs", "use super::machine::Machine;"),
        ("src/init/sys.rs", "fn f() { unsafe { libc::fork() } }"),
        ("src/mini-mesos/agent.rs", "use init::sys;\nuse mesos::{wire::task, recordio};"),
        ("src/conf/environment.rs", "fn f() { std::env::vars_os() }"),
        ("src/status/page.rs", "use scheduler::report::Report;"),
    ];
    for (path, content) in cases {
        check(walls::check, path, &format!("{content}\n"), &[]);
    }
}

#[test]
fn files_and_functions_that_are_too_long() {
    let statements = |count: usize| "    g();\n".repeat(count);
    let function = |count| format!("fn f() {{\n{}}}\n", statements(count));
    check(text::check_size, "src/a.rs", &function(68), &[]);
    check(text::check_size, "src/a.rs", &function(69), &["1: f has 71 lines"]);
    check(
        text::check_size,
        "src/a.rs",
        &format!("impl A {{\n    {}}}\n", function(69)),
        &["2: f has 71 lines"],
    );

    let lines = "const A: u8 = 1;\n".repeat(400);
    check(text::check_size, "src/a.rs", &lines, &[]);
    check(text::check_size, "src/a.rs", &format!("{lines}fn f() {{}}\n"), &["400: 401 lines"]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 1;\n".repeat(100));
    check(text::check_size, "src/a.rs", &format!("{}{tests}", &lines[..lines.len() - 17]), &[]);
    check(text::check_size, "src/a.rs", &format!("//{}\n", "a".repeat(30 * 1024)), &["1: 30723 bytes"]);
}

#[test]
fn what_is_unfinished() {
    check(text::check_unfinished, "src/a.rs", "fn f() {\n    todo!()\n}\n", &["2: a stand-in"]);
    check(text::check_unfinished, "src/a.rs", "fn f() { unimplemented!(\"later\") }\n", &["1: a stand-in"]);
    check(text::check_unfinished, "src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", &["2: a test"]);
    check(text::check_unfinished, "src/a.rs", "// todo!() and #[ignore] in words\nfn f() { todo() }\n", &[]);
}

#[test]
fn text_that_must_not_stay() {
    check(text::check_text, "src/a.rs", "a \n\tb\n", &["1: white space", "2: tab"]);
    check(text::check_text, "scripts/a", "if a; then\n\tb\r\n", &[]);
    check(text::check_text, "a.md", "a\r\r\n", &["1: white space"]);
    check(
        text::check_text,
        "src/a.rs",
        "// TODO\n// FIXME: a\n// XXX a\n// HACK",
        &["1: TODO", "2: FIXME", "3: XXX", "4: HACK", "4: no newline"],
    );
    check(text::check_text, "src/a.rs", "// mktemp a.XXXXXX, TODOS\n", &[]);
    check(text::check_text, "a.md", "see /work/a and `/root/b`\n", &["1: /work/", "1: /root/"]);
    check(text::check_text, "a.md", "/var/lib/mesos/work/a\n", &[]);
    check(text::check_text, "a.sh", "curl https://pypi.org/simple\n", &["1: pypi.org"]);
}

#[test]
fn links_that_lead_nowhere() {
    let rule = |source: &Source| text::check_links(source, root());
    check(
        rule,
        "NEW.md",
        "[a](src/lib.rs) [b](src/nothing.rs) [c](https://example.org/a)\n",
        &["1: src/nothing.rs"],
    );
    check(
        rule,
        "NEW.md",
        "[a](LICENSE#no-such-heading)\n",
        &["1: LICENSE#no-such-heading: leads to no heading"],
    );
}

#[test]
fn scenarios_without_tests() {
    let tree = [Source::new("src/a.rs", "fn b() {}\n"), Source::new("src/scheduler/transcript.rs", "")];
    for (tests, wrong) in [
        ("`src/a.rs` `b`", &[][..]),
        ("transcript `b`", &[]),
        ("not used", &[]),
        ("`src/c.rs`", &["there is no `src/c.rs`"]),
        ("`src/a.rs` `c`", &["there is no `c`"]),
        ("`src/a.rs`; missing: all else", &["something is missing"]),
        ("somewhere", &["no test is named"]),
        ("simulation", &["no test is named"]),
    ] {
        assert_eq!(scenarios::complaints(tests, &tree), wrong, "{tests}");
    }
}

#[test]
fn messages_that_nobody_says() {
    let tree = [Source::new("src/a.rs", "#[error(\"no room in {} \\\n    offers for {what}\")]\n")];
    let found = |row: &str| {
        let page =
            Source::new("docs/a.md", &format!("| message | why |\n|---|---|\n| {row} | `x y z a b c` |\n"));
        messages::check(&page, &tree).len()
    };
    assert_eq!(found("`no room in N offers for …`"), 0);
    assert_eq!(found("`no place in N offers`, or `no room in …`"), 1);
    assert_eq!(found("`container: Memory limit exceeded`"), 0);
    let other = Source::new("docs/a.md", "| what | why |\n|---|---|\n| `not said by anybody` | |\n");
    assert_eq!(messages::check(&other, &tree), []);
}

#[test]
fn circles_and_pictures_of_crates() {
    let uses = |lines: &[(&str, &[&str])]| -> crates::Uses {
        let owned = |used: &[&str]| used.iter().map(|used| (*used).to_owned()).collect();
        lines.iter().map(|(name, used)| ((*name).to_owned(), owned(used))).collect()
    };
    let house = uses(&[("roof", &["cellar", "room"]), ("room", &["cellar"]), ("cellar", &[])]);
    assert_eq!(crates::circle(&house), None);
    let picture = crates::picture(&house);
    assert_eq!(
        picture.lines().collect::<Vec<_>>()[1..4],
        ["cellar", "room            → cellar", "roof            → room"]
    );
    let knot = uses(&[("roof", &["room"]), ("room", &["cellar"]), ("cellar", &["roof"])]);
    assert_eq!(crates::circle(&knot).map(|way| way.join(" ")), Some("cellar roof room cellar".to_owned()));
    let alone = uses(&[("room", &["room"])]);
    assert_eq!(crates::circle(&alone).map(|way| way.join(" ")), Some("room room".to_owned()));
}
