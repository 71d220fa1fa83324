//! The dispatcher's configuration.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tracing::Level;

use crate::cli::ClusterOptions;
use access::Defaults;
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::keys;
use conf::options;
use conf::settings::{DispatcherSettings, FlinkSource, Settings};
use conf::table::{Origin, Table};
use conf::warning::Warning;
use conf::{Loaded, Mode, Request};
use domain::job::Rules;
use manifest::FlinkVersion;
use serve::Closing;

use super::tokens::TokenFile;
use super::{PART, admission};
use crate::role::error::{Fatal, fatal};
use crate::role::findings::Findings;
use crate::role::{setup, user};

/// Where packages put it.
pub const CONF_DIR: &str = "/etc/flink-on-mesos";

/// Its file is written as Flink writes its own since 2.0.
const GRAMMAR_OF: conf::grammar::Version = (2, 0);

/// A week: how long Mesos keeps AppMasters while there is no dispatcher.
const FAILOVER_TIMEOUT_S: &str = "604800";

#[derive(Debug, thiserror::Error)]
#[error("cannot keep what the dispatcher is told in the directory that `{}` names", keys::dispatcher::STATE_DIR.name)]
pub struct StateDirError {
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot create {}", path.display())]
struct CreateError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

pub struct Opened {
    pub settings: Settings,
    pub dispatcher: DispatcherSettings,
    pub loaded: Loaded,
    pub tokens: Option<TokenFile>,
    /// Before the process ends.
    pub closing: Closing,
    conf_dir: PathBuf,
}

impl Opened {
    /// Where jars may be.
    pub fn rules(&self) -> Rules {
        let artifacts = &self.dispatcher.artifacts;
        Rules {
            schemes: artifacts.schemes.clone(),
            allow_private_addresses: artifacts.allow_private_addresses,
            max_bytes: artifacts.max_file.bytes(),
        }
    }

    /// All that is wrong at once.
    pub fn read(options: &ClusterOptions, environment: &Environment) -> Result<Self, Fatal> {
        let conf_dir = options.conf_dir.clone().unwrap_or_else(|| CONF_DIR.into());
        let request = Request {
            conf_dir: &conf_dir,
            version: GRAMMAR_OF,
            environment,
            arguments: &options.properties,
            host_name: &setup::host_name(),
            mode: Mode::Cluster,
        };
        let mut loaded = conf::load(&request).map_err(|error| Fatal::new(error.exit(), error))?;
        // Each cluster gets one of its own.
        loaded.warnings.retain(|warning| !warning.contains(keys::flink::CLUSTER_ID.name));
        loaded.warnings.extend(options::warnings(&loaded.table, None));
        user::decide(&mut loaded.table, environment).map_err(fatal(Exit::Os))?;
        wait_for_the_next(&mut loaded.table);
        let mut findings = Findings::default();
        for problem in &loaded.problems {
            findings.add_problem(Exit::Config, problem);
        }
        let (settings, dispatcher) =
            (Settings::from_table(&loaded.table), DispatcherSettings::from_table(&loaded.table));
        for problem in settings.as_ref().err().into_iter().chain(dispatcher.as_ref().err()).flatten() {
            findings.add_problem(Exit::Config, problem);
        }
        let mut tokens = None;
        if let Ok(dispatcher) = &dispatcher {
            for finding in check(dispatcher) {
                findings.add(&finding);
            }
            let defaults = settings.as_ref().map(defaults).unwrap_or_default();
            let opened = dispatcher.tokens.as_deref().map(|path| TokenFile::open(path, defaults));
            let opened = opened.transpose().map_err(fatal(Exit::Config));
            if let Some(opened) = findings.take(opened) {
                findings.take(admission::check(dispatcher, opened.as_ref()));
                let warnings = admission::warnings(dispatcher, opened.as_ref());
                loaded.warnings.extend(warnings.into_iter().map(Warning::from));
                tokens = opened;
            }
        }
        let (found, _warnings) = findings.finish(settings.ok().zip(dispatcher.ok()))?;
        let (settings, dispatcher) = found;
        Ok(Self { settings, dispatcher, loaded, tokens, closing: Closing::default(), conf_dir })
    }

    pub fn table(&self) -> &Table {
        &self.loaded.table
    }

    pub fn tell(&self) {
        for warning in &self.loaded.warnings {
            log::line(Level::WARN, PART, warning);
        }
        let DispatcherSettings { zookeeper, address, bind_address, .. } = &self.dispatcher;
        if zookeeper.is_some() && address.is_none() && bind_address.is_loopback() {
            let text = format!(
                "the API listens on {bind_address} alone, so whoever orders at another dispatcher cannot be sent here: name an address that leads here in `{}`",
                keys::dispatcher::ADDRESS.name
            );
            log::line(Level::WARN, PART, &text);
        }
        let flinks: Vec<_> = self.dispatcher.flinks.keys().map(String::as_str).collect();
        let text = format!(
            "configuration in {}, state in {}, Flink {}",
            self.conf_dir.display(),
            self.state(),
            if flinks.is_empty() { "of images only".to_owned() } else { flinks.join(", ") }
        );
        log::line(Level::INFO, PART, &text);
    }

    /// Where it is kept.
    fn state(&self) -> String {
        match &self.dispatcher.zookeeper {
            Some(ha) => format!("ZooKeeper at {}{}", ha.quorum, ha.root),
            None => self.dispatcher.state_dir.display().to_string(),
        }
    }

    /// Those that it can launch clusters with that name no image.
    pub fn flink_versions(&self) -> impl Iterator<Item = FlinkVersion> {
        self.dispatcher.flinks.keys().filter_map(|version| flink_version(version))
    }

    /// The directories of Flink by version.
    pub fn flink_directories(&self) -> BTreeMap<String, PathBuf> {
        let flinks = self.dispatcher.flinks.iter();
        let directories = flinks.filter_map(|(version, source)| match source {
            FlinkSource::Directory(path) => Some((version.clone(), path.clone())),
            FlinkSource::Image(_) => None,
        });
        directories.collect()
    }
}

/// What clusters take that say nothing else.
fn defaults(settings: &Settings) -> Defaults {
    Defaults { roles: settings.framework.roles.clone(), user: settings.framework.user.clone() }
}

/// Where nobody says otherwise an AppMaster waits for minutes only.
fn wait_for_the_next(table: &mut Table) {
    let key = keys::FAILOVER_TIMEOUT.name;
    if table.get(key).is_none() {
        let why = "the next dispatcher finds AppMasters alive".to_owned();
        table.set(key, FAILOVER_TIMEOUT_S, Origin::Rewritten { why });
    }
}

fn flink_version(text: &str) -> Option<FlinkVersion> {
    FlinkVersion::parse(&format!("v{}", text.replace('.', "_")))
}

fn check(dispatcher: &DispatcherSettings) -> Vec<Fatal> {
    let mut found = Vec::new();
    for (version, source) in &dispatcher.flinks {
        let key = format!("{}{version}", keys::dispatcher::FLINK);
        if flink_version(version).is_none_or(|version| !version.is_supported()) {
            found.push(Fatal::new(Exit::Config, format!("`{key}` names no version of Flink, such as 1.20")));
        }
        let FlinkSource::Directory(path) = source else { continue };
        if let Err(error) = flink::distribution::Distribution::open(path) {
            let text = format!("`{key}` is {}: {}", path.display(), log::chain(&error));
            found.push(Fatal::new(Exit::NoFlink, text));
        }
    }
    found
}

/// With no more than its last part, for its owner alone.
pub fn create(directory: &Path) -> Result<(), Fatal> {
    if directory.is_dir() {
        return Ok(());
    }
    let created = DirBuilder::new().mode(0o700).create(directory);
    created
        .map_err(|source| CreateError { path: directory.to_owned(), source })
        .map_err(fatal(Exit::CannotCreate))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<Opened, String> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("config.yaml"), text).expect("written");
        let options = ClusterOptions { conf_dir: Some(directory.path().to_owned()), ..Default::default() };
        Opened::read(&options, &Environment::default()).map_err(|fatal| log::chain(fatal.error.as_ref()))
    }

    #[test]
    fn mesos_keeps_appmasters_for_a_week_unless_somebody_says_otherwise() {
        let timeout = |text: &str| read(text).expect("good").settings.framework.failover_timeout;
        assert_eq!(timeout("mesos.master: m:5050\n"), Duration::from_secs(7 * 24 * 3600));
        assert_eq!(timeout("mesos.master: m:5050\nmesos.failover-timeout: 60\n"), Duration::from_secs(60));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let text = "mesos.failover-timeout: soon
dispatcher.bind-address: 0.0.0.0
dispatcher.flink.1.20: /nowhere
dispatcher.flink.newest: flink:latest
dispatcher.port: http
";
        let error = read(text).err().expect("refused");
        let parts = ["mesos.master", "mesos.failover-timeout", "dispatcher.port"];
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
        let text = text.replace("dispatcher.port: http\n", "");
        let error = read(&text).err().expect("refused");
        for part in
            ["dispatcher.bind-address", "dispatcher.flink.1.20", "/nowhere", "dispatcher.flink.newest"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    const MASTER: &str = "mesos.master: m:5050\n";
    const ANYWHERE: &str = "dispatcher.bind-address: 0.0.0.0\n";

    #[test]
    fn others_are_kept_out_by_tokens() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("tokens.yaml");
        let with_tokens = |address: &str| format!("{MASTER}{address}dispatcher.tokens: {}\n", path.display());
        let refused = |text: &str| read(text).err().expect("refused");
        let both = ["dispatcher.tokens", "security.ssl.rest.authentication-enabled"];
        let error = refused(&format!("{MASTER}{ANYWHERE}"));
        assert!(both.iter().all(|key| error.contains(key)), "{error}");
        let error = refused(&with_tokens(ANYWHERE));
        assert!(
            error.starts_with(&format!("cannot read {}, which `dispatcher.tokens`", path.display())),
            "{error}"
        );
        std::fs::write(&path, "tokens: []\n").expect("written");
        let error = refused(&with_tokens(ANYWHERE));
        assert!(both.iter().all(|key| error.contains(key)), "{error}");
        std::fs::write(&path, "tokens:\n- {name: a, role: view}\n").expect("written");
        for address in [ANYWHERE, ""] {
            let error = refused(&with_tokens(address));
            let begin = format!("{}:2: sha256: expected", path.display());
            assert!(error.starts_with(&begin), "{error}");
        }
        std::fs::write(&path, format!("tokens:\n- {{name: a, role: view, sha256: {}}}\n", "0a".repeat(32)))
            .expect("written");
        let opened = read(&with_tokens(ANYWHERE)).unwrap_or_else(|error| panic!("{error}"));
        let readable =
            |opened: &Opened| opened.loaded.warnings.iter().any(|text| text.contains("readable by others"));
        assert!(readable(&opened), "{:?}", opened.loaded.warnings);
        let opened = read(&with_tokens("")).unwrap_or_else(|error| panic!("{error}"));
        assert!(!readable(&opened));
    }

    #[test]
    fn others_are_kept_out_by_certificates() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = directory.path().join("store");
        let made = std::process::Command::new("keytool")
            .args([
                "-genkeypair",
                "-alias",
                "a",
                "-keyalg",
                "EC",
                "-dname",
                "CN=here",
                "-storetype",
                "PKCS12",
            ])
            .args(["-storepass", "password", "-keystore"])
            .arg(&store)
            .output()
            .expect("keytool");
        assert!(made.status.success(), "{made:?}");
        let (store, rest) = (store.display(), "security.ssl.rest");
        let tls = format!(
            "{MASTER}{ANYWHERE}dispatcher.ssl.enabled: true\n{rest}.keystore: {store}\n{rest}.keystore-password: password\n{rest}.key-password: password\n"
        );
        let error = read(&tls).err().expect("it asks for nothing");
        assert!(error.contains("dispatcher.tokens"), "{error}");
        let asking = format!(
            "{tls}{rest}.authentication-enabled: true\n{rest}.truststore: {store}\n{rest}.truststore-password: password\n"
        );
        let opened = read(&asking).unwrap_or_else(|error| panic!("{error}"));
        assert!(!opened.loaded.warnings.iter().any(|text| text.contains("readable by others")));
        for key in ["keystore-password", "truststore-password"] {
            let wrong = asking.replace(&format!(".{key}: password"), &format!(".{key}: wrong"));
            let error = read(&wrong).err().expect("refused");
            assert!(
                error.contains("failed to read the key store") && !error.contains("wrong;"),
                "{key}: {error}"
            );
        }
    }
}
