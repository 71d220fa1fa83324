//! With stores that Java's own tool has made.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

struct Made {
    directory: TempDir,
    path: PathBuf,
}

/// Of this type, with a key of this kind.
fn store(kind: &str, algorithm: &str, key_password: &str) -> Made {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let made = Command::new("keytool")
        .args(["-genkeypair", "-alias", "a", "-keyalg", algorithm, "-dname", "CN=here", "-storetype", kind])
        .args(["-storepass", "store-password", "-keypass", key_password, "-keystore"])
        .arg(&path)
        .output()
        .expect("keytool");
    assert!(made.status.success(), "{made:?}");
    Made { directory, path }
}

#[tokio::test]
async fn keys_of_both_formats_serve_and_are_known_again() {
    for (kind, algorithm, key_password) in [
        ("PKCS12", "RSA", "store-password"),
        ("PKCS12", "EC", "store-password"),
        ("JKS", "RSA", "key-password"),
        ("JKS", "EC", "store-password"),
    ] {
        let store = store(kind, algorithm, key_password);
        let own = identity(&store.path, "store-password", key_password)
            .unwrap_or_else(|error| panic!("{kind} {algorithm}: {}", base::log::chain(&error)));
        assert_eq!(told(&own, own.client().expect("a client")).await.expect("an answer"), "hello");
        let pinned = own.fingerprint().to_string().parse::<Fingerprint>().expect("understood");
        assert_eq!(told(&own, pinned.client().expect("a client")).await.expect("an answer"), "hello");
        let other = Fingerprint::of(b"other").client().expect("a client");
        told(&own, other).await.expect_err("somebody else");
    }
}

fn identity(path: &Path, password: &str, key_password: &str) -> Result<Identity, IdentityError> {
    Identity::read(&Store {
        path: path.to_owned(),
        password: password.to_owned(),
        key_password: key_password.to_owned(),
    })
}

/// What a server says to a client.
async fn told(identity: &Identity, client: ClientConfig) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server().expect("a server")));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = acceptor.accept(stream).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await
    });
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().expect("a name");
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[test]
fn what_cannot_be_used_is_told() {
    let jks = store("JKS", "RSA", "key-password");
    let pkcs12 = store("PKCS12", "RSA", "store-password");
    let nothing = jks.directory.path().join("nothing");
    let text = jks.directory.path().join("text");
    let cut = jks.directory.path().join("cut");
    fs::write(&text, "a key").expect("written");
    let whole = fs::read(&jks.path).expect("read");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    for (path, store_password, key_password, expected) in [
        (&jks.path, "wrong", "key-password", "wrong password, or damaged"),
        (&jks.path, "store-password", "wrong", "wrong password of the key"),
        (&cut, "store-password", "key-password", "wrong password, or damaged"),
        (&pkcs12.path, "wrong", "wrong", "wrong password, or damaged"),
        (&nothing, "", "", "it cannot be read"),
        (&text, "", "", "neither PEM nor PKCS#12 nor JKS"),
    ] {
        let error = identity(path, store_password, key_password).expect_err(expected);
        let told = base::log::chain(&error);
        assert!(told.contains(expected) && told.contains(path.to_str().expect("UTF-8")), "{told}");
    }
}

#[test]
fn no_part_of_a_store_makes_the_reader_fail() {
    let store = store("JKS", "EC", "store-password");
    let whole = fs::read(&store.path).expect("read");
    for end in 0..whole.len() {
        // With a digest that is right for it.
        let mut cut = whole[..end].to_vec();
        let digest = jks::digest("store-password", &cut);
        cut.extend(digest);
        let _ = jks::read(&cut, "store-password");
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_itself_or_by_who_vouches_for_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let keytool = |words: &str| {
        let words = words.split(' ').chain(["-storepass", "store-password"]);
        let made =
            Command::new("keytool").args(words).current_dir(directory.path()).output().expect("keytool");
        assert!(made.status.success(), "{made:?}");
    };
    for (store, extension) in [("authority", "bc:c"), ("here", "bc=ca:false"), ("elsewhere", "bc=ca:false")] {
        keytool(&format!(
            "-genkeypair -alias a -keyalg EC -dname CN={store} -storetype PKCS12 -ext {extension} -keystore {store}"
        ));
    }
    keytool("-exportcert -rfc -alias a -file authority.pem -keystore authority");
    for (store, name) in [("here", "localhost"), ("elsewhere", "elsewhere.example")] {
        keytool(&format!("-certreq -alias a -file request -keystore {store}"));
        keytool(&format!(
            "-gencert -alias a -rfc -ext san=dns:{name} -infile request -outfile signed -keystore authority"
        ));
        keytool(&format!("-importcert -noprompt -alias ca -file authority.pem -keystore {store}"));
        keytool(&format!("-importcert -noprompt -alias a -file signed -keystore {store}"));
    }
    let identity = |name: &str| {
        identity(&directory.path().join(name), "store-password", "store-password").expect("a key")
    };
    let (here, elsewhere) = (identity("here"), identity("elsewhere"));
    let pem = Store {
        path: directory.path().join("authority.pem"),
        password: String::new(),
        key_password: String::new(),
    };
    let authority = pem.certificates().expect("certificates");
    let trust = |certificates: &[CertificateDer<'static>]| trusting(certificates.to_vec()).expect("a client");
    assert_eq!(told(&here, trust(&authority)).await.expect("its name"), "hello");
    told(&elsewhere, trust(&authority)).await.expect_err("another name");
    assert_eq!(told(&elsewhere, trust(&elsewhere.chain[..1])).await.expect("itself"), "hello");
    told(&here, trust(&elsewhere.chain[..1])).await.expect_err("somebody else");
}
