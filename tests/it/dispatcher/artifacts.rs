//! Artifacts: files that are pushed to the dispatcher, from which applications run.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};

use base::digest::Digest;
use serde_json::Value;

use super::browser::{dispatcher, peak_kb};
use super::several;
use super::site::{Site, get, session};
use crate::cluster::application::jar_for;
use crate::delivery::files_below;
use crate::flink::home;
use crate::ha::ensemble::Ensemble;
use crate::mount::Mount;

/// Of the largest file.
const LARGE_MIB: u64 = 600;

/// What the dispatcher may take for it.
const MAX_MORE_KB: usize = 16 << 10;

fn application(name: &str, version: &str, uri: &str) -> String {
    let job =
        format!("  job: {{jarURI: \"{uri}\", entryClass: CountJob, parallelism: 1, args: [\"1000\"]}}\n");
    session(name, version, super::MEMORY) + &job
}

fn push(site: &Site, file: &str) -> String {
    site.command(&["artifact", "push", file]).trim().to_owned()
}

fn listed(site: &Site) -> Vec<Value> {
    let text = site.command(&["artifact", "list", "-o", "json"]);
    serde_json::from_str(&text).expect("a list")
}

/// Where artifacts are unless the configuration says otherwise.
fn directory(site: &Site) -> PathBuf {
    Path::new(&site.conf()).parent().expect("a parent").join("state/artifacts")
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).map(|entries| entries.flatten().collect::<Vec<_>>());
    entries.unwrap_or_default().iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn applications_run_from_artifacts_that_stay_as_long_as_they_are_referred_to() {
    let oldest = format!("dispatcher.flink.1.17: {}", home::flink_home("1.17.2").display());
    let private = "dispatcher.artifacts.allow-private-addresses: true".to_owned();
    let site = Site::start(&[oldest, private]).await;
    let jars = tempfile::tempdir().expect("a directory");
    let missing = format!("artifact://{}", Digest::of("nothing"));
    let text = site.refused(&application("old", "v1_20", &missing));
    assert!(text.contains("there is no artifact") && text.contains("push it first"), "{text}");
    let text = site.refused(&application("old", "v1_20", "file:///etc/hosts"));
    assert!(text.contains("spec.job.jarURI") && text.contains("found `file:///etc/hosts`"), "{text}");

    let uris =
        ["1.20.5", "2.3.0", "1.17.2"].map(|version| push(&site, &jar_for(version, "CountJob", jars.path())));
    assert!(uris[0].starts_with("artifact://") && uris[0].ends_with("/CountJob.jar"), "{uris:?}");
    site.apply(&[&application("old", "v1_20", &uris[0]), &application("new", "v2_3", &uris[1])]);
    site.apply(&[&application("oldest", "v1_17", &uris[2])]);
    // Any server will do.
    let digest = uris[1]["artifact://".len()..].split('/').next().expect("a digest");
    let served = format!("{}/v1/artifacts/{digest}", site.url());
    site.apply(&[&application("served", "v2_3", &served)]);
    for (name, uri) in ["old", "new", "oldest"].into_iter().zip(&uris) {
        site.until_state(name, "finished").await;
        assert_eq!(site.attempts(name), [1], "{}", site.program.log_end());
        let found =
            listed(&site).into_iter().find(|artifact| artifact["uri"] == **uri).expect("it is listed");
        assert!(
            found["used_by"].as_array().is_some_and(|clusters| clusters.contains(&name.into())),
            "{found}"
        );
    }
    site.until_state("served", "finished").await;
    let (code, _, err) = site.try_command(&["artifact", "rm", &uris[0]]);
    assert!(code == Some(3) && err.contains("is referred to by cluster"), "{err}");
    for name in ["old", "new", "oldest", "served"] {
        site.command(&["delete", name]);
        site.until_gone(name).await;
    }
    for artifact in listed(&site) {
        site.command(&["artifact", "rm", artifact["digest"].as_str().expect("a digest")]);
    }
    assert!(files(&directory(&site)).is_empty());
    let audit = site.command(&["audit"]);
    assert!(audit.contains("push_artifact") && audit.contains("remove_artifact"), "{audit}");
}

#[tokio::test]
async fn a_jar_that_was_damaged_runs_nowhere_and_the_next_attempt_goes_on_with_a_good_one() {
    let site = Site::start(&[]).await;
    let jars = tempfile::tempdir().expect("a directory");
    let jar = jar_for("2.3.0", "CountJob", jars.path());
    let uri = push(&site, &jar);
    let digest = &uri["artifact://".len()..][..64];
    let kept = directory(&site).join(digest);
    fs::write(&kept, "damaged").expect("written");
    site.apply(&[&application("orders", "v2_3", &uri)]);
    let told = format!("is not artifact {digest}: it has the SHA-256 {}", Digest::of("damaged"));
    let is_told = async || {
        let logs = files_below(site.mesos.path()).into_iter().filter(|path| path.ends_with("stderr"));
        let mut texts = logs.filter_map(|path| fs::read_to_string(path).ok());
        texts.any(|text| text.contains(&told)).then_some(())
    };
    site.mesos.until("its AppMaster has refused it", is_told).await;
    site.program
        .until("another one is tried", async || (site.attempts("orders").len() > 1).then_some(()))
        .await;
    fs::copy(&jar, &kept).expect("copied");
    site.until_state("orders", "finished").await;
}

/// A connection on which an upload has begun of which more is announced.
fn begun(site: &Site, content: &str) -> TcpStream {
    let host = site.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).expect("a connection");
    let digest = Digest::of(content);
    let head = format!(
        "PUT /v1/artifacts/{digest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n",
        content.len() + 1
    );
    stream.write_all(&[head.as_bytes(), content.as_bytes()].concat()).expect("sent");
    stream
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    let mut site = Site::without_agents(&[]).await;
    let directory = directory(&site);
    let is_coming = async || files(&directory).iter().any(|name| name.starts_with(".coming-")).then_some(());
    let is_empty = async || files(&directory).is_empty().then_some(());

    let stream = begun(&site, "half");
    site.program.until("the upload has begun", is_coming).await;
    stream.shutdown(Shutdown::Both).expect("closed");
    site.program.until("nothing of it is left", is_empty).await;

    let stream = begun(&site, "half");
    site.program.until("the upload has begun", is_coming).await;
    site.kill_dispatcher().await;
    assert_eq!(files(&directory).len(), 1);
    site.start_again().await;
    assert_eq!(files(&directory), Vec::<String>::new());
    drop(stream);

    let url = format!("{}/v1/artifacts/{}", site.url(), Digest::of("one"));
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.put(url).body("other").send().await.expect("an answer");
    assert_eq!(answer.status(), 422);
    let text = answer.text().await.expect("a text");
    assert!(
        [Digest::of("one"), Digest::of("other")].iter().all(|digest| text.contains(&digest.to_string())),
        "{text}"
    );
    assert_eq!(files(&directory), Vec::<String>::new());
}

#[tokio::test]
async fn a_large_file_takes_no_memory() {
    let site = Site::without_agents(&[]).await;
    let files = tempfile::tempdir().expect("a directory");
    let large = files.path().join("large.jar");
    let mut file = File::create(&large).expect("created");
    file.set_len(LARGE_MIB << 20).expect("long");
    file.write_all(b"begin").expect("written");
    let small = files.path().join("small.jar");
    fs::write(&small, "small").expect("written");
    push(&site, small.to_str().expect("UTF-8"));

    let process = dispatcher(&site);
    fs::write(format!("/proc/{}/clear_refs", process.pid), "5").expect("the peak is forgotten");
    let before = peak_kb(process);
    let uri = push(&site, large.to_str().expect("UTF-8"));
    let pushed = peak_kb(process);
    let digest = &uri["artifact://".len()..][..64];
    let mut stream = TcpStream::connect(site.url().trim_start_matches("http://")).expect("a connection");
    write!(stream, "GET /v1/artifacts/{digest} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        match stream.read(&mut buffer).expect("more") {
            0 => break,
            count => read += count as u64,
        }
    }
    assert!(read > LARGE_MIB << 20, "{read} bytes");
    let fetched = peak_kb(process);
    println!(
        "{LARGE_MIB} MiB: {before} kB before, {pushed} kB with the upload, {fetched} kB with the download"
    );
    assert!(fetched < before + MAX_MORE_KB, "{before} kB, {pushed} kB, {fetched} kB");
    // It need not come again.
    let again = push(&site, large.to_str().expect("UTF-8"));
    assert_eq!(again, uri);
}

#[tokio::test]
async fn a_full_disk_is_told_and_harms_nobody() {
    let disk = tempfile::tempdir().expect("a directory");
    let _mount = Mount::tmpfs(disk.path(), 1024);
    let line = format!("dispatcher.artifacts.dir: {}", disk.path().display());
    let site = Site::without_agents(&[line]).await;
    let files_here = tempfile::tempdir().expect("a directory");
    let file = files_here.path().join("a.jar");
    fs::write(&file, vec![1; 2 << 20]).expect("written");
    let (code, out, err) = site.try_command(&["artifact", "push", file.to_str().expect("UTF-8")]);
    let told = format!("cannot write artifacts in {}: No space left on device", disk.path().display());
    assert!(code == Some(69) && err.contains(&told), "{out}{err}");
    assert_eq!(files(disk.path()), Vec::<String>::new());
    site.apply(&[&session("one", "v1_20", super::MEMORY)]);
    assert!(site.describe("one").is_some());
    fs::write(&file, "small").expect("written");
    push(&site, file.to_str().expect("UTF-8"));
}

#[tokio::test]
async fn what_nothing_refers_to_goes_after_its_grace() {
    let site = Site::without_agents(&["dispatcher.artifacts.grace: 1 s".to_owned()]).await;
    let files = tempfile::tempdir().expect("a directory");
    let uris = ["one", "two"].map(|content| {
        let file = files.path().join(content);
        fs::write(&file, content).expect("written");
        let uri = push(&site, file.to_str().expect("UTF-8"));
        if content == "one" {
            site.apply(&[&application("orders", "v1_20", &uri)]);
        }
        uri
    });
    let left = async |count: usize| {
        let is_so = async || (listed(&site).len() == count).then_some(());
        site.program.until(&format!("{count} are left"), is_so).await;
    };
    left(1).await;
    assert_eq!(listed(&site)[0]["uri"], uris[0]);
    site.command(&["delete", "orders"]);
    site.until_gone("orders").await;
    left(0).await;
    assert!(self::files(&directory(&site)).is_empty());
}

#[tokio::test]
async fn every_dispatcher_has_what_was_pushed_to_one() {
    let ensemble = Ensemble::start().await;
    let mut first = Site::without_agents(&several::lines(&ensemble)).await;
    first.program.until("it leads", async || several::leads(&first).await.then_some(())).await;
    let second = first.beside(&several::lines(&ensemble)).await;
    let file = directory(&second).with_file_name("orders.jar");
    fs::create_dir_all(file.parent().expect("a parent")).expect("created");
    fs::write(&file, "a jar").expect("written");
    let uri = push(&second, file.to_str().expect("UTF-8"));
    let digest = Digest::of("a jar");
    assert_eq!(uri, format!("artifact://{digest}/orders.jar"));
    assert_eq!((files(&directory(&first)).len(), files(&directory(&second)).len()), (2, 0));

    let answer =
        get(&format!("{}/v1/artifacts/{digest}", second.url())).await.expect("it has it from the other");
    assert_eq!(answer.text().await.expect("a text"), "a jar");
    assert_eq!(files(&directory(&second)).len(), 2);
    first.kill_dispatcher().await;
    second.program.until("it leads", async || several::leads(&second).await.then_some(())).await;
    second.apply(&[&application("orders", "v1_20", &uri)]);
    assert_eq!(listed(&second)[0]["used_by"], serde_json::json!(["orders"]));
    assert_eq!(listed(&second)[0]["name"], "orders.jar");
}
