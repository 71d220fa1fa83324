//! The commands against a dispatcher behind a real socket, and what they print.

mod printed;
mod served;

use clap::Parser as _;

use super::{events, explain};
use crate::cli::clusters::{AnswerOptions, Artifact, Command, PushOptions};
use crate::cli::{self, Cli};
use crate::role::error::Fatal;
use base::digest::Digest;
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use served::Served;

fn parse(line: &str) -> Result<Cli, String> {
    let words = std::iter::once("flink-on-mesos").chain(line.split_whitespace());
    Cli::try_parse_from(words).map_err(|error| error.to_string())
}

/// The exit code, and what is wrong.
fn run(line: &str, environment: &Environment) -> (u8, String) {
    let done = match parse(line).expect("understood").command {
        Some(cli::Command::Clusters(command)) => super::run_command(&command, environment),
        Some(cli::Command::Explain(options)) if options.name.is_some() => explain(&options, environment),
        Some(cli::Command::Events(options)) if options.is_of_dispatcher() => events(&options, environment),
        other => panic!("another command: {other:?}"),
    };
    match done {
        Ok(code) => (code, String::new()),
        Err(Fatal { exit, error }) => (exit.code(), log::chain(error.as_ref())),
    }
}

/// Whether it is understood as a command of a dispatcher.
fn judge(line: &str, is_good: bool) {
    match parse(line) {
        Ok(Cli { command: Some(cli::Command::Clusters(_) | cli::Command::Run(_)), .. }) => {
            assert!(is_good, "{line}");
        }
        Ok(other) => panic!("{line}: {other:?}"),
        Err(error) => assert!(!is_good && error.starts_with("error: "), "{line}: {error}"),
    }
}

#[test]
fn jobs_and_their_jars_are_named_as_flink_names_them() {
    let digests = format!("artifact rm {} artifact://{}/a.jar", "0a".repeat(32), "0b".repeat(32));
    let id = "0123456789abcdef".repeat(2);
    for (line, is_good) in [
        ("artifact push a.jar b.jar -m why", true),
        ("artifact push", false),
        ("artifact list -o json", true),
        (&digests, true),
        ("artifact rm a.jar", false),
        ("run a.jar", true),
        ("run", false),
        ("run --socket /x -d a.jar --input b", true),
        ("run --session a --socket /x a.jar", false),
        ("run --session a -c Main -p 2 -s s3://b/c -n artifact://x --parallelism 3", true),
        (&format!("run --session a --job-id {id} a.jar"), true),
        ("run --session a --job-id 1 a.jar", false),
        ("run --application a --flink-version v1_20 -D a=b --memory 1g a.jar", true),
        ("run --application a --session b a.jar", false),
        (&format!("run --application a --job-id {id} a.jar"), false),
    ] {
        judge(line, is_good);
    }
}

#[test]
fn tokens_are_made_with_all_that_they_allow() {
    for (line, is_good) in [
        (
            "token --name a --role edit --mesos-role team/* --mesos-role b --user u --expires 2027-01-31T00:00:00Z",
            true,
        ),
        ("token --name a --role viewer", false),
        ("token --name a", false),
        ("token --role view", false),
    ] {
        judge(line, is_good);
    }
}

#[test]
fn commands_of_a_dispatcher_are_no_programs() {
    for (line, is_good) in [
        ("apply -f a.yaml -f - -m why --if-revision 3 -o yaml", true),
        ("apply", false),
        ("apply -f a --if-revision x", false),
        ("plan --file a --dispatcher unix:/x", true),
        ("diff -f a --dispatcher h:1", false),
        ("get", true),
        ("get a -o json", true),
        ("get a -o xml", false),
        ("describe", false),
        ("delete a b", true),
        ("delete -f a", true),
        ("delete", false),
        ("delete a -f b", false),
        ("suspend", false),
        ("resume a", true),
        ("restart a --message why", true),
        ("restart a --taskmanager b -m why --if-revision 2", true),
        ("restart --taskmanager b", false),
        ("suspend a b --force", true),
        ("delete a --force", true),
        ("delete -f a --force", true),
        ("resume a --force", false),
        ("freeze a b", true),
        ("thaw a", true),
        ("audit a --last 3", true),
        ("logs", true),
        ("logs a jobmanager --follow --stderr --tail 3", true),
        ("logs a b --file flink.log", true),
        ("logs a b --file config.yaml", false),
        ("logs a b --task b", false),
        ("logs a --socket /x", false),
        ("logs --socket /x --task b", true),
        ("queue", true),
        ("queue -o json", true),
        ("queue a", false),
        ("session create a --flink-version v1_20 -D a=b --taskmanagers 2 --cpu 0.5 -m why", true),
        ("session create a", true),
        ("session create", false),
        ("session list -o yaml", true),
        ("session stop a", true),
        ("session stop a --force", true),
        ("session scale a 3 -m why --if-revision 2", true),
        ("session scale a", false),
        ("session scale a -1", false),
        ("session stop", false),
        ("get --dispatcher https://h --ca a --client-certificate b", true),
    ] {
        judge(line, is_good);
    }
    let Some(cli::Command::Clusters(Command::Apply(options))) =
        parse("apply -f a -f - -m why").expect("good").command
    else {
        panic!("another command");
    };
    assert_eq!(options.files, [std::path::Path::new("a"), std::path::Path::new("-")]);
    assert_eq!(options.order.message.as_deref(), Some("why"));
}

#[test]
fn events_are_of_the_appmaster_unless_a_dispatcher_is_meant() {
    for (line, expected) in [
        ("events", Some(false)),
        ("events --follow --json --socket /x", Some(false)),
        ("events a", Some(true)),
        ("events --all --follow", Some(true)),
        ("events --dispatcher unix:/x", Some(true)),
        ("events a --all", None),
        ("events a --socket /x", None),
    ] {
        let found = match parse(line).ok().and_then(|cli| cli.command) {
            Some(cli::Command::Events(options)) => Some(options.is_of_dispatcher()),
            _ => None,
        };
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn a_cluster_is_taken_through_its_life_by_commands() {
    let served = Served::start();
    let (environment, file) = (&served.environment, served.file("a.yaml", 1));
    let good = |line: &str| assert_eq!(run(line, environment), (0, String::new()), "{line}");
    good(&format!("plan -f {file}"));
    good("get");
    assert_eq!(served.standing("a"), None);
    assert_eq!(run(&format!("diff -f {file}"), environment), (Exit::Differs.code(), String::new()));
    good(&format!("apply -f {file} -m first"));
    assert_eq!(served.standing("a").as_deref(), Some("waiting, revision 1"));
    good(&format!("diff -f {file} -o yaml"));
    let second = served.file("b.yaml", 2);
    assert_eq!(run(&format!("diff -f {second}"), environment), (Exit::Differs.code(), String::new()));
    let (code, text) = run(&format!("apply -f {second} -f {file} --if-revision 1"), environment);
    assert_eq!((code, text.contains("--if-revision")), (Exit::Usage.code(), true));
    assert_eq!(run(&format!("apply -f {second} --if-revision 9"), environment), (3, String::new()));
    assert_eq!(served.standing("a").as_deref(), Some("waiting, revision 1"));
    good(&format!("apply -f {second} --if-revision 1 -o json"));
    assert_eq!(served.standing("a").as_deref(), Some("waiting, revision 2"));
    for (line, expected) in [
        ("freeze a", "waiting, revision 2, frozen"),
        ("thaw a", "waiting, revision 2"),
        ("suspend a --message night", "suspended, revision 2"),
        ("resume a", "waiting, revision 2"),
        ("restart a", "waiting, revision 2"),
        ("describe a", "waiting, revision 2"),
        ("explain a", "waiting, revision 2"),
        ("queue", "waiting, revision 2"),
        ("get a -o yaml", "waiting, revision 2"),
        ("audit", "waiting, revision 2"),
        ("events a", "waiting, revision 2"),
        ("events --all --json", "waiting, revision 2"),
        (&format!("delete -f {file}"), "deleting, revision 2"),
    ] {
        good(line);
        assert_eq!(served.standing("a").as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn an_explanation_is_of_the_appmaster_unless_a_cluster_is_named() {
    for (line, expected) in [
        ("explain", Some(None)),
        ("explain --json --what-if count=2 --socket /x", Some(None)),
        ("explain a", Some(Some("a"))),
        ("explain a -o json --dispatcher unix:/x", Some(Some("a"))),
        ("explain a --what-if count=2", None),
        ("explain a --json", None),
        ("explain a --socket /x", None),
        ("explain -o json", None),
    ] {
        let found = match parse(line).ok().and_then(|cli| cli.command) {
            Some(cli::Command::Explain(options)) => Some(options.name),
            _ => None,
        };
        assert_eq!(found.as_ref().map(Option::as_deref), expected, "{line}");
    }
}

#[test]
fn what_is_accepted_and_does_not_fit_has_a_code_of_its_own() {
    let served = Served::start();
    let (environment, file, wide) = (&served.environment, served.file("a.yaml", 1), served.wide("wide.yaml"));
    let code = |line: &str| run(line, environment).0;
    assert_eq!(code(&format!("plan -f {file}")), 0);
    assert_eq!(code(&format!("plan -f {file} -f {wide}")), Exit::NotPlaceable.code());
    assert_eq!(code(&format!("diff -f {wide}")), Exit::Differs.code());
    assert_eq!(code(&format!("apply -f {wide} -o json")), Exit::NotPlaceable.code());
    assert_eq!(served.standing("wide").as_deref(), Some("waiting, revision 1"));
    assert_eq!(code(&format!("diff -f {wide}")), 0);
    // What is wrong weighs more.
    let wrong = served.write("wrong.yaml", "kind: FlinkDeployment\n");
    assert_eq!(code(&format!("apply -f {wide} -f {wrong}")), 65);
    let create = "session create b --flink-version v1_20 --jobmanager-memory 64g";
    assert_eq!(code(create), Exit::NotPlaceable.code());
    assert_eq!(code("session create c --flink-version v1_20"), 0);
}

#[test]
fn each_failure_has_its_code_and_names_the_thing() {
    let served = Served::start();
    let environment = &served.environment;
    let missing = served.path("missing.yaml");
    assert_eq!(
        run(&format!("apply -f {missing}"), environment),
        (66, format!("cannot read {missing}: No such file or directory (os error 2)"))
    );
    let broken = served.write("broken.yaml", "a: 1\nb: [");
    let (code, text) = run(&format!("apply -f {broken}"), environment);
    assert_eq!((code, text.starts_with(&format!("{broken}: line 2: "))), (65, true), "{text}");
    let wrong = served.write("wrong.yaml", "kind: FlinkDeployment\n");
    assert_eq!(run(&format!("apply -f {wrong}"), environment), (65, String::new()));
    assert_eq!(run(&format!("diff -f {wrong}"), environment), (65, String::new()));
    let (code, text) = run("restart nobody", environment);
    assert_eq!(code, 4);
    assert!(
        text.starts_with("the dispatcher at unix:/") && text.ends_with("refused: there is no cluster nobody"),
        "{text}"
    );
    let (code, text) = run("freeze a b --if-revision 1", environment);
    assert_eq!((code, text.contains("--if-revision")), (64, true));
    let nowhere = served.path("nowhere");
    let (code, text) = run(&format!("get --dispatcher unix:{nowhere}"), environment);
    assert_eq!(code, 69);
    assert!(text.starts_with(&format!("no dispatcher answers at unix:{nowhere}: ")), "{text}");
}

#[test]
fn who_has_no_token_or_too_small_a_one_is_told_what_to_do() {
    let served = Served::start();
    let mut environment = Environment::default();
    environment.set("FLINK_ON_MESOS_DISPATCHER", &*served.port);
    let file = served.file("a.yaml", 1);
    environment.set("FLINK_ON_MESOS_TOKEN", "forged");
    let begin = format!("the dispatcher at {} refused: ", served.port);
    let unknown = format!(
        "{begin}the dispatcher does not know this token, or it has expired: put a token of this dispatcher in $FLINK_ON_MESOS_TOKEN or ~/.config/flink-on-mesos/token"
    );
    for line in ["get", "restart a", "events --all", "events --all --follow", &format!("apply -f {file}")] {
        assert_eq!(run(line, &environment), (77, unknown.clone()), "{line}");
    }
    environment.set("FLINK_ON_MESOS_TOKEN", "reader");
    assert_eq!(run("get", &environment), (0, String::new()));
    let denied = format!(
        "{begin}token reader may not change anything: its role is view, and changes need edit or admin: use a token that allows it, or ask the dispatcher's operator"
    );
    for line in ["restart a", &format!("apply -f {file}"), &format!("plan -f {file}")] {
        assert_eq!(run(line, &environment), (77, denied.clone()), "{line}");
    }
    assert_eq!(served.standing("a"), None);
}

#[test]
fn a_file_is_pushed_and_removed_by_commands() {
    let served = Served::start();
    let environment = &served.environment;
    let (file, digest) = (served.write("my orders.jar", "jar"), Digest::of("jar"));
    let push = |file: &str| Command::Artifact(Artifact::Push(push_of(file)));
    let missing = served.path("missing.jar");
    let Err(Fatal { exit, error }) = super::run_command(&push(&missing), environment) else {
        panic!("pushed")
    };
    assert_eq!((exit, error.to_string()), (Exit::NoInput, format!("cannot read {missing}")));
    for _ in 0..2 {
        assert!(super::run_command(&push(&file), environment).is_ok());
    }
    assert_eq!(served.artifacts(), [(digest, "my orders.jar".to_owned())]);
    assert_eq!(run("artifact list", environment), (0, String::new()));
    let large = served.write("large.jar", &"x".repeat((1 << 20) + 1));
    let Err(Fatal { exit, error }) = super::run_command(&push(&large), environment) else { panic!("pushed") };
    let told = "refused: an artifact may have 1048576 bytes at most (`dispatcher.artifacts.max-file`), and this one has 1048577";
    assert!(exit == Exit::Data && error.to_string().ends_with(told), "{error}");
    assert_eq!(
        run(&format!("artifact rm artifact://{digest}/any.jar -m old"), environment),
        (0, String::new())
    );
    let (code, text) = run(&format!("artifact rm {digest}"), environment);
    assert!(code == 4 && text.ends_with(&format!("there is no artifact {digest}")), "{text}");
    assert_eq!(served.artifacts(), []);
}

fn push_of(file: &str) -> PushOptions {
    PushOptions { files: vec![file.into()], message: None, answer: AnswerOptions::default() }
}

#[test]
fn a_session_needs_no_manifest() {
    let served = Served::start();
    let environment = &served.environment;
    let create =
        "session create a --flink-version v1_20 --memory 1g -D rest.port=1 --taskmanagers 2 --cpu 1.5";
    assert_eq!(run(create, environment), (0, String::new()));
    assert_eq!(served.standing("a").as_deref(), Some("waiting, revision 1"));
    // It exists.
    assert_eq!(run("session create a --flink-version v1_20", environment), (3, String::new()));
    assert_eq!(served.standing("a").as_deref(), Some("waiting, revision 1"));
    assert_eq!(run("session create b --flink-version v9", environment), (65, String::new()));
    assert_eq!(run("session create c --flink-version v1_20 --memory much", environment), (65, String::new()));
    assert_eq!(run("session list", environment), (0, String::new()));
    assert_eq!(run("session stop a", environment), (0, String::new()));
    assert_eq!(served.standing("a").as_deref(), Some("deleting, revision 1"));
}
