//! Whole plans: several children, restarts, the order of a stop.

use std::fs;
use std::path::Path;

use init::plan::{Child, Inherited, Kind, Options, Plan, Restart};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::process::{PLACES, Place, Running, binary, children, command, finish, is_alive, until};

/// Each child is a script, run in `directory`.
struct Scene {
    directory: TempDir,
    plan: Plan,
}

impl Scene {
    fn new() -> Self {
        let plan = Plan {
            children: Vec::new(),
            grace_ms: 9_000,
            options: Options::default(),
            inherited: Inherited::default(),
            status_fd: None,
            cleanup: Vec::new(),
        };
        Self { directory: TempDir::new().expect("a directory"), plan }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn child(&mut self, name: &str, kind: Kind, stop_order: u8, script: &str) -> &mut Child {
        self.plan.children.push(Child {
            name: name.into(),
            kind,
            program: "/bin/sh".into(),
            argv: ["sh", "-c", script].map(Into::into).into(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: Some(self.directory.path().into()),
            keep_fds: Vec::new(),
            stdout: None,
            stderr: None,
            stop_order,
            stop_share_ms: 5_000,
        });
        self.plan.children.last_mut().expect("just added")
    }

    fn start(&self, place: Place) -> Running {
        fs::write(self.path().join("plan"), postcard::to_stdvec(&self.plan).expect("bytes")).expect("a file");
        let mut command = command(place, "sh");
        let script = format!("exec {} init --plan-fd 8 8< plan 9> status", binary());
        command.args(["-c", &script]).current_dir(self.path());
        Running::start(place, command)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    fn wait_for(&self, name: &str, lines: usize) -> Vec<String> {
        until(name, || {
            let text = self.read(name);
            (text.lines().count() >= lines).then(|| text.lines().map(str::to_owned).collect())
        })
    }
}

fn helper_kind() -> Kind {
    let restart = Restart { first_ms: 20, most_ms: 100, jitter: 0.2, crashes_most: 10 };
    Kind::Helper { restart, ending_codes: vec![0, 78], urgent_codes: Vec::new(), farewell: None }
}

/// Logs its start, and its end on SIGTERM, to the file `order`.
fn orderly(name: &str, code: u8) -> String {
    format!(
        "trap 'echo {name} >> order; exit {code}' TERM; echo {name} >> ready; while :; do sleep 0.02; done"
    )
}

#[test]
fn children_stop_in_their_order() {
    for place in PLACES {
        let mut scene = Scene::new();
        scene.child("mesos", helper_kind(), 2, &orderly("mesos", 0));
        scene.child("java", Kind::Main, 1, &orderly("java", 143));
        scene.child("worker", helper_kind(), 0, &orderly("worker", 0));
        let running = scene.start(place);
        scene.wait_for("ready", 3);
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        assert_eq!(finished.code(), 143, "{place:?}: {}", finished.stderr);
        assert_eq!(scene.read("order"), "worker\njava\nmesos\n", "{place:?}");
    }
}

#[test]
fn a_crashed_worker_comes_back_and_the_main_child_stays() {
    for place in PLACES {
        let mut scene = Scene::new();
        scene.child("java", Kind::Main, 1, "echo $$ >> mains; exec sleep 1000");
        scene.child("worker", helper_kind(), 0, "echo $$ >> workers; exec sleep 1000");
        let running = scene.start(place);
        scene.wait_for("mains", 1);
        for crash in 1..=4 {
            scene.wait_for("workers", crash);
            let init = running.pid();
            let worker = until("the worker", || {
                let below = children(init);
                (below.len() == 2).then(|| below[1])
            });
            kill(worker, Signal::SIGKILL).expect("it is there");
        }
        scene.wait_for("workers", 5);
        assert_eq!(scene.read("mains").lines().count(), 1);
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        assert_eq!(finished.code(), 143, "{place:?}: {}", finished.stderr);
        assert!(finished.stderr.contains("starting worker again in "), "{}", finished.stderr);
    }
}

#[test]
fn a_worker_that_keeps_crashing_ends_the_container() {
    let mut scene = Scene::new();
    scene.child("java", Kind::Main, 1, &orderly("java", 0));
    scene.child("worker", helper_kind(), 0, "echo x >> runs; exit 3");
    let finished = scene.start(Place::Below).finish();
    assert_eq!(finished.code(), 70, "{}", finished.stderr);
    assert_eq!(scene.read("runs").lines().count(), 10);
}

#[test]
fn a_workers_ending_code_ends_the_container() {
    for place in PLACES {
        let mut scene = Scene::new();
        scene.child("java", Kind::Main, 1, &orderly("java", 143));
        scene.child("worker", helper_kind(), 0, "until [ -s ready ]; do sleep 0.02; done; exit 78");
        let finished = scene.start(place).finish();
        assert_eq!(finished.code(), 78, "{place:?}: {}", finished.stderr);
        assert_eq!(scene.read("order"), "java\n");
    }
}

#[test]
fn the_main_childs_end_stops_the_worker() {
    for place in PLACES {
        let mut scene = Scene::new();
        scene.child("worker", helper_kind(), 0, &orderly("worker", 0));
        scene.child("java", Kind::Main, 1, "until [ -s ready ]; do sleep 0.02; done; exit 163");
        let finished = scene.start(place).finish();
        assert_eq!(finished.code(), 163, "{place:?}: {}", finished.stderr);
        assert_eq!(scene.read("order"), "worker\n");
    }
}

#[test]
fn a_child_that_cannot_start_stops_those_that_run() {
    let mut scene = Scene::new();
    scene.child("worker", helper_kind(), 0, "echo $$ > worker; exec sleep 1000");
    scene.child("java", Kind::Main, 1, "").program = "/nonexistent/java".into();
    let finished = scene.start(Place::Below).finish();
    assert_eq!(finished.code(), 127, "{}", finished.stderr);
    assert!(finished.stderr.contains("cannot start java: cannot execute \"/nonexistent/java\""));
    if let Ok(pid) = scene.read("worker").trim().parse() {
        assert!(!is_alive(Pid::from_raw(pid)));
    }
}

#[test]
fn outputs_go_to_files_and_what_is_temporary_is_removed() {
    let mut scene = Scene::new();
    let directory = scene.path().join("temporary");
    fs::create_dir_all(directory.join("deep")).expect("a directory");
    let (stdout, stderr) = (scene.path().join("stdout"), scene.path().join("stderr"));
    fs::write(&stdout, "before\n").expect("a file");
    let child = scene.child("java", Kind::Main, 0, "pwd; ls temporary; echo oops >&2");
    child.stdout = Some(stdout.into());
    child.stderr = Some(stderr.into());
    let file = scene.path().join("file");
    fs::write(&file, "").expect("a file");
    scene.plan.cleanup = vec![directory.clone().into(), file.clone().into(), "/nonexistent/directory".into()];
    let finished = scene.start(Place::Below).finish();
    assert_eq!((finished.code(), finished.stdout.as_str()), (0, ""), "{}", finished.stderr);
    let expected = format!("before\n{}\ndeep\n", scene.path().display());
    assert_eq!((scene.read("stdout"), scene.read("stderr")), (expected, "oops\n".into()));
    assert!(!directory.exists() && !file.exists());
    assert!(!finished.stderr.contains("WARN"), "{}", finished.stderr);
}

#[test]
fn the_raw_status_of_the_main_child_is_written() {
    for (script, expected) in [("exit 7", "1792"), ("kill -9 $$", "9")] {
        let mut scene = Scene::new();
        scene.child("java", Kind::Main, 0, script);
        scene.plan.status_fd = Some(9);
        scene.start(Place::Below).finish();
        assert_eq!(scene.read("status"), expected);
    }
}

#[test]
fn no_plan_is_an_error() {
    for (number, why) in [("77", "descriptor 77 is not open"), ("0", "descriptor 0 does not hold a plan")] {
        let mut command = command(Place::Below, binary());
        command.args(["init", "--plan-fd", number]);
        let finished = finish(Place::Below, command);
        assert_eq!(finished.code(), 70);
        assert!(finished.stderr.contains(&format!("cannot read the plan: {why}")), "{}", finished.stderr);
    }
}
