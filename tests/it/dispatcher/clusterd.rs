//! `mesos flink …`: the plug-in for ClusterD's command line, used as that uses it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::site::{Site, session};
use crate::cluster::harness::binary;

/// What it reads of a plug-in.
#[derive(serde::Deserialize)]
struct Manifest {
    name: String,
    description: String,
    executable: PathBuf,
}

/// One who has this program in the `PATH`.
struct User {
    /// Where the user is.
    home: tempfile::TempDir,
    plugin: PathBuf,
    executable: PathBuf,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir(home.path().join("bin")).expect("a directory");
        symlink(binary(), home.path().join("bin/flink-on-mesos")).expect("a link");
        let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("image/clusterd/flink");
        let text = fs::read_to_string(plugin.join("plugin.toml")).expect("a manifest");
        let Manifest { name, description, executable } = toml::from_str(&text).expect("all it needs");
        assert!(name == "flink" && !description.is_empty() && executable.is_relative());
        let executable = plugin.join(executable);
        let mode = fs::metadata(&executable).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "everybody can execute it");
        Self { home, plugin, executable }
    }

    /// With arguments, standard streams and environment handed on, and the plug-in's directory as the current one.
    fn mesos_flink(&self, dispatcher: &str, words: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut child = Command::new(&self.executable)
            .args(words)
            .current_dir(&self.plugin)
            .env("PATH", format!("{}:/usr/bin:/bin", self.home.path().join("bin").display()))
            .env("PWD", self.home.path())
            .env("FLINK_ON_MESOS_DISPATCHER", dispatcher)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // Who reads no input may have ended.
        let _is_read = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

#[tokio::test]
async fn a_user_of_clusterd_orders_clusters() {
    let site = Site::without_agents(&[]).await;
    let (user, dispatcher) = (User::new(), site.socket());
    let mesos_flink = |words: &[&str], input: &str| user.mesos_flink(&dispatcher, words, input);
    fs::write(user.home.path().join("one.yaml"), session("one", "v1_20", super::MEMORY)).expect("written");
    // By a name from where the user is, and by a pipe.
    for (words, input, name) in [
        (["apply", "-f", "one.yaml"], String::new(), "one"),
        (["apply", "-f", "-"], session("two", "v1_20", super::MEMORY), "two"),
    ] {
        let (code, out, err) = mesos_flink(&words, &input);
        let is_created = out.starts_with(&format!("{name} created, revision 1\n"));
        assert!(code == Some(0) && is_created, "{out}{err}");
    }
    let (code, out, err) = mesos_flink(&["get", "-o", "json"], "");
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    let clusters: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!([&clusters[0]["name"], &clusters[1]["name"]], ["one", "two"], "{out}");
    let (code, out, err) = mesos_flink(&["describe", "three"], "");
    assert!(
        code.is_some_and(|code| code != 0) && out.is_empty() && err.contains("three"),
        "{code:?} {out}{err}"
    );
    let (code, out, _) = mesos_flink(&["--help"], "");
    assert!(code == Some(0) && out.contains("Usage: flink-on-mesos"), "{out}");
}
