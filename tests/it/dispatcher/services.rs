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
        let host = Self { files, api, artifacts, mesos: mesos.port, quorum: quorum.to_owned() };
        fs::write(host.path("conf/config.yaml"), host.here(CONFIGURATION)).expect("written");
        host
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// As it is on this host.
    fn here(&self, text: &str) -> String {
        let quorum = QUORUMS.iter().fold(text.to_owned(), |text, quorum| text.replace(quorum, &self.quorum));
        let flink = home::flink_home("1.20.5");
        // Each of several in one file has ports of its own.
        let ports = (0..2).fold(quorum, |text, more| {
            let text = text.replace(&(API + more).to_string(), &self.api.to_string());
            text.replace(&(ARTIFACTS + more).to_string(), &self.artifacts.to_string())
        });
        ports
            .replace("127.0.0.1:5050", &format!("127.0.0.1:{}", self.mesos))
            .replace("/opt/flink/conf", &self.path("conf"))
            .replace("/opt/flink", flink.to_str().expect("UTF-8"))
            .replace("/opt/java", java().to_str().expect("UTF-8"))
            .replace("unix:/tmp/", &format!("unix:{}", self.path("")))
    }

    fn start(&self, service: &Service) -> Program {
        let options = format!(
            "dispatcher --configDir={} -Ddispatcher.state-dir={} -Ddispatcher.port={}",
            self.path("conf"),
            self.path("state"),
            self.api
        );
        let mut words: Vec<_> = service.command.iter().map(|word| self.here(word)).collect();
        for word in &mut words {
            if word == "dispatcher" || word.contains("flink-on-mesos dispatcher") {
                *word = word.replacen("dispatcher", &options, 1).replacen("flink-on-mesos", PROGRAM, 1);
            }
        }
        // One word has become several where no shell parts them.
        let words: Vec<_> = match &words[..] {
            [shell, option, line] if shell == "bash" => vec![shell.clone(), option.clone(), line.clone()],
            words => words.iter().flat_map(|word| word.split(' ')).map(str::to_owned).collect(),
        };
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
        let output = Command::new(binary())
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", self.here(&service.variable("FLINK_ON_MESOS_DISPATCHER")))
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
        let url = format!("http://127.0.0.1:{}/readyz", self.api);
        (get(&url).await?.text().await.ok()? == "ok\n").then_some(())
    }
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
        assert_eq!(applied, "one created, revision 1\n", "{name}");
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
    for (number, (name, [first, second])) in examples::several().into_iter().enumerate() {
        // They are others than those of the example before.
        let quorum = format!("{}/{number}", ensemble.quorum());
        let hosts = [(); 2].map(|()| Host::new(&mesos, &quorum));
        let leader = hosts[0].start(&first);
        hosts[0].until_healthy(&first, &leader).await;
        leader.until("it leads", async || hosts[0].leads().await).await;
        let standby = hosts[1].start(&second);
        hosts[1].until_healthy(&second, &standby).await;
        assert!(hosts[1].leads().await.is_none(), "{name}: one leads already");
        // Sent on to the one that leads.
        assert_eq!(hosts[1].apply(&second, "one"), "one created, revision 1\n", "{name}");
        stop(leader).await;
        standby.until("the other one leads", async || hosts[1].leads().await).await;
        assert!(hosts[1].command(&second, &["get", "one"]).contains("one"), "{name}");
        assert_eq!(fs::read_dir(hosts[1].path("state")).expect("a directory").count(), 0, "{name}");
        stop(standby).await;
    }
}

/// As the examples find it in the `PATH`.
const PROGRAM: &str = "flink-on-mesos";
