//! A process that SIGKILL does not end: in a frozen control group it is in uninterruptible sleep, as one that waits for a
//! disk which is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::skips::{Missing, skip};

use super::process::{Place, Running, binary, children, command, helper, is_alive, state, until};

#[test]
fn the_end_comes_though_a_process_does_not_end() {
    let Some(freezer) = Freezer::new() else {
        return skip(
            Missing::OfMachine,
            "no right to freeze processes, or no control group of the first version",
        );
    };
    let mut command = command(Place::Below, binary());
    command.args(["exec", "--grace", "200ms", "--"]).arg(helper()).arg("sleep");
    let mut running = Running::start(Place::Below, command);
    running.expect_line("ready");
    let init = running.pid();
    let [program] = children(init)[..] else { panic!("one child") };
    freezer.freeze(program);
    assert_eq!(state(program), Some('D'));
    let begin = Instant::now();
    running.signal(Signal::SIGTERM);
    until("init to end", || (!is_alive(init)).then_some(()));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(state(program), Some('D'));
    // It shares the outputs, which are read to their end.
    freezer.thaw();
    let finished = running.finish();
    assert_eq!(finished.code(), 137);
    assert!(finished.stderr.contains("leaving processes that SIGKILL did not end"), "{}", finished.stderr);
    until("the program to end", || (!is_alive(program)).then_some(()));
}

struct Freezer(PathBuf);

impl Freezer {
    fn new() -> Option<Self> {
        let groups = Path::new("/sys/fs/cgroup/freezer");
        let own = groups.join(format!("flink-on-mesos-{}", std::process::id()));
        fs::create_dir(&own).ok()?;
        let freezer = Self(own);
        freezer.0.join("freezer.state").exists().then_some(freezer)
    }

    fn freeze(&self, pid: Pid) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("a member");
        self.set("FROZEN");
    }

    fn thaw(&self) {
        self.set("THAWED");
    }

    fn set(&self, wanted: &str) {
        let file = self.0.join("freezer.state");
        fs::write(&file, wanted).expect("a state");
        until(wanted, || (fs::read_to_string(&file).ok()?.trim() == wanted).then_some(()));
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("freezer.state"), "THAWED");
        let begin = Instant::now();
        // Refused as long as it has members.
        while fs::remove_dir(&self.0).is_err() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
