//! Programs that the tests start: `test-helper VERB ARG…`.
//!
//! It is static like the binary itself, so that the conformance suite also runs where nothing else is, and begins like
//! it, so that it sees the signals it inherits.

#![no_main]

use std::ffi::OsString;
use std::path::Path;

mod conformance;
mod launch;
mod plan;
mod program;
mod records;
mod stand_in;

init::begin_with!(run);

fn run(beginning: init::Beginning) -> u8 {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    if Path::new(&name).file_name().is_some_and(|name| name == stand_in::NAME) {
        return stand_in::run(&text(&arguments));
    }
    let Some((verb, rest)) = arguments.split_first() else { panic!("no verb") };
    let verb = verb.to_str().expect("a verb");
    match verb {
        "conformance" => conformance::run(&text(rest)),
        "commit" => records::run(&text(rest)),
        "enter" | "init" => plan::run(verb, &text(rest), beginning),
        _ if launch::VERBS.contains(&verb) => launch::run(verb, rest),
        "bytes" => {
            rest.iter().for_each(|argument| println!("{:?}", argument.as_encoded_bytes()));
            0
        }
        _ => program::run(verb, &text(rest)),
    }
}

fn text(arguments: &[OsString]) -> Vec<&str> {
    arguments.iter().map(|argument| argument.to_str().expect("plain text")).collect()
}
