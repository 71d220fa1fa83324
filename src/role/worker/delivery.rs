//! What agents that have no image fetch: this program, Flink, and java.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::role::children;
use crate::role::setup::Setup;
use crate::role::taskmanager::{FLINK_ARCHIVE, JAVA_ARCHIVE, PROGRAM};
use artifact::bundle::{Bundle, BundlePlan};
use artifact::{Bundles, Configuration, overlay};
use base::events::Journal;
use base::exit::Exit;
use conf::settings::{self, Settings};
use conf::table::Table;
use conf::write;
use mesos::wire::command::Uri;
use scheduler::driver::facts::Fact;
use scheduler::spec::Delivery;
use tls::Identity;

use super::{Fatal, fatal};

/// Of a Flink home. What starts it is ours, its logs and its configuration are no part of it.
const FLINK_PARTS: [&str; 5] = ["lib", "plugins", "opt", "usrlib", "licenses"];
/// Of a Java home. A JDK has its sources and what jlink needs besides.
const JAVA_PARTS: [&str; 4] = ["bin", "conf", "lib", "legal"];

/// What is to be read, and where it goes when it has been: nobody waits for it but the first launch, and by then the
/// JobManager, whose start takes longer, is seldom there.
pub struct Files {
    sources: Vec<BundlePlan>,
    artifacts_url: String,
    /// What the user wants agents to fetch besides.
    more: Vec<Uri>,
    bundles: watch::Sender<Option<BTreeMap<String, Bundle>>>,
    delivery: Fact<Option<Delivery>>,
}

/// Where agents fetch it.
pub struct Server {
    pub url: String,
    /// With HTTPS only.
    pub identity: Option<Arc<Identity>>,
}

impl Server {
    /// HTTPS with the certificate of Flink's REST endpoint, if that has one.
    pub fn new(settings: &Settings, port: u16, rest: Option<&Arc<Identity>>) -> Self {
        let identity = rest.filter(|_| settings.artifacts.tls).map(Arc::clone);
        let scheme = if identity.is_some() { "https" } else { "http" };
        Self { url: format!("{scheme}://{}:{port}", settings.job_manager.address), identity }
    }
}

/// Finds what agents shall fetch, in this order, and what cannot be read of it.
pub fn sources(setup: &Setup, settings: &Settings, local: bool) -> Result<Vec<BundlePlan>, Fatal> {
    use settings::Delivery;
    let delivery = if local { Delivery::Nothing } else { settings.tasks.delivery };
    let (flink, java) = (&setup.distribution.home, &setup.java.path);
    Ok(match delivery {
        Delivery::Nothing => Vec::new(),
        Delivery::Flink => vec![program_plan()?, flink_plan(flink)?],
        Delivery::Everything => vec![program_plan()?, flink_plan(flink)?, java_plan(java)?],
    })
}

/// This program.
pub fn program_plan() -> Result<BundlePlan, Fatal> {
    BundlePlan::file(PROGRAM, &children::own_path()?).map_err(fatal(Exit::NoInput))
}

pub fn flink_plan(home: &Path) -> Result<BundlePlan, Fatal> {
    BundlePlan::directory(FLINK_ARCHIVE, home, &FLINK_PARTS).map_err(fatal(Exit::NoFlink))
}

pub fn java_plan(home: &Path) -> Result<BundlePlan, Fatal> {
    BundlePlan::directory(JAVA_ARCHIVE, home, &JAVA_PARTS).map_err(fatal(Exit::NoFlink))
}

/// What TaskManagers get: what is in `conf_dir`, and files that it names. What concerns the framework alone is not among it, its
/// secret above all.
pub fn configuration(
    setup: &Setup,
    settings: &Settings,
    conf_dir: &Path,
    local: bool,
) -> Result<Configuration, Fatal> {
    let mut configuration = Configuration::read(conf_dir).map_err(fatal(Exit::NoInput))?;
    let mut table = write::for_flink(&setup.loaded.table);
    if settings.tasks.delivery == settings::Delivery::Everything && !local {
        // It is where the task unpacks it.
        table.remove("env.java.home");
    }
    deliver_stores(setup, settings, local, &mut table, &mut configuration.files)?;
    let grammar = setup.loaded.grammar;
    let text = write::render(&table, grammar).map_err(fatal(Exit::Config))?;
    configuration.files.insert(grammar.file_name().to_owned(), text.into_bytes());
    Ok(configuration)
}

/// Gives agents that lack them the files that the configuration names, and names them there where they will be.
pub fn deliver_stores(
    setup: &Setup,
    settings: &Settings,
    local: bool,
    table: &mut Table,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Fatal> {
    if settings.tasks.delivery == settings::Delivery::Nothing || local {
        return Ok(());
    }
    overlay::add(table, &setup.environment, files).map_err(fatal(Exit::NoInput))
}

impl Files {
    pub fn new(
        sources: Vec<BundlePlan>,
        settings: &Settings,
        artifacts_url: &str,
        delivery: Fact<Option<Delivery>>,
    ) -> Self {
        let more = settings.tasks.uris.iter().map(|uri| Uri { value: Some(uri.clone()), ..Uri::default() });
        Self {
            sources,
            artifacts_url: artifacts_url.to_owned(),
            more: more.collect(),
            bundles: watch::Sender::new(None),
            delivery,
        }
    }

    pub fn bundles(&self) -> Bundles {
        self.bundles.subscribe()
    }

    /// Reads all of it, for the addresses are made of the content, and then tells the scheduler.
    pub async fn read(self, journal: Arc<Journal>) -> Result<(), Fatal> {
        let begin = Instant::now();
        let sources = self.sources;
        let reading = tokio::task::spawn_blocking(|| sources.into_iter().map(BundlePlan::read).collect());
        let bundles: Result<Vec<Bundle>, _> = reading.await.map_err(fatal(Exit::Software))?;
        let bundles = bundles.map_err(fatal(Exit::NoInput))?;
        if !bundles.is_empty() {
            let bytes: u64 = bundles.iter().map(Bundle::length).sum();
            let took = begin.elapsed().as_millis();
            let text = format!(
                "read the files in {took} ms that agents will fetch from {} bytes={bytes}",
                self.artifacts_url
            );
            journal.tell("files_read", text);
        }
        let mut delivery = delivery_of(&bundles, &self.artifacts_url);
        delivery.uris.extend(self.more);
        let by_path = bundles.into_iter().map(|bundle| (bundle.path(), bundle)).collect();
        self.bundles.send_replace(Some(by_path));
        self.delivery.send_replace(Some(delivery));
        Ok(())
    }
}

/// What a task is given that gets these from the server at this URL.
pub fn delivery_of<'b>(bundles: impl IntoIterator<Item = &'b Bundle>, artifacts_url: &str) -> Delivery {
    let mut delivery = Delivery::default();
    for bundle in bundles {
        delivery.uris.push(uri(bundle, artifacts_url));
        delivery
            .arguments
            .extend(["--delivered".to_owned(), format!("{}={}", bundle.name(), bundle.digest())]);
    }
    delivery
}

/// Archives are unpacked by the task, which checks them first.
fn uri(bundle: &Bundle, artifacts_url: &str) -> Uri {
    Uri {
        value: Some(format!("{artifacts_url}{}", bundle.path())),
        executable: Some(bundle.name() == PROGRAM),
        extract: Some(false),
        cache: Some(true),
        output_file: None,
    }
}
