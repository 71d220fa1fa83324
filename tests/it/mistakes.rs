//! What people get wrong, and what they are told: each row of `mistakes.md`, against the program.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cluster::harness::{FLINK, binary};
use crate::flink::home::flink_home;
use crate::ports::free_ports;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mistakes.md");
const LEAST_ROWS: usize = 70;

/// Columns with what is in a file of the configuration directory, after what every cluster needs.
const FILES: [&str; 2] = ["config.yaml", "flink-conf.yaml"];

/// What every cluster needs.
const BASE: &str = "jobmanager.rpc.address: 10.1.2.3
rest.address: 10.1.2.3
jobmanager.memory.process.size: 1600m
taskmanager.memory.process.size: 1728m
";

/// Options with ports of the row's own.
const PORTS: &str = "{ports}";

/// A start that fails waits for a master for a second, and its JVM ends in order.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// More at once would only wait for each other's JVMs.
const AT_ONCE: usize = 4;

/// One row: the names of columns with their cells.
struct Row<'a> {
    line: usize,
    cells: BTreeMap<&'a str, &'a str>,
}

impl Row<'_> {
    fn cell(&self, column: &str) -> &str {
        self.cells.get(column).copied().unwrap_or_default()
    }

    /// In backticks, as the table's cells hold texts.
    fn quoted(&self, column: &str) -> Vec<String> {
        let parts = self.cell(column).split('`').skip(1).step_by(2);
        parts.map(|part| part.replace("\\|", "|").replace('´', "`")).collect()
    }
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let (mut rows, mut head) = (Vec::new(), Vec::new());
    for (index, line) in table.lines().enumerate() {
        let Some(inner) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            if !line.starts_with('|') {
                head.clear();
            }
            continue;
        };
        let cells: Vec<_> = inner.split(" | ").map(str::trim).collect();
        if head.is_empty() {
            head = cells;
            continue;
        }
        assert_eq!(cells.len(), head.len(), "mistakes.md:{}", index + 1);
        rows.push(Row { line: index + 1, cells: head.iter().copied().zip(cells).collect() });
    }
    rows
}

#[test]
fn each_row_is_said() {
    let table = fs::read_to_string(TABLE).expect("the table");
    let rows = rows(&table);
    assert!(rows.len() >= LEAST_ROWS, "{} rows", rows.len());
    let (site, next) = (Site::open(), AtomicUsize::new(0));
    let work = || {
        let mut wrong = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(site.check(row).err().map(|why| format!("mistakes.md:{}: {why}", row.line)));
        }
        wrong
    };
    let wrong: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it ends")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What all rows find around them.
struct Site {
    directory: TempDir,
    flink: PathBuf,
    names: BTreeMap<&'static str, String>,
    /// Somebody has its port.
    _taken: TcpListener,
}

impl Site {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
        let write = |name: &str, text: &str, mode| {
            fs::write(path(name), text).expect("written");
            fs::set_permissions(path(name), Permissions::from_mode(mode)).expect("set");
        };
        write("no-interpreter", "#!/nosuch/bash\n", 0o755);
        write("windows", "#!/bin/sh\r\n", 0o755);
        write("not-marked", "#!/bin/sh\n", 0o644);
        write("broken.yaml", "kind: [\n", 0o644);
        write("other.yaml", "kind: Deployment\napiVersion: apps/v1\n", 0o644);
        fs::create_dir_all(path("home/.config/flink-on-mesos")).expect("created");
        write("home/.config/flink-on-mesos/token", "fom_secret\n", 0o644);
        fs::create_dir(path("empty")).expect("created");
        let taken = TcpListener::bind("0.0.0.0:0").expect("a port");
        let [free] = free_ports();
        let names = BTreeMap::from([
            ("dir", path("")),
            ("free", free.to_string()),
            ("taken", taken.local_addr().expect("an address").port().to_string()),
            ("web", serve_pages()),
        ]);
        Self { directory, flink: flink_home(FLINK), names, _taken: taken }
    }

    fn filled(&self, text: &str, own: &Path) -> String {
        let own = own.to_str().expect("UTF-8");
        let filled = self.names.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value.trim_end_matches('/'))
        });
        let filled = filled.replace("{own}", own);
        if !filled.contains(PORTS) {
            return filled;
        }
        let [rest, rpc] = free_ports();
        let options = format!("-D rest.port={rest} -D jobmanager.rpc.port={rpc} -D mesos.status.port=0");
        filled.replace(PORTS, &options)
    }

    fn check(&self, row: &Row<'_>) -> Result<(), String> {
        let own = tempfile::tempdir_in(self.directory.path()).expect("a directory");
        let conf = own.path().join("conf");
        fs::create_dir(&conf).expect("created");
        let given = FILES.iter().find(|name| row.cells.contains_key(**name));
        let lines = given.map(|name| row.quoted(name).concat()).unwrap_or_default();
        let lines = self.filled(&lines, own.path());
        let text = match lines.strip_prefix("\\ufeff") {
            Some(lines) => format!("\u{feff}{}\n{BASE}", lines.replace("\\n", "\n")),
            None => format!("{BASE}{}\n", lines.replace("\\n", "\n")),
        };
        fs::write(conf.join(given.unwrap_or(&FILES[0])), text).expect("written");
        let [typed] = &row.quoted("typed")[..] else { return Err("one text expected in `typed`".to_owned()) };
        let output = self.run(own.path(), &words(&self.filled(typed, own.path())))?;
        let told = String::from_utf8_lossy(&output.stderr);
        let code = row.cell("code").parse().expect("a number");
        if output.status.code() != Some(code) {
            return Err(format!("{typed}: ended with {}, expected {code}\n{told}", output.status));
        }
        let said = row.quoted("said");
        match said.iter().map(|part| self.filled(part, own.path())).find(|part| !told.contains(part)) {
            _ if said.is_empty() => Err("nothing in `said`".to_owned()),
            Some(part) => Err(format!("{typed}: no {part:?} in\n{told}")),
            None => Ok(()),
        }
    }

    /// Variables stand in front.
    fn run(&self, own: &Path, words: &[String]) -> Result<Output, String> {
        let is_variable = |word: &&String| {
            let name = word.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        };
        let variables = words.iter().take_while(is_variable).filter_map(|word| word.split_once('='));
        let arguments = words.iter().skip_while(is_variable);
        let tmp = own.join("tmp");
        fs::create_dir(&tmp).expect("created");
        let mut child = Command::new(binary())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("HOME", own)
            .env("TMPDIR", tmp)
            .env("FLINK_HOME", &self.flink)
            .env("FLINK_CONF_DIR", own.join("conf"))
            .env("FLINK_ON_MESOS_SOCKET", own.join("socket"))
            .env("FLINK_ON_MESOS_PARENT_DEATH_SIGNAL", "TERM")
            .envs(variables)
            .current_dir(own)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = child.stderr.take().expect("a pipe");
        let reading = thread::spawn(move || {
            let mut told = Vec::new();
            stderr.read_to_end(&mut told).map(|_| told)
        });
        let begin = Instant::now();
        let status = loop {
            match child.try_wait().expect("it is a child") {
                Some(status) => break status,
                None if begin.elapsed() > PATIENCE => {
                    child.kill().expect("it is there");
                    return Err(format!("{words:?} has not ended"));
                }
                None => thread::sleep(POLL_INTERVAL),
            }
        };
        let stderr = reading.join().expect("it ends").expect("read");
        Ok(Output { status, stdout: Vec::new(), stderr })
    }
}

/// As a shell has them, with single quotes and `\n`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            c => words.last_mut().expect("one").push(c),
        }
    }
    words.into_iter().map(|word| word.replace("\\n", "\n")).collect()
}

/// A server of web pages, which knows no Mesos, AppMaster or dispatcher: its address.
fn serve_pages() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // Whoever has gone does not want it.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
            );
        }
    });
    address
}
