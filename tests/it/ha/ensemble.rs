//! A real ZooKeeper ensemble of three servers, each at an address of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zookeeper::security::Login;
use zookeeper::{Access, Ensemble as Config};
use zookeeper_client::Client;

/// Installed by `scripts/setup --test`.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";
/// What servers need for TLS. Their own manifest names other files of it.
const NETTY: [&str; 8] = [
    "buffer",
    "codec",
    "common",
    "handler",
    "resolver",
    "transport",
    "transport-native-epoll",
    "transport-native-unix-common",
];
const CLIENT_PORT: u16 = 2181;
/// Sessions are at least two of them long.
const TICK_MS: u64 = 200;
const SERVERS: usize = 3;
/// An ensemble elects its leader in a second; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server that hangs says nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub struct Ensemble {
    scratch: TempDir,
    addresses: Vec<Ipv4Addr>,
    servers: Vec<Option<Child>>,
    more: More,
}

/// What a server is given besides.
#[derive(Default)]
pub struct More {
    /// Lines of its configuration.
    pub lines: String,
    pub java: Vec<String>,
}

impl Ensemble {
    /// Returns when it can be written to.
    pub async fn start() -> Self {
        Self::start_with(SERVERS).await
    }

    /// A single one is enough where nothing happens to servers.
    pub async fn start_with(servers: usize) -> Self {
        Self::start_as(servers, |_| More::default()).await
    }

    /// One server that is told more, which may depend on its address.
    pub async fn start_one(more: impl FnOnce(Ipv4Addr) -> More) -> Self {
        Self::start_as(1, more).await
    }

    async fn start_as(servers: usize, more: impl FnOnce(Ipv4Addr) -> More) -> Self {
        let scratch = tempfile::Builder::new().prefix("zookeeper-").tempdir().expect("a directory");
        let addresses: Vec<_> = (0..servers).map(|_| free_address()).collect();
        let (more, none) = (more(addresses[0]), (0..servers).map(|_| None).collect());
        let mut ensemble = Self { scratch, addresses, servers: none, more };
        (0..servers).for_each(|index| ensemble.start_server(index));
        ensemble.until_serving().await;
        ensemble
    }

    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// `host:port,host:port`
    pub fn quorum(&self) -> String {
        let servers: Vec<_> =
            self.addresses.iter().map(|address| format!("{address}:{CLIENT_PORT}")).collect();
        servers.join(",")
    }

    pub fn config(&self, session_timeout: Duration) -> Config {
        Config {
            servers: self.quorum(),
            session_timeout,
            connection_timeout: Duration::ZERO,
            authorization: Vec::new(),
            access: Access::Open,
            login: Login::None,
            tunnel: None,
        }
    }

    pub fn address(&self, index: usize) -> SocketAddr {
        (self.addresses[index], CLIENT_PORT).into()
    }

    /// Where it logs its transactions.
    pub fn transactions(&self, index: usize) -> PathBuf {
        self.directory(index).join("data/version-2")
    }

    pub fn start_server(&mut self, index: usize) {
        let directory = self.directory(index);
        fs::create_dir_all(directory.join("data")).expect("a directory");
        fs::write(directory.join("data/myid"), (index + 1).to_string()).expect("written");
        fs::write(directory.join("zoo.cfg"), self.configuration(index)).expect("written");
        let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log");
        // Dies with this test, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-Dzookeeper.admin.enableServer=false")
            // Servers end here, the machine does not. A disk that others keep busy takes longer for it than sessions last.
            .arg("-Dzookeeper.forceSync=no")
            .args(&self.more.java)
            .args(["-cp", &class_path(), "org.apache.zookeeper.server.quorum.QuorumPeerMain"])
            .arg(directory.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second descriptor"))
            .stdout(log)
            .spawn()
            .expect("java starts");
        self.servers[index] = Some(child);
    }

    pub fn kill_server(&mut self, index: usize) {
        if let Some(mut child) = self.servers[index].take() {
            child.kill().expect("it runs");
            child.wait().expect("a child");
        }
    }

    pub fn signal_server(&self, index: usize, signal: Signal) {
        let child = self.servers[index].as_ref().expect("it was started");
        kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
    }

    /// The index of the server that leads the others.
    pub async fn leader(&self) -> usize {
        for index in 0..self.len() {
            if matches!(self.mode(index).await.as_deref(), Some("leader" | "standalone")) {
                return index;
            }
        }
        panic!("one leads\n{}", self.logs())
    }

    pub async fn until_serving(&self) {
        let start = Instant::now();
        for index in (0..self.len()).filter(|index| self.servers[*index].is_some()) {
            while self.mode(index).await.is_none() {
                assert!(start.elapsed() < PATIENCE, "{}", self.logs());
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }

    /// None while it does not serve. Clients in the same test go on meanwhile.
    async fn mode(&self, index: usize) -> Option<String> {
        let ask = async {
            let mut stream = TcpStream::connect(self.address(index)).await.ok()?;
            stream.write_all(b"srvr").await.ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.ok()?;
            let mode = text.lines().find_map(|line| line.strip_prefix("Mode: "))?;
            Some(mode.to_owned())
        };
        tokio::time::timeout(ANSWER_TIMEOUT, ask).await.ok()?
    }

    fn configuration(&self, index: usize) -> String {
        let directory = self.directory(index).join("data");
        let mut text = format!(
            "tickTime={TICK_MS}\ninitLimit=50\nsyncLimit=10\ndataDir={}\nclientPort={CLIENT_PORT}\n\
             clientPortAddress={}\nmaxSessionTimeout=60000\n4lw.commands.whitelist=srvr\n",
            directory.display(),
            self.addresses[index],
        );
        if self.len() > 1 {
            for (number, address) in (1..).zip(&self.addresses) {
                text.push_str(&format!("server.{number}={address}:2888:3888\n"));
            }
        }
        text + &self.more.lines
    }

    fn directory(&self, index: usize) -> PathBuf {
        self.scratch.path().join((index + 1).to_string())
    }

    fn logs(&self) -> String {
        let log = |index| fs::read_to_string(self.directory(index).join("log")).unwrap_or_default();
        let ends = (0..self.len()).map(|index| last_lines(&log(index)));
        ends.collect::<Vec<_>>().join("\n---\n")
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for child in self.servers.iter_mut().flatten() {
            let _ended_already = child.kill();
            let _nothing_to_do = child.wait();
        }
    }
}

/// Of a client of ours, which gives up at the first server that answers too late.
pub async fn session(config: &Config) -> Client {
    let begin = Instant::now();
    loop {
        match config.connect(None).await {
            Ok(client) => return client,
            Err(error) => assert!(begin.elapsed() < PATIENCE, "no session: {error}"),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn class_path() -> String {
    let netty = NETTY.map(|name| format!("/usr/share/java/netty-{name}.jar"));
    format!("{JARS}:{}", netty.join(":"))
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// One of the 16 million loopback addresses, at which nobody listens.
fn free_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let [_, _, low, lowest] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 64 + low % 128, lowest, (number % 250 + 1) as u8);
        if TcpListener::bind((address, CLIENT_PORT)).is_ok() {
            return address;
        }
    }
}
