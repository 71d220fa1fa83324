//! Stock Flink distributions, and the java that runs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use flink::java::{JavaCandidates, JavaHome};

/// The home of a stock Flink; `scripts/flink` installs it when it is missing.
pub fn flink_home(version: &str) -> PathBuf {
    /// Two tests must not install the same version at the same time.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/flink");
    let output = Command::new(&script).arg(version).output().expect("scripts/flink starts");
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    let home = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim_end());
    assert!(home.join("lib").is_dir(), "{} has no lib", home.display());
    home
}

/// Compiles a source of this repository against a distribution, into `classes`.
pub fn compile(source: &str, class_path: &str, classes: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let output = Command::new("javac")
        .arg("-d")
        .arg(classes)
        .args(["-classpath", class_path])
        .arg(&source)
        .output()
        .expect("javac starts");
    assert!(output.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&output.stderr));
}

/// Packs a job that consists of one class, with its inner ones, into `jar`.
pub fn job_jar(source: &str, class_path: &str, jar: &Path) {
    let classes = jar.with_extension("classes");
    compile(source, class_path, &classes);
    let main_class = Path::new(source).file_stem().and_then(|name| name.to_str()).expect("a class name");
    let output = Command::new("jar")
        .args(["--create", "--main-class", main_class, "--file"])
        .arg(jar)
        .arg("-C")
        .args([&classes, Path::new(".")])
        .output()
        .expect("jar starts");
    assert!(output.status.success(), "{}: {}", jar.display(), String::from_utf8_lossy(&output.stderr));
}

/// The java in the PATH.
pub fn java() -> JavaHome {
    let search_path = std::env::var_os("PATH");
    let candidates = JavaCandidates { search_path: search_path.as_deref(), ..JavaCandidates::default() };
    JavaHome::find(candidates).expect("java")
}
