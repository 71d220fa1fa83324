//! What a PID 1 is expected to do, asked of any of them.
//!
//!   test-helper conformance PROGRAM PATH PLACE [ID…]
//!
//! PROGRAM is `ours`, `tini`, `dumb-init` or `catatonit`, PLACE `first` (PID 1) or `below` (under another init).
//! Prints a line for each case: its number, verdict, behaviour and what was wrong, with tabs between them. Needs
//! nothing but the program under test and this one, so that it runs in an empty container too.

use std::path::PathBuf;

use adapter::Program;
use init::sys;
use stage::{Fault, Outcome, Place, Stage};

mod adapter;
mod children;
mod look;
mod output;
mod running;
mod signals;
mod stage;
mod start;
mod stopping;
mod surroundings;

/// One row of the table.
pub struct Case {
    /// The number of the behaviour, with a letter when there are several cases of it.
    pub id: &'static str,
    pub behaviour: &'static str,
    pub run: fn(&Stage) -> Outcome,
    /// Programs with a race: what is seen depends on luck, so nothing is compared.
    pub luck: &'static [Program],
}

/// A case whose outcome is certain for all programs.
pub const fn case(id: &'static str, behaviour: &'static str, run: fn(&Stage) -> Outcome) -> Case {
    Case { id, behaviour, run, luck: &[] }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    [signals::CASES, children::CASES, start::CASES, surroundings::CASES, stopping::CASES, output::CASES]
        .into_iter()
        .flatten()
}

pub fn run(arguments: &[&str]) -> u8 {
    sys::ignore_sigpipe();
    let [program, path, place, ids @ ..] = arguments else {
        panic!("conformance PROGRAM PATH PLACE [ID…]")
    };
    let program = Program::from_name(program);
    let place = match *place {
        "first" => Place::First,
        "below" => Place::Below,
        place => panic!("unknown place {place}"),
    };
    let stage = Stage::new(program, PathBuf::from(path), place);
    let mut code = 0;
    for case in cases().filter(|case| ids.is_empty() || ids.contains(&case.id)) {
        let outcome = if case.luck.contains(&program) { Err(Fault::Luck) } else { (case.run)(&stage) };
        look::clean_up();
        let (verdict, why) = match outcome {
            Ok(()) => ("yes", String::new()),
            Err(Fault::Failed(why)) => ("no", why.replace(['\n', '\t'], " ")),
            Err(Fault::NoOption) => ("none", String::new()),
            Err(Fault::Luck) => ("luck", String::new()),
            Err(Fault::Unable(why)) => ("unable", why),
        };
        if verdict == "no" {
            code = 1;
        }
        println!("{}\t{verdict}\t{}\t{why}", case.id, case.behaviour);
    }
    code
}
