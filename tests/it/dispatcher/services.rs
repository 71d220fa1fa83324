//! Dispatchers as the examples in `image/dispatcher` have Marathon, Aurora, compose and systemd run them: their command lines,
//! variables and ports, as processes beside a Mesos without agents. What is mounted there is a directory here.

mod examples;
mod systemd;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;

use super::site::{get, session};
use crate::cluster::harness::{Program, binary, scratch};
use crate::dispatched::task::host;
use crate::flink::home;
use crate::ha::ensemble::Ensemble;
use crate::ports::free_ports;

use examples::{API, ARTIFACTS, Service};

/// Of a second dispatcher on the same machine.
const API_OF_SECOND: u16 = API + 1;
const ARTIFACTS_OF_SECOND: u16 = ARTIFACTS + 1;

const MESOS: u16 = 5050;

/// Of the ensemble in the examples, and what it is here.
const QUORUMS: [&str; 2] = ["zk-1:2181,zk-2:2181,zk-3:2181", "127.0.0.1:2181"];

/// What the examples with a configuration of their own find in `/etc/flink-on-mesos`.
const CONFIGURATION: &str = "mesos.master: 127.0.0.1:5050
mesos.resourcemanager.framework.name: flink-dispatcher
dispatcher.flink.1.20: /opt/flink
";

struct Mesos {
    _program: Program,
    port: u16,
}

/// A host of its own, as far as its ports and directories go.
struct Host {
    files: tempfile::TempDir,
    /// In the place of those in the examples.
    api: u16,
    artifacts: u16,
    mesos: u16,
    quorum: String,
    /// For those who are sent here from another host.
    token: String,
}

impl Mesos {
    async fn start() -> Self {
        let [port] = free_ports();
        let arguments = ["mesos", "--agents", "0", "--port", &port.to_string()];
        let program = Program::start_with(scratch(), Command::new(binary()), &[], &arguments);
        let url = format!("http://127.0.0.1:{port}/health");
        program.until("the master answers", async || get(&url).await.map(drop)).await;
        Self { _program: program, port }
    }
}

impl Host {
    fn new(mesos: &Mesos, quorum: &str) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        for directory in ["bin", "conf", "state"] {
            fs::create_dir(files.path().join(directory)).expect("a directory");
        }
        symlink(binary(), files.path().join("bin/flink-on-mesos")).expect("a link");
        let [api, artifacts] = free_ports();
        let (mesos, quorum, token) = (mesos.port, quorum.to_owned(), String::new());
        let host = Self { files, api, artifacts, mesos, quorum, token };
        fs::write(host.path("conf/config.yaml"), host.here(CONFIGURATION)).expect("written");
        host
    }

    /// Of several, to whom others send those who order.
    fn reached_by(mut self, (token, entry): &(String, String)) -> Self {
        let path = self.path("conf/tokens.yaml");
        fs::write(&path, format!("tokens:\n{entry}")).expect("written");
        let lines = format!("dispatcher.bind-address: 0.0.0.0\ndispatcher.tokens: {path}\n");
        fs::write(self.path("conf/config.yaml"), self.here(CONFIGURATION) + &lines).expect("written");
        self.token.clone_from(token);
        self
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// As it is on this host.
    fn here(&self, text: &str) -> String {
        let quorum = QUORUMS.iter().fold(text.to_owned(), |text, quorum| text.replace(quorum, &self.quorum));
        let flink = home::flink_home("1.20.5");
        ports_replaced(&quorum, |port| match port {
            API | API_OF_SECOND => Some(self.api),
            ARTIFACTS | ARTIFACTS_OF_SECOND => Some(self.artifacts),
            MESOS => Some(self.mesos),
            _ => None,
        })
        .replace("/opt/flink/conf", &self.path("conf"))
        .replace("/opt/flink", flink.to_str().expect("UTF-8"))
        .replace("/opt/java", java().to_str().expect("UTF-8"))
        .replace("unix:/tmp/", &format!("unix:{}", self.path("")))
    }

    fn start(&self, service: &Service) -> Program {
        let mut own = vec![
            format!("--configDir={}", self.path("conf")),
            format!("-Ddispatcher.state-dir={}", self.path("state")),
            format!("-Ddispatcher.port={}", self.api),
        ];
        let mut words: Vec<_> = service.command.iter().map(|word| self.here(word)).collect();
        // Some name one already, which is here in the same place.
        own.retain(|option| !words.iter().any(|word| word == option));
        match words.iter().position(|word| word == "dispatcher") {
            Some(place) => drop(words.splice(place + 1..=place, own)),
            // In a line for a shell.
            None => {
                let more = format!("{PROGRAM} dispatcher {}", own.join(" "));
                words =
                    words.iter().map(|word| word.replace(&format!("{PROGRAM} dispatcher"), &more)).collect();
            }
        }
        let variables: Vec<_> =
            service.variables.iter().map(|(name, value)| (&**name, self.here(value))).collect();
        let path = format!("{}:/usr/bin:/bin", self.path("bin"));
        let mut command = Command::new(&words[0]);
        command.env("HOST", host());
        let variables = variables.iter().map(|(name, value)| (*name, &**value));
        let variables: Vec<_> = variables.chain([("PATH", &*path)]).collect();
        let words: Vec<_> = words[1..].iter().map(String::as_str).collect();
        Program::start_with(scratch(), command, &variables, &words)
    }

    /// Healthy in the eyes of whoever has started it.
    async fn until_healthy(&self, service: &Service, program: &Program) {
        let url = format!("http://127.0.0.1:{}{}", self.api, service.health);
        let is_healthy = async || (get(&url).await?.text().await.ok()?.trim() == "ok").then_some(());
        program.until("it is healthy", is_healthy).await;
    }

    /// What a command on the host prints; it must succeed.
    fn command(&self, service: &Service, words: &[&str]) -> String {
        // At a socket commands show no token, and one that does not lead sends on to where it is asked for.
        let address = match &*self.token {
            "" => self.here(&service.variable("FLINK_ON_MESOS_DISPATCHER")),
            _ => format!("http://127.0.0.1:{}", self.api),
        };
        let output = Command::new(binary())
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", address)
            .env("FLINK_ON_MESOS_TOKEN", &self.token)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn apply(&self, service: &Service, name: &str) -> String {
        fs::write(self.path("one.yaml"), session(name, "v1_20", super::MEMORY)).expect("written");
        self.command(service, &["apply", "-f", &self.path("one.yaml")])
    }

    async fn leads(&self) -> Option<()> {
        (self.readiness().await? == "ok\n").then_some(())
    }

    /// It knows who leads.
    async fn stands_by(&self) -> Option<()> {
        self.readiness().await?.ends_with(" leads\n").then_some(())
    }

    /// None while it is not ready.
    async fn readiness(&self) -> Option<String> {
        get(&format!("http://127.0.0.1:{}/readyz", self.api)).await?.text().await.ok()
    }
}

/// Every number in it that is replaced.
fn ports_replaced(text: &str, other: impl Fn(u16) -> Option<u16>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for character in text.chars() {
        let goes_on =
            parts.last().is_some_and(|part| part.ends_with(char::is_numeric) == character.is_numeric());
        match parts.last_mut() {
            Some(part) if goes_on => part.push(character),
            Some(_) | None => parts.push(character.to_string()),
        }
    }
    let replaced = |part: String| part.parse().ok().and_then(&other).map_or(part, |port| port.to_string());
    parts.into_iter().map(replaced).collect()
}

fn java() -> PathBuf {
    let program = fs::canonicalize(home::java().program()).expect("it is there");
    program.ancestors().nth(2).expect("a home").to_owned()
}

/// It is told to stop, and has as long as the examples give it.
async fn stop(mut program: Program) {
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().await.code(), Some(0), "{}", program.log_end());
    program.assert_nothing_left(crate::cluster::stop::SOON).await;
}

#[tokio::test]
async fn one_finds_its_clusters_again() {
    let mesos = Mesos::start().await;
    for (name, service) in examples::alone() {
        assert!(service.keeps_state, "{name}");
        let host = Host::new(&mesos, "");
        let program = host.start(&service);
        host.until_healthy(&service, &program).await;
        let applied = host.apply(&service, "one");
        assert!(applied.starts_with("one created, revision 1\n"), "{name}: {applied}");
        stop(program).await;
        let program = host.start(&service);
        host.until_healthy(&service, &program).await;
        assert!(host.command(&service, &["get", "one"]).contains("one"), "{name}");
        let files = fs::read_dir(host.path("state")).expect("a directory").count();
        assert!(files > 0, "{name}: the state is not where it is kept");
        stop(program).await;
    }
}

#[tokio::test]
async fn of_several_one_leads_and_another_one_follows() {
    let mesos = Mesos::start().await;
    let ensemble = Ensemble::start_with(1).await;
    let token = super::described::token("admin");
    for (number, (name, [first, second])) in examples::several().into_iter().enumerate() {
        // They are others than those of the example before.
        let quorum = format!("{}/{number}", ensemble.quorum());
        let hosts = [(); 2].map(|()| Host::new(&mesos, &quorum).reached_by(&token));
        let leader = hosts[0].start(&first);
        hosts[0].until_healthy(&first, &leader).await;
        leader.until("it leads", async || hosts[0].leads().await).await;
        let standby = hosts[1].start(&second);
        hosts[1].until_healthy(&second, &standby).await;
        standby.until("it stands by", async || hosts[1].stands_by().await).await;
        // Sent on to the one that leads.
        let applied = hosts[1].apply(&second, "one");
        assert!(applied.starts_with("one created, revision 1\n"), "{name}: {applied}");
        stop(leader).await;
        standby.until("the other one leads", async || hosts[1].leads().await).await;
        assert!(hosts[1].command(&second, &["get", "one"]).contains("one"), "{name}");
        assert_eq!(fs::read_dir(hosts[1].path("state")).expect("a directory").count(), 0, "{name}");
        stop(standby).await;
    }
}

/// As the examples find it in the `PATH`.
const PROGRAM: &str = "flink-on-mesos";
