//! What `docker build` would find, where no registry is: the stages that `scripts/image` gives images of its own for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("readable")
}

/// Sources of `COPY` from this repository.
fn copied(stage: &str) -> Vec<String> {
    let dockerfile = read("image/Dockerfile");
    let stage =
        dockerfile.split("\nFROM ").find(|text| text.lines().next().unwrap_or_default().ends_with(stage));
    let lines = stage.expect("a stage").lines().filter_map(|line| line.strip_prefix("COPY "));
    lines
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            words[..words.len() - 1].to_vec()
        })
        .collect()
}

#[test]
fn what_is_copied_is_there_and_not_left_out() {
    let ignore = read("image/Dockerfile.dockerignore");
    let admitted: BTreeSet<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for stage in ["AS compiled", "AS downloaded", "AS java", "AS files"] {
        for source in copied(stage) {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&source).exists(), "{source} is not there");
            let is_admitted = admitted.iter().any(|path| Path::new(&source).starts_with(path));
            assert!(is_admitted, "{source} is left out by Dockerfile.dockerignore");
        }
    }
}

#[test]
fn the_compiler_gets_all_that_cargo_reads() {
    let copied = copied("AS compiled");
    for source in [".cargo", "Cargo.toml", "Cargo.lock", "src"] {
        assert!(copied.iter().any(|other| other == source), "{source}: {copied:?}");
    }
    // Of targets that are not built cargo wants to see the file.
    let manifest = read("Cargo.toml");
    for path in manifest.lines().filter_map(|line| line.strip_prefix("path = \"")) {
        let path = path.trim_end_matches('"');
        let is_copied = copied.iter().any(|other| Path::new(path).starts_with(other));
        assert!(is_copied, "{path}: {copied:?}");
    }
}
