//! What only the dispatcher reads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::keys::dispatcher as keys;
use super::super::problem::Problem;
use super::super::size::MemorySize;
use super::super::table::Table;
use super::high_availability::{self, HighAvailability};
use super::reader::Reader;
use super::tls::{ApiTls, Truststore};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatcherSettings {
    /// Of the API.
    pub bind_address: IpAddr,
    pub port: u16,
    /// Where the API is reached, if it was told: host and port, or a URL.
    pub address: Option<String>,
    pub tls: Option<ApiTls>,
    /// Whose certificates are taken from JobManagers that speak TLS; if there is none, those that the system trusts.
    pub jobmanager_trust: Option<Truststore>,
    /// Who may do what.
    pub tokens: Option<PathBuf>,
    pub state_dir: PathBuf,
    /// Where several dispatchers elect their leader; then there is no state directory.
    pub zookeeper: Option<HighAvailability>,
    pub artifacts: ArtifactSettings,
    pub java_home: Option<PathBuf>,
    /// By version, as `1.20`.
    pub flinks: BTreeMap<String, FlinkSource>,
}

/// What users push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactSettings {
    pub directory: Option<PathBuf>,
    pub max_file: MemorySize,
    pub max_total: MemorySize,
    pub grace: Duration,
    /// Of jars.
    pub schemes: Vec<String>,
    pub allow_private_addresses: bool,
}

/// Where a version of Flink comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlinkSource {
    /// Agents fetch it from the dispatcher.
    Directory(PathBuf),
    /// It is in this image.
    Image(String),
}

impl DispatcherSettings {
    /// All problems at once, or the settings.
    pub fn from_table(table: &Table) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(table);
        let zookeeper = reader.optional(&keys::ZOOKEEPER);
        let settings = Self {
            address: reader.optional(&keys::ADDRESS),
            zookeeper: zookeeper.map(|address| high_availability::of_dispatchers(&mut reader, address)),
            bind_address: reader.value(&keys::BIND_ADDRESS),
            port: reader.value(&keys::PORT),
            tls: ApiTls::read(&mut reader),
            jobmanager_trust: Truststore::if_named(&mut reader),
            tokens: reader.optional(&keys::TOKENS),
            state_dir: reader.value(&keys::STATE_DIR),
            artifacts: ArtifactSettings {
                directory: reader.optional(&keys::ARTIFACTS_DIR),
                max_file: reader.value(&keys::ARTIFACTS_MAX_FILE),
                max_total: reader.value(&keys::ARTIFACTS_MAX_TOTAL),
                grace: reader.value(&keys::ARTIFACTS_GRACE),
                schemes: reader.value(&keys::ARTIFACTS_SCHEMES),
                allow_private_addresses: reader.value(&keys::ARTIFACTS_ALLOW_PRIVATE),
            },
            java_home: reader.optional(&keys::JAVA_HOME),
            flinks: reader
                .with_prefix(keys::FLINK)
                .into_iter()
                .map(|(of, text)| (of, source(&text)))
                .collect(),
        };
        reader.finish(settings)
    }
}

/// A directory is named by an absolute path, which no image begins with.
fn source(text: &str) -> FlinkSource {
    match text.trim() {
        path if path.starts_with('/') => FlinkSource::Directory(path.into()),
        image => FlinkSource::Image(image.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Origin;
    use super::*;

    #[test]
    fn a_flink_is_a_directory_or_an_image() {
        let mut table = Table::default();
        for (key, value) in [("dispatcher.flink.1.20", "/opt/flink"), ("dispatcher.flink.2.3", "flink:2.3")] {
            table.set(key, value, Origin::Argument);
        }
        let settings = DispatcherSettings::from_table(&table).expect("good");
        assert_eq!(settings.flinks["1.20"], FlinkSource::Directory("/opt/flink".into()));
        assert_eq!(settings.flinks["2.3"], FlinkSource::Image("flink:2.3".into()));
        assert_eq!(settings.port, 8090);
        table.set("dispatcher.port", "http", Origin::Argument);
        table.set("dispatcher.bind-address", "nowhere", Origin::Argument);
        table.set("dispatcher.tokens", "tokens.yaml", Origin::Argument);
        assert_eq!(DispatcherSettings::from_table(&table).expect_err("wrong").len(), 3);
    }

    #[test]
    fn tls_is_that_of_the_rest_endpoint_whether_or_not_that_speaks_it() {
        let mut table = Table::default();
        let read = |table: &Table| DispatcherSettings::from_table(table).map(|settings| settings.tls);
        let store = ["keystore", "keystore-password", "key-password"];
        for key in store {
            table.set(format!("security.ssl.rest.{key}"), key, Origin::Argument);
        }
        table.set("security.ssl.rest.enabled", "true", Origin::Argument);
        assert_eq!(read(&table), Ok(None));
        table.set("security.ssl.rest.enabled", "false", Origin::Argument);
        table.set("dispatcher.ssl.enabled", "true", Origin::Argument);
        let tls = read(&table).expect("good").expect("it is on");
        assert_eq!((tls.own.keystore.to_str(), tls.clients), (Some("keystore"), None));
        table.set("security.ssl.rest.authentication-enabled", "true", Origin::Argument);
        let problems = read(&table).expect_err("no trust store");
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(
            told.len() == 2 && told.iter().all(|text| text.contains("security.ssl.rest.truststore")),
            "{told:?}"
        );
    }
}
