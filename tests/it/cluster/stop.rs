//! Every way a cluster ends, with its exit code, and that nothing is left.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::harness::{Cluster, Start};
use super::processes::Part;

/// After init has ended: it has waited for everything.
pub const AT_ONCE: Duration = Duration::ZERO;

/// For the kernel's signals to travel from a killed init down to the tasks' JVMs, through their shutdown hooks.
pub const SOON: Duration = Duration::from_secs(15);

/// SIGTERM: the code is the JobManager's, which is the JVM's 143, unless somebody wants another one for that.
pub async fn by_sigterm(mut cluster: Cluster, expected: i32) {
    cluster.program.signal(Signal::SIGTERM);
    ends_clean(&mut cluster, expected).await;
}

pub async fn by_rest(mut cluster: Cluster) {
    cluster.flink.shut_down().await.expect("an answer");
    ends_clean(&mut cluster, 0).await;
}

pub async fn by_teardown(mut cluster: Cluster) {
    cluster.order(&["teardown"]);
    ends_clean(&mut cluster, 0).await;
    let refused = cluster.command(&["status"]);
    assert_eq!(refused.status.code(), Some(69), "{refused:?}");
}

/// SIGKILL leaves init no time for anything: the kernel ends the rest.
pub async fn by_sigkill(mut cluster: Cluster) {
    cluster.program.signal(Signal::SIGKILL);
    assert_eq!(cluster.program.end().await.signal(), Some(9));
    cluster.program.assert_nothing_left(SOON).await;
}

async fn ends_clean(cluster: &mut Cluster, expected: i32) {
    let status = cluster.program.end().await;
    assert_eq!(status.code(), Some(expected), "{}", cluster.program.log_end());
    cluster.program.assert_nothing_left(AT_ONCE).await;
    assert_eq!(cluster.program.temporary_files(), Vec::<std::path::PathBuf>::new());
}

/// While the JVM still starts there is nothing to wait for.
#[tokio::test]
async fn a_cluster_can_be_stopped_while_it_starts() {
    let cluster = Cluster::start(&Start::default());
    cluster.program.until("the JVM is there", async || cluster.program.parts(Part::JobManager).pop()).await;
    by_sigterm(cluster, 143).await;
}

/// What is in a directory, with the times of change.
pub fn picture(directory: &std::path::Path) -> Vec<(std::ffi::OsString, Vec<u8>, std::time::SystemTime)> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
            (entry.file_name(), fs::read(entry.path()).expect("readable"), modified)
        })
        .collect();
    files.sort();
    files
}
