//! A process that writes records until somebody kills it.

use std::io::Write as _;
use std::path::Path;

use records::directory::DirectoryRecords;
use records::suite::{Model, Script};
use records::{Records as _, Revision};

/// Goes on where the one before was killed, and prints each revision once it was told that it is durable.
pub fn run(arguments: &[&str]) -> u8 {
    let [directory, instance, seed] = arguments else { panic!("directory, instance and seed") };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(write(Path::new(directory), instance, seed.parse().expect("a number")))
}

async fn write(directory: &Path, instance: &str, seed: u64) -> u8 {
    let mut records = DirectoryRecords::open(directory, instance).await.expect("open");
    let loaded = records.load(None).await.expect("readable");
    let (mut model, mut script) = (Model::default(), Script::new(seed));
    while Revision(model.revision) < loaded.revision {
        let changes = script.next(&model);
        model.apply(&changes);
    }
    loop {
        let changes = script.next(&model);
        let revision = records.commit(&changes).await.expect("committed");
        model.apply(&changes);
        let mut out = std::io::stdout();
        let told = out.write_all(format!("{revision}\n").as_bytes()).and_then(|()| out.flush());
        if told.is_err() {
            return 0;
        }
    }
}
