//! The client, and the routes behind TLS, with and without certificates of clients.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{Entry, Role, Tokens};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::callers::bare;
use super::world::World;
use super::{key_store, session};
use crate::client::{Address, AskError, Credentials, Dispatcher};
use crate::{AuditQuery, OrderQuery, caller};
use dispatcher::Match;
use serve::{Listening, TlsListener};
use tls::Identity;
use tls::store::Store;

/// Somebody with a key, and a certificate that nobody else vouches for.
struct Party {
    store: Store,
    _directory: TempDir,
}

impl Party {
    fn new(name: &str) -> Self {
        let (directory, path) = key_store(name);
        let [password, key_password] = ["password"; 2].map(str::to_owned);
        Self { store: Store { path, password, key_password }, _directory: directory }
    }

    /// In PEM, without and with the key.
    fn pem(&self) -> [Vec<u8>; 2] {
        let (key, chain) = self.store.key_chain().expect("a key");
        let block = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
        };
        let certificate = block("CERTIFICATE", &chain[0]);
        let both = format!("{certificate}{}", block("PRIVATE KEY", key.secret_der()));
        [certificate.into_bytes(), both.into_bytes()]
    }
}

async fn serve(world: &World, config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let entry = Entry {
        name: "reader".to_owned(),
        role: Role::View,
        mesos_roles: Vec::new(),
        users: Vec::new(),
        expires: None,
    };
    let tokens = Tokens::parse(&format!("tokens:\n{}", entry.text("reader")), &Arc::default()).expect("good");
    let routes = caller::by_port(bare(world), Some(Arc::new(move |token| tokens.find(token, 0).cloned())));
    let listener = TlsListener::new(Listening::new(listener, "test"), Arc::new(config));
    tokio::spawn(serve::serve(listener, routes));
    address
}

fn client(address: SocketAddr, credentials: &Credentials) -> Dispatcher {
    let address: Address = format!("https://{address}").parse().expect("an address");
    Dispatcher::with(&address, credentials).expect("a client")
}

async fn apply(client: &Dispatcher, name: &str) -> Result<u16, AskError> {
    let applied = client.apply(session(name), &OrderQuery::default(), Match::Any).await?;
    Ok(applied.results[0].status)
}

#[tokio::test]
async fn a_port_that_asks_for_certificates_knows_their_holders() {
    let world = World::new().await;
    let (server, ann, eve) = (Party::new("dispatcher"), Party::new("ann"), Party::new("eve"));
    let identity = Identity::read(&server.store).expect("a key");
    let config = identity.server_for(ann.store.roots().expect("certificates")).expect("a server");
    let address = serve(&world, config).await;
    let [authorities, _] = server.pem();
    let of = |party: Option<&Party>, token: Option<&str>| Credentials {
        token: token.map(str::to_owned),
        authorities: Some(authorities.clone()),
        certificate: party.map(|party| party.pem()[1].clone()),
    };
    assert_eq!(apply(&client(address, &of(Some(&ann), None)), "a").await.expect("an answer"), 201);
    for nobody in [of(None, None), of(Some(&eve), None), of(None, Some("reader"))] {
        let error = apply(&client(address, &nobody), "b").await.expect_err("nobody");
        assert!(matches!(error, AskError::NoAnswer { .. }), "{error:?}");
    }
    // A token decides, for a holder of a certificate too.
    let error =
        apply(&client(address, &of(Some(&ann), Some("reader"))), "b").await.expect_err("may look only");
    assert!(matches!(&error, AskError::Refused { problem, .. } if problem.status == 403), "{error:?}");
    // A server whom nobody vouches for is told nothing.
    let [strangers, _] = eve.pem();
    let stranger = Credentials { authorities: Some(strangers), ..of(Some(&ann), None) };
    let error = apply(&client(address, &stranger), "b").await.expect_err("a stranger");
    assert!(matches!(error, AskError::NoAnswer { .. }), "{error:?}");
    let audit =
        client(address, &of(Some(&ann), None)).audit(&AuditQuery::default()).await.expect("an answer");
    let users: Vec<_> = audit.iter().map(|entry| (entry.cluster.as_str(), entry.user.as_deref())).collect();
    assert_eq!(users, [("a", Some("ann"))]);
}

#[tokio::test]
async fn tokens_go_over_tls_too() {
    let world = World::new().await;
    let server = Party::new("dispatcher");
    let config = Identity::read(&server.store).expect("a key").server().expect("a server");
    let address = serve(&world, config).await;
    let [authorities, _] = server.pem();
    let with = |token: &str| Credentials {
        token: Some(token.to_owned()),
        authorities: Some(authorities.clone()),
        certificate: None,
    };
    assert_eq!(client(address, &with("reader")).clusters().await.expect("an answer"), []);
    for (token, status) in [("forged", 401), ("reader", 403)] {
        let error = apply(&client(address, &with(token)), "a").await.expect_err("refused");
        assert!(matches!(&error, AskError::Refused { problem, .. } if problem.status == status), "{error:?}");
    }
}

#[test]
fn what_is_no_certificate_or_token_is_told() {
    let address: Address = "https://127.0.0.1:1".parse().expect("an address");
    let some = |text: &str| Some(text.as_bytes().to_vec());
    for (credentials, expected) in [
        (Credentials { authorities: some("x"), ..Credentials::default() }, "hold no certificate"),
        (
            Credentials { certificate: some("x"), ..Credentials::default() },
            "client's certificate cannot be used",
        ),
        (
            Credentials { token: Some("a\nb".to_owned()), ..Credentials::default() },
            "the token holds what no token",
        ),
    ] {
        let error = Dispatcher::with(&address, &credentials).err().expect("refused");
        let told = base::log::chain(&error);
        assert!(told.contains(expected), "{told}");
    }
}
