//! Key stores as Java's own tool makes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tls::Identity;
use tls::store::Store;

use super::secrets;

/// Those of a cluster that encrypts everything: of REST in PKCS12, of Flink's own connections in JKS.
pub struct Stores {
    directory: TempDir,
}

impl Stores {
    pub fn make() -> Self {
        let stores = Self { directory: tempfile::tempdir().expect("a directory") };
        let host = nix::unistd::gethostname().expect("a name");
        let names = format!("SAN=dns:localhost,ip:127.0.0.1,dns:{}", host.to_str().expect("UTF-8"));
        let key = ["-genkeypair", "-alias", "a", "-keyalg", "RSA", "-validity", "7", "-dname", "CN=test"];
        let rest = [&key[..], &["-storetype", "PKCS12", "-ext", &names]].concat();
        stores.keytool("rest", secrets::REST, &rest, &[]);
        let internal = [&key[..], &["-storetype", "JKS", "-keypass", secrets::INTERNAL_KEY]].concat();
        stores.keytool("internal", secrets::INTERNAL, &internal, &[]);
        let pem = stores.certificates();
        stores.keytool(
            "rest",
            secrets::REST,
            &["-exportcert", "-rfc", "-alias", "a"],
            &["-file", &text(&pem)],
        );
        let import = ["-importcert", "-noprompt", "-alias", "a", "-storetype", "PKCS12"];
        stores.keytool("trust", secrets::TRUST, &import, &["-file", &text(&pem)]);
        stores
    }

    pub fn path(&self, name: &str) -> String {
        text(&self.directory.path().join(name))
    }

    /// What a client trusts that trusts the REST endpoint.
    pub fn certificates(&self) -> PathBuf {
        self.directory.path().join("rest.pem")
    }

    /// The REST endpoint's.
    pub fn identity(&self) -> Identity {
        let store = Store {
            path: self.directory.path().join("rest"),
            password: secrets::REST.to_owned(),
            key_password: secrets::REST.to_owned(),
        };
        Identity::read(&store).expect("a key")
    }

    /// A file beside them.
    pub fn add(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(&path, content).expect("written");
        text(&path)
    }

    fn keytool(&self, store: &str, password: &str, command: &[&str], more: &[&str]) {
        let path = self.path(store);
        let own = ["-keystore", &path, "-storepass", password];
        let made = Command::new("keytool").args(command).args(own).args(more).output().expect("keytool");
        assert!(made.status.success(), "{made:?}");
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}
