//! A Flink without jars, and a java that stands in for its JVMs: for tests of what is beside them.

use std::fs;
use std::path::Path;

use crate::init::process::helper;

/// Below `root`: `flink`, `java` and `conf`.
pub fn lay_out(root: &Path) {
    for directory in ["flink/lib", "java/bin", "conf", "storage"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    fs::write(root.join("flink/lib/flink-dist-1.20.5.jar"), "").expect("written");
    fs::write(root.join("java/release"), "JAVA_VERSION=\"17.0.1\"\n").expect("written");
    fs::write(root.join("conf/config.yaml"), "jobmanager.memory.process.size: 1600m\n").expect("written");
    std::os::unix::fs::symlink(helper(), root.join("java/bin/java")).expect("a link");
}

/// The java options without which a stand-in does not know how to live.
pub fn java_options(root: &Path, seed: u64, short_lived: u64) -> String {
    let journal = root.join("journal").display().to_string();
    let options =
        [("journal", journal), ("seed", seed.to_string()), ("short-lived", short_lived.to_string())];
    options.map(|(name, value)| format!("-Dstand-in.{name}={value}")).join(" ")
}
