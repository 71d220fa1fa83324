//! `mesos-session.sh` as people type it: a link to the program.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::MEMORY;
use super::site::Site;
use crate::cluster::harness::binary;

/// It ends with the test.
struct Script {
    child: Child,
    /// With the link, and what it says.
    directory: TempDir,
}

impl Script {
    fn start(site: &Site, words: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let link = directory.path().join("mesos-session.sh");
        symlink(binary(), &link).expect("a link");
        let said = File::create(directory.path().join("said")).expect("a file");
        let mut command = Command::new(link);
        command.args(words).env("FLINK_ON_MESOS_DISPATCHER", site.url()).stdin(Stdio::piped());
        command.stderr(said.try_clone().expect("a descriptor")).stdout(said);
        Self { child: command.spawn().expect("it starts"), directory }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("said")).expect("UTF-8")
    }

    async fn until_said(&self, site: &Site, text: &str) {
        let says = async || self.said().contains(text).then_some(());
        site.program.until(&format!("the script says '{text}'"), says).await;
    }

    fn order(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{line}").expect("it reads");
    }

    /// Its code and what it said.
    async fn end(mut self, site: &Site) -> (Option<i32>, String) {
        let status =
            site.program.until("the script ends", async || self.child.try_wait().expect("a child")).await;
        (status.code(), self.said())
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Before its AppMaster tells, nobody ends it by mistake.
async fn until_no_job_runs(site: &Site, name: &str) {
    let told = async || site.describe(name)?["appmasters"][0]["jobs_running"].as_u64();
    assert_eq!(site.program.until("its AppMaster tells of jobs", told).await, 0);
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_script_or_the_word_stop() {
    let site = Site::start(&[]).await;
    let memory = MEMORY.to_string();
    let create = ["-n", "1", "-s", "1", "-jm", &memory, "-tm", &memory, "-fv", "v1_20"];
    let mut first = Script::start(&site, &[&create[..], &["-nm", "one"]].concat());
    first.until_said(&site, "one is running").await;
    first.until_said(&site, &format!("JobManager Web Interface: {}/ui/one/", site.url())).await;
    site.until_slots("one", 1).await;
    first.order("go");
    first.until_said(&site, "`go` is unknown").await;

    // Whoever visits leaves with the end of stdin, and the cluster goes on.
    let mut visitor = Script::start(&site, &["-id", "one"]);
    visitor.until_said(&site, "one is running").await;
    drop(visitor.child.stdin.take());
    assert_eq!(visitor.end(&site).await.0, Some(0));
    assert_eq!(site.describe("one").expect("it is there")["cluster"]["state"], "running");

    until_no_job_runs(&site, "one").await;
    let mut visitor = Script::start(&site, &["-id", "one"]);
    visitor.order("stop");
    drop(visitor.child.stdin.take());
    for script in [visitor, first] {
        let (code, said) = script.end(&site).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("one has been deleted"), "{said}");
    }
    site.until_nothing_runs().await;

    let second = Script::start(&site, &create[..create.len() - 2]);
    second.until_said(&site, " is starting").await;
    let said = second.said();
    let name = said.split_whitespace().next().expect("it says the name");
    let described = site.describe(name).expect("it is there");
    assert_eq!(described["cluster"]["flink_version"], "v2_3", "the newest");
    until_no_job_runs(&site, name).await;
    second.interrupt();
    let (code, said) = second.end(&site).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("session-") && said.contains("has been deleted"), "{said}");

    let detached = Script::start(&site, &[&create[..], &["-d", "-nm", "three"]].concat());
    let (code, said) = detached.end(&site).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("`echo stop | mesos-session.sh -id three`"), "{said}");
    site.command(&["delete", "three"]);
    site.until_gone("three").await;
    site.until_nothing_runs().await;

    let (code, said) = Script::start(&site, &["-id", "three"]).end(&site).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("three"), "{said}");
}
