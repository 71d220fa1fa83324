//! The AppMaster's client and masters that speak TLS, with certificates as people make them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base::lease::Lease;
use mesos::address::MasterAddress;
use mesos::client::{self, Calls, Config, Masters, Reports, Trust};
use mesos::event::Event;
use mesos::report::Report;
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use tempfile::TempDir;
use tls::store::Store;
use tls::{Fingerprint, Identity};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::embedded::{Embedded, PATIENCE, wait_for};
use crate::ports::free_ports;

/// As Mesos' manual has it made.
struct SelfSigned(TempDir);

impl SelfSigned {
    fn new() -> Self {
        let made = Self(TempDir::new().expect("a directory"));
        made.openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mesos.example -keyout key.pem -out cert.pem",
        );
        made.openssl("pkcs12 -export -in cert.pem -inkey key.pem -passout pass:changeit -out both.p12");
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, arguments: &str) -> String {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.path())
            .output()
            .expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// As openssl prints it.
    fn fingerprint(&self) -> Fingerprint {
        let printed = self.openssl("x509 -noout -fingerprint -sha256 -in cert.pem");
        printed.trim().rsplit('=').next().expect("a fingerprint").parse().expect("a SHA-256")
    }

    /// TLS in front of somebody who speaks none.
    async fn in_front_of(&self, behind: SocketAddr) -> SocketAddr {
        let password = "changeit".to_owned();
        let path = self.path().join("both.p12");
        let store = Store { path, password: password.clone(), key_password: password };
        let server = Identity::read(&store).expect("a key").server().expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((outside, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(outside).await else { return };
                    let mut inside = TcpStream::connect(behind).await.expect("a connection");
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        address
    }
}

fn start(address: SocketAddr, trust: Trust) -> (Calls, Reports) {
    let parsed = format!("https://{address}").parse();
    let Ok(MasterAddress::Masters(masters)) = parsed else { panic!("{parsed:?}") };
    let framework = FrameworkInfo {
        user: Some("root".to_owned()),
        name: Some("flink".to_owned()),
        roles: vec!["flink".to_owned()],
        capabilities: vec![Capability { r#type: Some(CapabilityType::MultiRole as i32) }],
        ..FrameworkInfo::default()
    };
    let config = Config {
        masters: Masters::Known(masters),
        framework,
        suppressed_roles: Vec::new(),
        credentials: None,
        lease: Lease::unlimited(),
        trust,
    };
    client::start(config).expect("a client")
}

async fn first(address: SocketAddr, trust: Trust) -> Report {
    let (_calls, mut reports) = start(address, trust);
    tokio::time::timeout(PATIENCE, reports.next()).await.expect("a report in time").expect("a running client")
}

async fn trouble(address: SocketAddr, trust: Trust) -> String {
    match first(address, trust).await {
        Report::Unreachable { why, .. } => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_self_signed_master_is_believed_by_its_certificate_alone() {
    let mesos = Embedded::start(&["--agents=0"]);
    let (ours, other) = (SelfSigned::new(), SelfSigned::new());
    let address = ours.in_front_of(mesos.address).await;
    let told = trouble(address, Trust::System).await;
    assert!(told.starts_with("invalid peer certificate: "), "{told}");
    assert!(told.contains("set mesos.master.ssl.cert.fingerprint to the certificate's SHA-256"), "{told}");
    let told = trouble(address, Trust::Pinned(vec![other.fingerprint()])).await;
    assert!(told.contains("none of those in mesos.master.ssl.cert.fingerprint"), "{told}");
    // One of several masters'.
    let report = first(address, Trust::Pinned(vec![other.fingerprint(), ours.fingerprint()])).await;
    assert!(matches!(report, Report::Event(Event::Subscribed { .. })), "{report:?}");
}

#[tokio::test]
async fn the_default_ciphers_of_mesos_are_named_with_what_helps() {
    let keys = SelfSigned::new();
    let [port] = free_ports();
    let mut server = s_server(&keys, port, &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:AES256-SHA"]);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for("openssl", || std::net::TcpStream::connect(address).ok());
    let told = trouble(address, Trust::Pinned(vec![keys.fingerprint()])).await;
    server.kill().expect("it runs");
    server.wait().expect("its end");
    assert!(told.contains("HandshakeFailure"), "{told}");
    assert!(told.contains("LIBPROCESS_SSL_ENABLE_TLS_V1_3=true"), "{told}");
    // What it advises works: the handshake succeeds, and what is behind it is no master.
    for advised in [&["-tls1_3"][..], &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]] {
        let [port] = free_ports();
        let mut server = s_server(&keys, port, &[advised, &["-www"]].concat());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for("openssl", || std::net::TcpStream::connect(address).ok());
        let report = first(address, Trust::Pinned(vec![keys.fingerprint()])).await;
        server.kill().expect("it runs");
        server.wait().expect("its end");
        let told = format!("{report:?}");
        assert!(!told.contains("Handshake") && !told.contains("certificate"), "{advised:?}: {told}");
    }
}

fn s_server(keys: &SelfSigned, port: u16, options: &[&str]) -> Child {
    Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
            "-quiet",
        ])
        .args(options)
        .current_dir(keys.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl")
}
