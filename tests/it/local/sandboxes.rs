//! The files API of the embedded agents, and this program's client of it.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use base::time::Clock;
use logs::reader::{Place, Reader, Wanted};
use mesos::address::MasterAddress;
use mesos::client::operator::Operator;
use mesos::client::{Credentials, Masters, Trust};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::client::{self, Answer};
use super::embedded::{Embedded, wait_for};
use super::scheduler::{Scheduler, shell};

fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    client::call(address, request.as_bytes())
}

fn json_of(address: SocketAddr, path: &str) -> Value {
    let answer = get(address, path);
    assert_eq!(answer.status, "200 OK", "{path}: {}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn operator(mesos: &Embedded, credentials: Option<&Credentials>) -> Arc<Operator> {
    let address: MasterAddress = mesos.address.to_string().parse().expect("an address");
    let MasterAddress::Masters(masters) = address else { panic!("{address:?}") };
    Arc::new(Operator::new(Masters::Known(masters), &Trust::System, credentials).expect("a client"))
}

/// Runs a task to its end; answers its framework and agent.
fn run(scheduler: &Scheduler, task: &str, command: &str) -> String {
    let offer = scheduler.offer();
    scheduler.launch(&offer, task, shell(command));
    scheduler.life(task);
    offer["agent_id"]["value"].as_str().expect("an id").to_owned()
}

#[test]
fn sandboxes_of_ended_tasks_are_shown_as_a_real_agent_shows_them() {
    let mesos = Embedded::start(&["--agents=2", "--resources=cpus:4;mem:1024;disk:1024"]);
    let scheduler = Scheduler::subscribe(mesos.address, 1e6);
    let agent = run(&scheduler, "t", "echo hello; mkdir sub; echo x > sub/flink.log");
    let at = mesos.address;
    let latest = format!("/frameworks/{}/executors/t/runs/latest", scheduler.framework);
    let read = |rest: &str| json_of(at, &format!("/files/read?path={latest}/stdout{rest}"));
    assert_eq!(read("&offset=0"), json!({"data": "hello\n", "offset": 0}));
    assert_eq!(read("&offset=1&length=3"), json!({"data": "ell", "offset": 1}));
    assert_eq!(read("&offset=0&length=-1"), json!({"data": "hello\n", "offset": 0}));
    for at_end in ["", "&offset=-1", "&offset=6", "&offset=99&length=5"] {
        assert_eq!(read(at_end), json!({"data": "", "offset": 6}), "{at_end}");
    }
    let listed = json_of(at, &format!("/files/browse?path={latest}"));
    let shown: Vec<_> =
        listed.as_array().expect("a list").iter().map(|file| (&file["path"], &file["mode"])).collect();
    let named = ["stderr", "stdout", "sub"].map(|name| json!(format!("{latest}/{name}")));
    assert_eq!(shown.iter().map(|(path, _)| *path).collect::<Vec<_>>(), named.iter().collect::<Vec<_>>());
    assert!(shown[2].1.as_str().is_some_and(|mode| mode.starts_with('d')), "{listed}");
    assert_eq!(get(at, &format!("/files/download?path={latest}/sub/flink.log")).body, b"x\n");

    // As `directory` of the real agent's state and `MESOS_SANDBOX` name it.
    let runs = fs::read_dir(mesos.work_dir()).expect("work directories").flatten();
    let sandbox = runs.map(|agent| agent.path()).find_map(|work| {
        let path = work.join(format!("slaves/{agent}{latest}"));
        path.exists().then(|| fs::canonicalize(path).expect("it is there"))
    });
    let path = sandbox.expect("a sandbox").join("stdout").display().to_string();
    assert_eq!(json_of(at, &format!("/files/read?path={path}&offset=0"))["data"], "hello\n");

    for (path, status) in [
        ("/files/read?path=/etc/passwd&offset=0".to_owned(), "404 Not Found"),
        (format!("/files/read?path={latest}/none"), "404 Not Found"),
        (format!("/files/read?path={latest}/../../../../../../port"), "404 Not Found"),
        (format!("/files/read?path={latest}&offset=0"), "400 Bad Request"),
        (format!("/files/read?path={latest}/stdout&offset=x"), "400 Bad Request"),
        (format!("/files/read?path={latest}/stdout&offset=-2"), "400 Bad Request"),
        (format!("/files/read?path={latest}/stdout&offset=0&length=-2"), "400 Bad Request"),
        ("/files/read".to_owned(), "400 Bad Request"),
        (format!("/files/download?path={latest}"), "400 Bad Request"),
        ("/files/browse?path=/".to_owned(), "404 Not Found"),
    ] {
        assert_eq!(get(at, &path).status, status, "{path}");
    }
    let tasks = |query: &str| {
        json_of(at, &format!("/tasks?framework_id={}{query}", scheduler.framework))["tasks"].take()
    };
    assert_eq!((&tasks("&task_id=t")[0]["id"], tasks("&task_id=u")), (&json!("t"), json!([])));
    let page = get(at, "/");
    assert!(page.content_type.is_some_and(|kind| kind.starts_with("text/html")));

    let slaves = json_of(at, &format!("/slaves?slave_id={agent}"));
    let pid = slaves["slaves"][0]["pid"].as_str().expect("a pid");
    let (process, address) = pid.split_once('@').expect("process@address");
    assert_eq!((address, &slaves["slaves"][1]), (&*at.to_string(), &Value::Null));
    let call = json!({"type": "READ_FILE", "read_file": {"path": format!("{latest}/stdout"), "offset": 1}});
    let answer = client::post(at, &format!("/{process}/api/v1"), &call);
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(answer, json!({"type": "READ_FILE", "read_file": {"size": 6, "data": "ZWxsbwo="}}));
    assert_eq!(client::post(at, "/slave/api/v1", &call).status, "404 Not Found");
    assert_eq!(
        client::post(at, &format!("/{process}/api/v1"), &json!({"type": "GET_STATE"})).status,
        "400 Bad Request"
    );
}

#[test]
fn whoever_looks_into_sandboxes_may_have_to_prove_who_that_is() {
    let credentials = NamedTempFile::new().expect("a file");
    fs::write(credentials.path(), "flink s3cret\n").expect("credentials");
    let path = credentials.path().to_str().expect("UTF-8");
    let mesos = Embedded::start(&[
        "--authenticate_http_readonly",
        "--authenticate_http_readwrite",
        "--credentials",
        path,
    ]);
    for path in [
        "/state",
        "/tasks",
        "/slaves",
        "/files/read?path=/x",
        "/files/browse?path=/x",
        "/files/download?path=/x",
    ] {
        let answer = get(mesos.address, path);
        assert_eq!(answer.status, "401 Unauthorized", "{path}");
        assert!(answer.challenge.is_some_and(|challenge| challenge.contains("readonly")), "{path}");
    }
    for path in ["/api/v1", "/slave(1)/api/v1"] {
        let answer =
            client::post(mesos.address, path, &json!({"type": "LIST_FILES", "list_files": {"path": "/x"}}));
        assert_eq!(answer.status, "401 Unauthorized", "{path}");
    }
    let encoded = "Basic Zmxpbms6czNjcmV0";
    let request =
        format!("GET /slaves HTTP/1.1\r\nHost: h\r\nAuthorization: {encoded}\r\nConnection: close\r\n\r\n");
    assert_eq!(client::call(mesos.address, request.as_bytes()).status, "200 OK");
}

/// A task that rotates its log as Log4j does, far faster than anybody looks.
const ROTATING: &str = r#"
for n in $(seq 1 40); do
    echo "line $n of a log that is rotated" >> flink.log
    while [ ! -e go ]; do sleep 0.01; done
    if [ $((n % 5)) = 0 ]; then
        for i in 9 8 7 6 5 4 3 2 1; do [ -f flink.log.$i ] && mv flink.log.$i flink.log.$((i + 1)); done
        mv flink.log flink.log.1; : > flink.log
    fi
    sleep 0.1
done"#;

#[tokio::test]
async fn a_log_is_followed_through_rotations_to_the_end_of_its_task() {
    let credentials = NamedTempFile::new().expect("a file");
    fs::write(credentials.path(), "flink s3cret\n").expect("credentials");
    let path = credentials.path().to_str().expect("UTF-8");
    let options = ["--authenticate_http_readonly", "--authenticate_http_readwrite", "--credentials", path];
    let mesos = Embedded::start(&options);
    let scheduler = Scheduler::subscribe(mesos.address, 1e6);
    let offer = scheduler.offer();
    scheduler.launch(&offer, "t", shell(ROTATING));
    scheduler.wait_for_running("t");
    let place = Place {
        task_id: "t".to_owned(),
        framework_id: scheduler.framework.clone(),
        executor: "t".to_owned(),
        agent_id: offer["agent_id"]["value"].as_str().expect("an id").to_owned(),
    };
    let wanted = || Wanted {
        name: "flink.log".parse().expect("a log"),
        offset: 0,
        length: None,
        tail: None,
        follow: true,
    };
    let stranger = Reader::open(operator(&mesos, None), place.clone(), wanted()).await;
    assert!(stranger.is_err(), "nobody knows who asks");
    let known = Credentials { principal: "flink".to_owned(), secret: "s3cret".to_owned() };
    let sandbox = mesos.sandbox(&place.agent_id, &place.framework_id, "t");
    wait_for("its log", || fs::read(sandbox.join("flink.log")).ok().filter(|text| text.ends_with(b"\n")));
    let clock = Clock::start();
    let begin = clock.now();
    let mut reader =
        Reader::open(operator(&mesos, Some(&known)), place.clone(), wanted()).await.expect("a log");
    let first = reader.next().await.expect("it can be read").expect("a line");
    let mut text = String::from_utf8(first.into()).expect("UTF-8");
    fs::write(sandbox.join("go"), "").expect("written");
    while let Some(chunk) = reader.next().await.expect("it can be read") {
        text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
    let lines: Vec<_> = (1..=40).map(|n| format!("line {n} of a log that is rotated\n")).collect();
    assert_eq!(text, lines.concat());
    assert!(clock.now().since(begin).as_secs() >= 2, "it followed");

    // As for agents before Mesos 1.5.
    let operator_of_all = operator(&mesos, Some(&known));
    let site = operator_of_all.agent(&place.agent_id).await.expect("it answers").expect("it is there");
    let files = operator_of_all.files(&site);
    let directory = files.directory(&place.framework_id, "t").await.expect("it answers").expect("a sandbox");
    let part = files.read(&format!("{directory}/flink.log.1"), 0, 6).await.expect("it can be read");
    assert_eq!(&part.data[..], b"line 3");
    assert_eq!(files.directory(&place.framework_id, "u").await.expect("it answers"), None);

    let mut last = wanted();
    (last.name, last.tail, last.follow) = ("flink.log.1".parse().expect("a log"), Some(2), false);
    let mut reader = Reader::open(operator(&mesos, Some(&known)), place, last).await.expect("a log");
    let chunk = reader.next().await.expect("it can be read").expect("two lines");
    assert_eq!(chunk, lines[38..].concat());
    assert_eq!(reader.next().await.expect("it ends"), None);
}
