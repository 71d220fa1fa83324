//! What it says itself.

use super::adapter::{Program, Wish, Words};
use super::signals::ready;
use super::stage::{Launch, Outcome, Stage, check, expect};
use super::{Case, case};

pub const CASES: &[Case] = &[
    case("B8b", "a malformed rewriting is an error that shows it", malformed),
    case("B58a", "the last line tells code, signal, who began the end, and the time", reason),
    case("B58b", "the same goes to a file, when so asked", reason_file),
    case("B59", "stdout belongs to the program, however much it has to say itself", stdout),
    case("B61", "--version and --help print to stdout and are a success", version),
];

fn malformed(stage: &Stage) -> Outcome {
    let wish = Wish { rewrites: &[("HUP", Some("USR1"))], ..Wish::default() };
    let command = stage.command(wish)?;
    let mut command: Vec<_> = command
        .into_iter()
        .map(|word| match word.to_str() {
            Some("HUP=USR1") => "HUP=NONSENSE".into(),
            Some("1:10") => "1:NONSENSE".into(),
            _ => word,
        })
        .collect();
    command.extend(["--".into(), stage.helper.clone().into_os_string(), "exit".into(), "0".into()]);
    let end = stage.start_command(&command, Launch::new(&[]))?.end()?;
    check(end.code != 0 && end.stderr.contains("NONSENSE"), format!("{end:?}"))
}

fn reason(stage: &Stage) -> Outcome {
    let running = ready(stage, Launch::new(&["sleep"]))?;
    running.signal("TERM")?;
    let end = running.end()?;
    let last = end.stderr.lines().last().unwrap_or_default();
    let all = ["143", "by=SIGTERM", "killed by SIGTERM", "after="];
    check(all.iter().all(|part| last.contains(part)), format!("{last:?}"))
}

fn reason_file(stage: &Stage) -> Outcome {
    let wish = Wish { reason_file: true, ..Wish::default() };
    let end = stage.start(Launch::new(&["exit", "3"]).wish(wish))?.end()?;
    check(end.stdout.contains("ended code=3"), format!("{end:?}"))
}

fn stdout(stage: &Stage) -> Outcome {
    let wish = Wish { words: Words::All, ..Wish::default() };
    let end = stage.start(Launch::new(&["arguments", "hello"]).wish(wish))?.end()?;
    expect(end.stdout.as_str(), "hello\n")
}

fn version(stage: &Stage) -> Outcome {
    for option in ["--version", "--help"] {
        let command = [stage.path.clone().into_os_string(), option.into()];
        // tini has a short form only.
        let command = match (stage.program, option) {
            (Program::Tini, "--help") => [command[0].clone(), "-h".into()],
            _ => command,
        };
        let end = stage.start_command(&command, Launch::new(&[]))?.end()?;
        check(end.code == 0 && !end.stdout.is_empty(), format!("{option}: {end:?}"))?;
    }
    Ok(())
}
