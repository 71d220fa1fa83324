//! The dispatcher's API against its own description, as somebody who may do everything and as somebody who may only look.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::site::{Site, session};
use crate::cluster::harness::binary;
use crate::schemathesis;

const DESCRIPTION: &str = "/openapi.json";

/// Clusters that are there, though orders end them. Everything is tried with others too.
const CONFIGURATION: &str = r#"
[dictionaries.clusters]
values = ["one", "two"]

[parameters]
"path.name" = { dictionary = "clusters", probability = 0.7 }
"#;

/// They are there again after so long at most.
const APPLY_EVERY: Duration = Duration::from_millis(500);

#[tokio::test]
async fn keeps_to_its_description_whatever_comes() {
    let files = tempfile::tempdir().expect("a directory");
    let path = files.path().join("tokens.yaml");
    let tokens = ["admin", "view"].map(token);
    let entries = tokens.each_ref().map(|(_, entry)| entry.as_str()).concat();
    write(&path, &format!("tokens:\n{entries}"));
    let site = Site::without_agents(&[format!("dispatcher.tokens: {}", path.display())]).await;
    for (token, _) in &tokens {
        let header = format!("Authorization: Bearer {token}");
        // Each order is on the disk before it is answered: half as many as elsewhere.
        let (url, more) = (site.url(), ["--header", &header, "--max-examples", "10"]);
        tokio::select! {
            () = schemathesis::run(&url, DESCRIPTION, CONFIGURATION, &more) => {}
            () = keep_clusters(&site) => {}
        }
    }
    let log = site.program.log();
    assert!(!log.contains("panicked") && !log.contains("init: dispatcher"), "{}", site.program.log_end());
}

async fn keep_clusters(site: &Site) {
    let manifests = ["one", "two"].map(|name| session(name, "v1_20", super::MEMORY));
    let manifests: Vec<_> = manifests.iter().map(String::as_str).collect();
    loop {
        // One that is being deleted is refused.
        site.try_apply(&manifests);
        tokio::time::sleep(APPLY_EVERY).await;
    }
}

/// A token with this role, and its entry.
pub fn token(role: &str) -> (String, String) {
    let output =
        Command::new(binary()).args(["token", "--name", role, "--role", role]).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout).trim().to_owned(), text(output.stderr))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}
