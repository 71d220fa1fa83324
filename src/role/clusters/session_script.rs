//! `mesos-session.sh`: what scripts of Flink say, said to the dispatcher.

use tracing::Level;

use base::exit::Exit;
use base::log;
use conf::environment::Environment;

use super::attached::{self, Bond};
use super::{connect, queue, session};
use crate::cli::clusters::{AnswerOptions, CreateOptions, CreationOptions};
use crate::cli::session_script::{NAME, SessionScript};
use crate::role::error::Fatal;
use crate::role::runtime;

const SLOTS: &str = "taskmanager.numberOfTaskSlots";

/// Ends the names that are made up.
const RANDOM_CHARACTERS: usize = 6;

pub fn run(options: &SessionScript, environment: &Environment) -> Result<u8, Fatal> {
    if options.query {
        return queue::run(&answer(options), environment);
    }
    let (name, bond) = match &options.id {
        Some(name) => (name.clone(), Bond::Visited),
        None => {
            check(options)?;
            let create = creation(options);
            let code = session::create(&create, environment)?;
            if ![Exit::Ok, Exit::NotPlaceable].map(Exit::code).contains(&code) {
                return Ok(code);
            }
            (create.name, Bond::Own)
        }
    };
    if options.detached {
        super::say(&format!("{name} goes on by itself; `echo stop | {NAME} -id {name}` ends it"));
        return Ok(Exit::Ok.code());
    }
    let dispatcher = connect(&options.dispatcher, environment)?;
    runtime()?.block_on(attached::attend(&dispatcher, &name, bond))
}

/// What has no meaning here is told, and what would be missed is refused.
fn check(options: &SessionScript) -> Result<(), Fatal> {
    if let Some(path) = options.ship.first() {
        let words = format!(
            "-t {}: files are not shipped from here; an image has them (`image`), or agents fetch them \
             (`-D mesos.resourcemanager.tasks.uris=…`)",
            path.display()
        );
        return Err(Fatal::new(Exit::Usage, words));
    }
    for (option, is_said, why) in [
        ("-j", options.jar.is_some(), "the dispatcher has Flink"),
        ("-z", options.namespace.is_some(), "the dispatcher keeps each cluster at a place of its own"),
    ] {
        if is_said {
            log::line(Level::WARN, NAME, &format!("{option} has no meaning here: {why}"));
        }
    }
    Ok(())
}

fn creation(options: &SessionScript) -> CreateOptions {
    let mut properties = options.properties.clone();
    if let Some(slots) = options.slots {
        properties.push((SLOTS.to_owned(), slots.to_string()));
    }
    let size = |size: &Option<String>| size.as_deref().map(with_unit);
    CreateOptions {
        name: options.name.clone().unwrap_or_else(made_up),
        creation: CreationOptions {
            flink_version: options.flink_version.clone(),
            taskmanagers: options.taskmanagers,
            memory: size(&options.taskmanager_memory),
            jobmanager_memory: size(&options.jobmanager_memory),
            role: options.role.clone(),
            properties,
            ..CreationOptions::default()
        },
        message: None,
        answer: answer(options),
    }
}

fn answer(options: &SessionScript) -> AnswerOptions {
    AnswerOptions { dispatcher: options.dispatcher.clone(), ..AnswerOptions::default() }
}

/// A number alone is one of MB.
fn with_unit(size: &str) -> String {
    if size.bytes().all(|byte| byte.is_ascii_digit()) { format!("{size}m") } else { size.to_owned() }
}

fn made_up() -> String {
    let end: String = std::iter::repeat_with(fastrand::lowercase).take(RANDOM_CHARACTERS).collect();
    format!("session-{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn read(words: &[&str]) -> SessionScript {
        let words = words.iter().map(Into::into);
        let cli = Cli::read_from(words.collect()).expect("understood");
        match cli.command {
            Some(Command::SessionScript(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn old_words_mean_what_they_meant() {
        let words = "-n 3 -s 2 -jm 1024 -tm=4g -nm a -fv v1_20 -r streaming -d -Dx.y=z -z /flink";
        let words: Vec<_> = std::iter::once("/opt/bin/mesos-session.sh").chain(words.split(' ')).collect();
        let options = read(&words);
        assert!(options.detached);
        check(&options).expect("nothing is refused");
        assert_eq!(options.flink_version.as_deref(), Some("v1_20"));
        let create = creation(&options);
        assert_eq!(create.name, "a");
        let properties = [("x.y", "z"), ("taskmanager.numberOfTaskSlots", "2")];
        let expected = CreationOptions {
            flink_version: Some("v1_20".to_owned()),
            taskmanagers: Some(3),
            memory: Some("4g".to_owned()),
            jobmanager_memory: Some("1024m".to_owned()),
            role: Some("streaming".to_owned()),
            properties: properties.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            ..CreationOptions::default()
        };
        assert_eq!(create.creation, expected);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let options = read(&["flink-on-mesos", NAME, "-fv", "v1_20", "-t", "/jars"]);
        let refused = check(&options).map_err(|error| error.error.to_string());
        assert!(refused.is_err_and(|words| words.starts_with("-t /jars: files are not shipped")));
        for words in [["-id", "a", "-n", "1"], ["-id", "a", "-nm", "b"]] {
            let words = [&["mesos-session.sh"][..], &words].concat();
            assert!(Cli::read_from(words.iter().map(Into::into).collect()).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_session_is_found_again_and_asked_about() {
        assert_eq!(read(&["mesos-session.sh", "-id", "a"]).id.as_deref(), Some("a"));
        assert!(read(&["mesos-session.sh", "-q"]).query);
    }
}
