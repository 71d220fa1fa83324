//! Programs that serve an API against their own description of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Enough to find what a first look does not; more is for those who have time.
const EXAMPLES_EACH: &str = "20";

/// With a configuration for `st`, and more options. What no schema can say is left out: the grammar of suppositions, what a
/// specification may say, and that 1.0 is no whole number here.
pub async fn run(url: &str, description: &str, configuration: &str, more: &[&str]) {
    let more: Vec<_> = more.iter().map(|&word| word.to_owned()).collect();
    let (url, description, configuration) =
        (url.to_owned(), format!("{url}{description}"), configuration.to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let scratch = tempfile::tempdir().expect("a directory");
        fs::write(scratch.path().join("schemathesis.toml"), configuration).expect("written");
        Command::new(program())
            // Where it is started it reads its configuration and leaves a cache.
            .current_dir(scratch.path())
            .args(["run", &description, "--url", &url])
            .args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"])
            .args(["--max-examples", EXAMPLES_EACH, "--no-color"])
            .args(more)
            .output()
            .expect("schemathesis starts")
    });
    let output = output.await.expect("no panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn program() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schemathesis");
    let output = Command::new(script).output().expect("scripts/schemathesis starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}
