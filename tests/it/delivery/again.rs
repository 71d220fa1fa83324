//! What agents keep: for the next AppMaster, and not when it is no longer what it was.

use std::fs::{self, File};
use std::path::PathBuf;

use super::{fetched, files_below};
use crate::cluster::harness::{Cluster, Program, Start};
use crate::cluster::masters::start_mesos;
use crate::cluster::stop;
use crate::ports::{free_ports, free_range};

#[tokio::test]
async fn the_next_appmaster_has_the_same_addresses_and_what_was_cut_off_is_refused() {
    let [port] = free_ports();
    let mesos = start_mesos(port, &free_range(4)).await;
    let first = start(port);
    first.until_slots(1, 1).await;
    let address = address(&first);
    assert_eq!(fetched(&first.program.log(), "flink.tar"), 1);
    assert!(has_unpacked(&mesos), "it runs from there");
    stop::by_sigterm(first, 143).await;
    mesos.until("the task removes what it unpacked", async || (!has_unpacked(&mesos)).then_some(())).await;
    assert!(files_below(mesos.path()).iter().any(|path| path.ends_with("stderr")), "its output stays");

    let second = start(port);
    second.until_slots(1, 1).await;
    assert_eq!(self::address(&second), address);
    assert_eq!(fetched(&second.program.log(), "flink.tar"), 0, "{}", second.program.log_end());
    stop::by_sigterm(second, 143).await;

    // As a disk that lost its last block would have it.
    let kept = kept_flink(&mesos);
    let length = fs::metadata(&kept).expect("there").len();
    File::options().write(true).open(&kept).and_then(|file| file.set_len(length - 512)).expect("cut");
    let third = start(port);
    let refusal = "flink.tar is not what the AppMaster serves: it was cut off or changed on the way";
    let refused = async || {
        let logs = files_below(mesos.path()).into_iter().filter(|path| path.ends_with("stderr"));
        logs.into_iter().find(|log| fs::read_to_string(log).is_ok_and(|text| text.contains(refusal)))
    };
    third.program.until("the task refuses it", refused).await;
    stop::by_sigterm(third, 143).await;
}

/// With a name and so a port of its own, of which nothing else is said.
fn start(port: u16) -> Cluster {
    Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[
            ("mesos.master", &format!("127.0.0.1:{port}")),
            ("mesos.resourcemanager.framework.name", &format!("again-{port}")),
            ("mesos.resourcemanager.tasks.delivery", "flink"),
        ],
        ..Start::default()
    })
}

/// Whether a sandbox holds a Flink.
fn has_unpacked(mesos: &Program) -> bool {
    let is_flink = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("flink-dist"))
    };
    files_below(mesos.path()).iter().any(is_flink)
}

fn address(cluster: &Cluster) -> String {
    let log = cluster.program.log();
    let after = log.split("that agents will fetch from ").nth(1).expect("it was read");
    after.split_whitespace().next().expect("an address").to_owned()
}

/// The largest file that the agent keeps.
fn kept_flink(mesos: &Program) -> PathBuf {
    let is_kept = |path: &PathBuf| {
        let digest = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let kept = files_below(mesos.path()).into_iter().filter(is_kept);
    kept.max_by_key(|path| fs::metadata(path).map_or(0, |metadata| metadata.len())).expect("a cache")
}
