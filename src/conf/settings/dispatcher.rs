//! What only the dispatcher reads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::super::keys::dispatcher as keys;
use super::super::problem::Problem;
use super::super::table::Table;
use super::high_availability::{self, HighAvailability};
use super::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatcherSettings {
    /// Of the API.
    pub bind_address: IpAddr,
    pub port: u16,
    /// Where the API is reached, if it was told: host and port, or a URL.
    pub address: Option<String>,
    pub state_dir: PathBuf,
    /// Where several dispatchers elect their leader; then there is no state directory.
    pub zookeeper: Option<HighAvailability>,
    pub java_home: Option<PathBuf>,
    /// By version, as `1.20`.
    pub flinks: BTreeMap<String, FlinkSource>,
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
            state_dir: reader.value(&keys::STATE_DIR),
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
        assert_eq!(DispatcherSettings::from_table(&table).expect_err("wrong").len(), 2);
    }
}
