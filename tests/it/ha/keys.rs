//! Certificates, in the forms in which Java wants them.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

pub const PASSWORD: &str = "store-secret";

/// An authority, and what it has signed.
pub struct Keys(TempDir);

impl Keys {
    pub fn new(server: Ipv4Addr) -> Self {
        let keys = Self(tempfile::tempdir().expect("a directory"));
        keys.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=authority -keyout authority.key -out authority.pem");
        fs::write(keys.path("server.names"), format!("subjectAltName=IP:{server}")).expect("written");
        fs::write(keys.path("client.names"), "extendedKeyUsage=clientAuth").expect("written");
        for name in ["server", "client"] {
            keys.openssl(&format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.request"));
            keys.openssl(&format!("x509 -req -in {name}.request -CA authority.pem -CAkey authority.key -CAcreateserial -days 9 -extfile {name}.names -out {name}.crt"));
            let parts = ["key", "crt"]
                .map(|part| fs::read_to_string(keys.path(&format!("{name}.{part}"))).expect("made"));
            fs::write(keys.path(&format!("{name}.pem")), parts.concat()).expect("written");
            keys.openssl(&format!("pkcs12 -export -in {name}.pem -certfile authority.pem -name {name} -passout pass:{PASSWORD} -out {name}.p12"));
        }
        keys.trust("trust.p12", "pkcs12");
        keys
    }

    /// With Java's own tool.
    pub fn trust(&self, file: &str, kind: &str) {
        let import = format!(
            "-importcert -noprompt -alias authority -file authority.pem -keystore {file} -storetype {kind} -storepass {PASSWORD}"
        );
        self.run("keytool", &import);
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn text(&self, file: &str) -> String {
        self.path(file).to_str().expect("UTF-8").to_owned()
    }

    fn openssl(&self, arguments: &str) {
        self.run("openssl", arguments);
    }

    fn run(&self, program: &str, arguments: &str) {
        let output = Command::new(program).args(arguments.split(' ')).current_dir(self.0.path()).output();
        let output = output.expect("it is installed");
        assert!(output.status.success(), "{program} {arguments}: {output:?}");
    }
}
