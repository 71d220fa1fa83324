//! What tasks have written, as `logs` prints it.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use super::MEMORY;
use super::site::{Site, session};
use crate::cluster::harness::binary;

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

    /// Its code and all that it has printed.
    async fn end(mut self, site: &Site) -> (Option<i32>, String) {
        let status = site.program.until("it ends", async || self.child.try_wait().expect("a child")).await;
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
    let site = Site::start(&[]).await;
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
        (&["logs", "two"][..], 69, "there is no cluster two"),
        (&["logs", "one", "nothing"], 69, "there is no task that begins with \"nothing\""),
        (&["logs", "one", "--file", "no.log"], 69, "has no no.log, or it was removed"),
        (&["logs", "one", "--file", "../x.log"], 64, "is no log"),
        (&["logs", "one", "--file", "conf/config.yaml"], 64, "is no log"),
    ] {
        let (found, _, err) = site.try_command(words);
        assert_eq!((found, err.contains(error)), (Some(code), true), "{words:?}: {err}");
    }

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
