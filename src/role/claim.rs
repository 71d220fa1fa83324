//! `claim`: beside a TaskManager's JVM, ends the task when its AppMaster does not want it any more.

use tracing::Level;

use crate::cli::ClaimOptions;
use artifact::claim_path;
use base::exit::Exit;
use base::log;
use base::time::Clock;
use claim::ask::Server;
use claim::{Next, Note, Watch};
use conf::environment::Environment;

use super::error::{Fatal, fatal};
use super::task::TOKEN_VARIABLE;

pub fn run(options: &ClaimOptions, environment: &Environment) -> Result<u8, Fatal> {
    log::never_wait(init::write_to_stderr);
    let mut server = Server::at(&options.artifacts, options.certificate).map_err(fatal(Exit::Software))?;
    let token = environment.text(TOKEN_VARIABLE).unwrap_or_default();
    let path = claim_path(&options.task_id);
    let clock = Clock::start();
    let mut watch = Watch::new(options.succession, clock.now());
    let mut wait = Watch::first_wait(fastrand::f64());
    loop {
        init::shrink();
        std::thread::sleep(wait);
        let began = clock.now();
        let outcome = server.ask(&path, token);
        let verdict = watch.handle(outcome, began, clock.now(), fastrand::f64());
        if let Some(note) = &verdict.note {
            log::line(level(note), "claim", &note.to_string());
        }
        match verdict.next {
            Next::AskIn(next) => wait = next,
            Next::End => return Ok(Exit::NotPermitted.code()),
        }
    }
}

fn level(note: &Note) -> Level {
    match note {
        Note::HeardAgain { .. } => Level::INFO,
        Note::Silent { .. } | Note::Gone | Note::Elsewhere | Note::SilentForGood { .. } => Level::WARN,
    }
}
