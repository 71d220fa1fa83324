//! What tasks have written, as `logs` prints it.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use flink::command::log4j::CONTAINER_PROPERTIES;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::MEMORY;
use super::site::{Site, get, looker, session};
use crate::cluster::harness::binary;

/// As much as each of its files has of a log that is rotated all the time.
const SMALL: &str = "20KB";

/// What both of Flink's processes write when they start.
const BEGINNING: &str = "Starting ";

/// `logs --follow` while it runs. It ends with the test.
struct Following {
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Following {
    fn start(site: &Site, words: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("logs").args(words).arg("--follow").env("FLINK_ON_MESOS_DISPATCHER", site.socket());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let printed = Arc::<Mutex<Vec<u8>>>::default();
        let (mut stdout, copy) = (child.stdout.take().expect("piped"), Arc::clone(&printed));
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut chunk) {
                copy.lock().expect("no panic").extend_from_slice(&chunk[..length]);
            }
        });
        Self { child, printed }
    }

    fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().expect("no panic")).into_owned()
    }

    async fn until_printed(&self, site: &Site, text: &str) {
        let prints = async || self.printed().contains(text).then_some(());
        site.program.until(&format!("it prints '{text}'"), prints).await;
    }

    /// Ctrl-C, and how it ends.
    async fn interrupt(self, site: &Site) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("it runs");
        let mut this = self;
        let status = site.mesos.until("it ends", async || this.child.try_wait().expect("a child")).await;
        status.signal()
    }

    /// Its code and all that it has printed.
    async fn end(mut self, site: &Site) -> (Option<i32>, String) {
        let status = site.mesos.until("it ends", async || self.child.try_wait().expect("a child")).await;
        (status.code(), self.printed())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The id of the only TaskManager's task.
async fn taskmanager(site: &Site, cluster: &str) -> String {
    let task = async || site.framework(cluster).await?["tasks"][0]["id"].as_str().map(str::to_owned);
    site.program.until("it has a TaskManager", task).await
}

#[tokio::test]
async fn logs_of_tasks_that_run_and_of_those_that_have_ended() {
    let mut site = Site::start(&[]).await;
    site.apply(&[&session("one", "v1_20", MEMORY)]);
    site.until_state("one", "running").await;
    site.until_slots("one", 1).await;
    let task = taskmanager(&site, "one").await;

    let printed = site.command(&["logs", "one"]);
    assert!(printed.contains("Starting StandaloneSessionClusterEntrypoint"), "{printed}");
    assert!(printed.starts_with(&site.command(&["logs", "one", "jobmanager"])[..1000]));
    let printed = site.command(&["logs", "one", &task[..task.len() - 1], "--stdout"]);
    assert!(printed.contains("Starting TaskManager"), "{printed}");
    assert!(site.command(&["logs", "one", "--stderr"]).contains("flink-on-mesos"));
    let last = site.command(&["logs", "one", &task, "--tail", "3"]);
    assert_eq!(last.lines().count(), 3, "{last}");

    for (words, code, error) in [
        (&["logs", "two"][..], 4, "there is no cluster two"),
        (&["logs", "one", "nothing"], 4, "there is no task whose id begins with \"nothing\""),
        (&["logs", "one", "--file", "no.log"], 4, "has no no.log, or it was removed"),
        (&["logs", "one", "--file", "../x.log"], 64, "is no log"),
        (&["logs", "one", "--file", "conf/config.yaml"], 64, "is no log"),
    ] {
        let (found, _, err) = site.try_command(words);
        assert_eq!((found, err.contains(error)), (Some(code), true), "{words:?}: {err}");
    }

    // A log that breaks off is not taken for a whole one.
    let cut = Following::start(&site, &["one", &task]);
    cut.until_printed(&site, BEGINNING).await;
    site.kill_dispatcher().await;
    let (code, printed) = cut.end(&site).await;
    assert_eq!(code, Some(69), "{printed}");
    site.start_again().await;
    let again = async || (site.try_command(&["logs", "one", &task]).0 == Some(0)).then_some(());
    site.program.until("its AppMaster has told of its framework again", again).await;

    let following = Following::start(&site, &["one", &task]);
    following.until_printed(&site, BEGINNING).await;
    let jobmanager = site.describe("one").expect("it is there")["attempts"][0]["task_id"].clone();
    site.command(&["suspend", "one", "--force"]);
    let (code, printed) = following.end(&site).await;
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(printed, site.command(&["logs", "one", &task]), "what was followed is what there is");
    let jobmanager = jobmanager.as_str().expect("a text");
    assert_eq!(site.command(&["logs", "one"]), site.command(&["logs", "one", jobmanager]));
}

/// What Flink itself shows at this path below its REST address.
async fn of_flink(site: &Site, cluster: &str, path: &str) -> String {
    let framework = site.framework(cluster).await.expect("it runs");
    let url = format!("{}{path}", framework["webui_url"].as_str().expect("an address"));
    let shown = async || get(&url).await?.text().await.ok().filter(|text| !text.is_empty());
    site.program.until(&format!("Flink shows {path}"), shown).await
}

/// A session whose log is rotated all the time.
fn talkative(name: &str) -> String {
    let properties = CONTAINER_PROPERTIES
        .replace("${sys:log.file.size:-50MB}", SMALL)
        .replace("${env:MAX_LOG_FILE_NUMBER:-10}", "1000")
        .replace("rootLogger.level = ${env:ROOT_LOG_LEVEL:-INFO}", "rootLogger.level = DEBUG");
    let lines: String = properties.lines().map(|line| format!("      {line}\n")).collect();
    format!("{}  logConfiguration:\n    log4j-console.properties: |\n{lines}", session(name, "v1_20", MEMORY))
}

fn counted(lines: &[&str]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry((*line).to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn flinks_own_log_is_shown_by_flink_and_followed_through_rotations() {
    let files = tempfile::tempdir().expect("a directory");
    let site = Site::start(&[looker(files.path(), "look")]).await;
    site.apply(&[&session("quiet", "v1_20", MEMORY), &talkative("talkative")]);
    site.until_state("talkative", "running").await;
    let task = taskmanager(&site, "talkative").await;
    let log = ["talkative", &task, "--file", "flink.log"];
    let begun = async || (site.try_command(&[&["logs"], &log[..]].concat()).0 == Some(0)).then_some(());
    site.program.until("its TaskManager logs", begun).await;
    let following = Following::start(&site, &log);
    let visitor = Following::start(&site, &log);

    site.until_slots("quiet", 1).await;
    site.until_slots("talkative", 1).await;
    let quiet = taskmanager(&site, "quiet").await;
    let printed = site.command(&["logs", "quiet", "--file", "flink.log"]);
    assert!(printed.contains("Starting StandaloneSessionClusterEntrypoint"), "{printed}");
    assert!(of_flink(&site, "quiet", "/jobmanager/log").await.starts_with(&printed[..1000]));
    let stdout = site.command(&["logs", "quiet"]);
    assert!(of_flink(&site, "quiet", "/jobmanager/stdout").await.starts_with(&stdout[..1000]));
    let of_task = site.command(&["logs", "quiet", &quiet, "--file", "flink.log"]);
    let own = format!("/taskmanagers/{quiet}");
    assert!(of_flink(&site, "quiet", &format!("{own}/log")).await.starts_with(&of_task[..1000]));
    assert!(of_flink(&site, "quiet", &format!("{own}/stdout")).await.contains("Starting TaskManager"));

    // Whoever may look at clusters may look at their logs.
    let url = format!("{}/v1/clusters/quiet/logs?file=flink.log&length=20", site.url());
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.get(&url).bearer_auth("look").send().await.expect("it answers");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("a text"), printed[..20]);
    let answer = client.get(&url).bearer_auth("forged").send().await.expect("it answers");
    assert_eq!(answer.status(), 401);

    assert_eq!(visitor.interrupt(&site).await, Some(Signal::SIGINT as i32));
    site.command(&["suspend", "talkative", "--force"]);
    let (code, printed) = following.end(&site).await;
    assert_eq!(code, Some(0), "{printed}");
    site.command(&["logs", "talkative", &task, "--file", "flink.log.3"]);
    let all = site.command(&["logs", "talkative", &task]);
    let (printed, all): (Vec<_>, Vec<_>) = (printed.lines().collect(), all.lines().collect());
    // Threads that write at the same time do so in another order in each of the two.
    let begin = all.iter().position(|line| *line == printed[0]).expect("what was followed is there");
    let (printed_counts, all_counts) = (counted(&printed), counted(&all[begin.saturating_sub(20)..]));
    // At the end of a JVM Log4j stops one appender after the other, so the last lines may be in one of the two alone.
    let end = all.len().saturating_sub(20).max(begin + 20);
    for (line, count) in counted(&all[begin + 20..end]) {
        assert!(printed_counts.get(&line).is_some_and(|printed| *printed >= count), "lost: {line}");
    }
    for (line, count) in counted(&printed[..printed.len().saturating_sub(20)]) {
        assert!(all_counts.get(&line).is_some_and(|all| *all >= count), "told twice: {line}");
    }
    assert!(printed.len() > 200, "{} lines", printed.len());
}
