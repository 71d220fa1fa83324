//! What stands in for the JVMs of Flink where only their neighbours matter: a JobManager that listens and answers, and
//! TaskManagers that live until they are told to end, are asked to end by themselves, or their short life is over.
//! They write down what happens to them.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

/// Under this name the program stands in for java.
pub const NAME: &str = "java";

/// Of an answer: more than the head of any request.
const REQUEST_BYTES: usize = 4096;
/// Who connects and says nothing keeps nobody waiting.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The life of the short-lived.
const SHORT_LIFE_MS: std::ops::Range<u64> = 200..5_000;

/// A JVM that is ended by SIGTERM.
const TOLD: u8 = 143;
const BY_ITSELF: u8 = 1;

pub fn run(arguments: &[&str]) -> u8 {
    let is = |class: &str| arguments.iter().any(|argument| argument.ends_with(class));
    let stand_in = StandIn { arguments };
    if is(".StandaloneSessionClusterEntrypoint") {
        stand_in.jobmanager()
    } else if is(".TaskManagerRunner") {
        stand_in.taskmanager()
    } else {
        panic!("neither JobManager nor TaskManager: {arguments:?}")
    }
}

struct StandIn<'a> {
    arguments: &'a [&'a str],
}

impl StandIn<'_> {
    fn taskmanager(&self) -> u8 {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGTERM);
        wanted.add(Signal::SIGUSR1);
        wanted.thread_block().expect("blocked signals");
        let signals = SignalFd::new(&wanted).expect("a signal descriptor");
        let task = self.configured("taskmanager.resource-id");
        self.write_down(&task, "began");
        let mut descriptors = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let came = poll(&mut descriptors, self.life(&task)).expect("a descriptor to wait for") > 0;
        let signal = came.then(|| signals.read_signal().expect("a signal")).flatten();
        if signal.is_some_and(|signal| signal.ssi_signo == Signal::SIGTERM as u32) {
            self.write_down(&task, "told");
            TOLD
        } else {
            self.write_down(&task, "own");
            BY_ITSELF
        }
    }

    /// One of so many lives shortly, which ones depends on the seed.
    fn life(&self, task: &str) -> PollTimeout {
        let number = |name| self.property(name).parse::<u64>().expect("a number");
        let mut hasher = DefaultHasher::new();
        (number("seed"), task).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(hasher.finish());
        if random.u64(..number("short-lived")) > 0 {
            return PollTimeout::NONE;
        }
        let milliseconds = i32::try_from(random.u64(SHORT_LIFE_MS)).expect("a short life");
        PollTimeout::try_from(milliseconds).expect("a short life")
    }

    fn jobmanager(&self) -> u8 {
        let listen = |key: &str| {
            let port: u16 = self.configured(key).parse().expect("a port");
            TcpListener::bind(("0.0.0.0", port)).expect("a free port")
        };
        let (rpc, rest) = (listen("jobmanager.rpc.port"), listen("rest.port"));
        std::thread::spawn(move || rpc.incoming().for_each(drop));
        rest.incoming().flatten().for_each(|stream| self.answer(stream));
        0
    }

    fn answer(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(REQUEST_TIMEOUT));
        let mut request = [0; REQUEST_BYTES];
        let length = stream.read(&mut request).unwrap_or_default();
        let request = String::from_utf8_lossy(&request[..length]);
        let body = match request.split_whitespace().nth(1) {
            Some("/taskmanagers") => self.taskmanagers(),
            Some("/overview") => "{}".to_owned(),
            Some(_) | None => return,
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // Who has asked may have gone.
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    }

    /// Those that live, as Flink would hear them.
    fn taskmanagers(&self) -> String {
        let journal = fs::read_to_string(self.property("journal")).unwrap_or_default();
        let lives = |pid: &str| {
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.contains(self.property("journal"))
        };
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let entries = journal.lines().filter_map(|line| {
            let [task, pid, "began"] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
            lives(pid).then(|| {
                format!(
                    r#"{{"id":"{task}","path":"","timeSinceLastHeartbeat":{now},"slotsNumber":1,"freeSlots":1,
                    "memoryConfiguration":{{}}}}"#
                )
            })
        });
        format!(r#"{{"taskmanagers":[{}]}}"#, entries.collect::<Vec<_>>().join(","))
    }

    /// One write a line: all share the journal.
    fn write_down(&self, task: &str, what: &str) {
        let journal = File::options().create(true).append(true).open(self.property("journal"));
        let line = format!("{task} {} {what}\n", std::process::id());
        journal.and_then(|mut journal| journal.write_all(line.as_bytes())).expect("a journal");
    }

    /// `-Dstand-in.<name>=<value>`
    fn property(&self, name: &str) -> &str {
        let prefix = format!("-Dstand-in.{name}=");
        let found = self.arguments.iter().find_map(|argument| argument.strip_prefix(&*prefix));
        found.unwrap_or_else(|| panic!("{prefix} is missing"))
    }

    /// From the effective configuration.
    fn configured(&self, key: &str) -> String {
        let mut rest = self.arguments.iter().skip_while(|argument| **argument != "--configDir");
        let directory = rest.nth(1).expect("a directory");
        let text = fs::read_to_string(format!("{directory}/config.yaml")).expect("a configuration");
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("{key} is missing")).trim_matches(['\'', '"']).to_owned()
    }
}
