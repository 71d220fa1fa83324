//! URIs of a task are in its sandbox before it starts.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::embedded::{Embedded, processes_in, wait_for};
use super::scheduler::{Scheduler, shell, task_info};

/// Serves files by name; one that is called `never` is not answered, one that is not there is answered 404.
struct Files {
    address: SocketAddr,
    /// The paths that were asked for.
    asked: Receiver<String>,
    directory: TempDir,
}

impl Files {
    fn serve() -> Self {
        let directory = TempDir::new().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, asked) = mpsc::channel();
        let root = directory.path().to_owned();
        thread::spawn(move || {
            let mut unanswered = Vec::new();
            for socket in listener.incoming().flatten() {
                let path = requested(&socket);
                let _ = sender.send(path.clone());
                if path == "/never" {
                    unanswered.push(socket);
                } else {
                    answer(socket, fs::read(root.join(&path[1..])).ok(), &path);
                }
            }
        });
        Self { address, asked, directory }
    }

    fn add(&self, name: &str, content: &str) {
        fs::write(self.directory.path().join(name), content).expect("a file");
    }

    fn uri(&self, name: &str, more: &Value) -> Value {
        let mut uri = json!({ "value": format!("http://{}/{name}", self.address) });
        let fields = uri.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        uri
    }
}

fn requested(socket: &TcpStream) -> String {
    let mut reader = BufReader::new(socket);
    let mut first = String::new();
    reader.read_line(&mut first).expect("a request");
    let mut line = String::new();
    while reader.read_line(&mut line).expect("a header") > 2 {
        line.clear();
    }
    first.split(' ').nth(1).expect("a path").to_owned()
}

fn answer(mut socket: TcpStream, content: Option<Vec<u8>>, path: &str) {
    let (head, body) = match (path, content) {
        ("/moved", _) => ("307 Temporary Redirect\r\nLocation: /plain.txt".to_owned(), Vec::new()),
        (_, Some(content)) => ("200 OK".to_owned(), content),
        (_, None) => ("404 Not Found".to_owned(), Vec::new()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    socket.write_all(&[head.as_bytes(), &body].concat()).expect("an answer");
}

fn run(program: &str, arguments: &[&str], directory: &TempDir) {
    let status = Command::new(program).args(arguments).current_dir(directory).status();
    assert!(status.expect("it starts").success(), "{program} {arguments:?}");
}

fn with_uris(command: &str, uris: &[Value]) -> Value {
    let mut command = shell(command);
    command["uris"] = Value::from(uris);
    command
}

#[test]
fn uris_are_fetched_extracted_and_kept() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let files = Files::serve();
    files.add("plain.txt", "plain");
    files.add("run.sh", "#!/bin/sh\necho ran");
    files.add("notes.txt", "notes");
    run("tar", &["-czf", "packed.tgz", "notes.txt"], &files.directory);
    run("gzip", &["-k", "notes.txt"], &files.directory);
    let local = files.directory.path().join("plain.txt");
    let uris = [
        files.uri("run.sh", &json!({ "executable": true })),
        files.uri("packed.tgz", &json!({ "cache": true })),
        files.uri("moved", &json!({ "output_file": "below/it.txt" })),
        files.uri("notes.txt.gz", &json!({ "output_file": "single.gz" })),
        files.uri("packed.tgz", &json!({ "extract": false, "output_file": "kept.tgz" })),
        json!({ "value": format!("file://{}", local.display()) }),
    ];
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let agent = offer["agent_id"]["value"].as_str().expect("an agent").to_owned();
    let look = "./run.sh; cat below/it.txt notes.txt single plain.txt; ls";
    let tasks = ["first", "second"].map(|task| (task, task_info(&offer, task, with_uris(look, &uris))));
    // One after the other: the second finds the first one's archive in the cache.
    let mut offer = offer;
    for (task, mut info) in tasks {
        info["agent_id"] = offer["agent_id"].clone();
        scheduler.accept(&offer, &[info]);
        assert_eq!(scheduler.life(task).last().expect("an end").0, "TASK_FINISHED", "{task}");
        let stdout = fs::read_to_string(cluster.sandbox(&agent, &scheduler.framework, task).join("stdout"));
        let listed = "below\nkept.tgz\nnotes.txt\nplain.txt\nrun.sh\nsingle\nsingle.gz\nstderr\nstdout\n";
        assert_eq!(stdout.expect("stdout"), format!("ran\nplainnotesnotesplain{listed}"), "{task}");
        if task == "first" {
            offer = scheduler.offer();
        }
    }
    let asked: Vec<_> = files.asked.try_iter().collect();
    let times = |path: &str| asked.iter().filter(|other| *other == path).count();
    // Once to be kept, and once for each of the two that are not to be.
    assert_eq!((times("/packed.tgz"), times("/run.sh"), times("/moved")), (3, 2, 2), "{asked:?}");
}

#[test]
fn two_that_want_the_same_at_once_fetch_it_once() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let files = Files::serve();
    files.add("plain.txt", "plain");
    let uri = files.uri("plain.txt", &json!({ "cache": true }));
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let tasks = ["first", "second", "third"];
    let command = with_uris("cat plain.txt", std::slice::from_ref(&uri));
    scheduler.accept(&offer, &tasks.map(|task| task_info(&offer, task, command.clone())));
    for task in tasks {
        assert_eq!(scheduler.life(task).last().expect("an end").0, "TASK_FINISHED", "{task}");
    }
    let asked: Vec<_> = files.asked.try_iter().collect();
    assert_eq!(asked, ["/plain.txt"]);
}

#[test]
fn a_task_whose_uri_cannot_be_fetched_fails_and_its_stderr_says_why() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let files = Files::serve();
    files.add("broken.tgz", "no archive");
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let agent = offer["agent_id"]["value"].as_str().expect("an agent").to_owned();
    let none = json!({});
    let refused = json!({ "value": "hdfs://namenode/flink.tgz" });
    let closed = json!({ "value": "http://127.0.0.1:1/flink.tgz" });
    let cases = [
        ("missing", files.uri("nothing", &none), "the server answered 404 Not Found"),
        ("broken", files.uri("broken.tgz", &none), "'tar' exited with status 2"),
        ("closed", closed, "cannot download it: "),
        ("absent", json!({ "value": "/no/such/file" }), "cannot copy /no/such/file: No such file"),
        ("refused", refused, ""),
    ];
    let tasks: Vec<_> = cases
        .iter()
        .map(|(task, uri, _)| task_info(&offer, task, with_uris("true", std::slice::from_ref(uri))))
        .collect();
    scheduler.accept(&offer, &tasks);
    for (task, _, said) in &cases {
        let status = scheduler.update(task);
        assert_eq!(
            (&status["state"], &status["reason"], &status["source"]),
            (&json!("TASK_FAILED"), &json!("REASON_CONTAINER_LAUNCH_FAILED"), &json!("SOURCE_AGENT")),
            "{status}"
        );
        let message = status["message"].as_str().expect("a message");
        if said.is_empty() {
            assert!(message.contains("does not fetch by 'hdfs'"), "{message}");
            continue;
        }
        assert!(message.starts_with("Failed to launch container: Failed to fetch all URIs"), "{message}");
        assert!(message.ends_with(": exited with status 1"), "{message}");
        let sandbox = cluster.only_sandbox(&agent, &scheduler.framework, task);
        let stderr = fs::read_to_string(sandbox.join("stderr")).expect("stderr");
        assert!(stderr.contains(said), "{task}: {stderr}");
    }
}

#[test]
fn a_kill_does_not_wait_for_what_is_being_fetched() {
    let mut cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let files = Files::serve();
    let scheduler = Scheduler::subscribe(cluster.address, 1000.0);
    let offer = scheduler.offer();
    let command = with_uris("true", &[files.uri("never", &json!({}))]);
    let tasks = ["killed", "stopped"].map(|task| task_info(&offer, task, command.clone()));
    scheduler.accept(&offer, &tasks);
    for _ in 0..2 {
        wait_for("a request", || files.asked.try_recv().ok());
    }
    scheduler.accepted("KILL", &json!({ "task_id": { "value": "killed" } }));
    let status = scheduler.update("killed");
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_KILLED"), &json!("REASON_TASK_KILLED_DURING_LAUNCH"))
    );
    let begin = Instant::now();
    assert_eq!(cluster.terminate(), Some(0));
    assert!(begin.elapsed().as_secs() < 5, "the end waits for a download");
    assert_eq!(processes_in(&cluster.work_dir()), Vec::<u32>::new());
}
