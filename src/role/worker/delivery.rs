//! What agents that have no image fetch: this program, Flink, and java.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::role::setup::Setup;
use crate::role::task::{FLINK_ARCHIVE, JAVA_ARCHIVE, PROGRAM};
use artifact::bundle::{self, Bundle, BundleError, BundlePlan};
use artifact::delivered::Delivered;
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
    sources: Vec<Fetchable>,
    /// Below which agents fetch.
    base_url: String,
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

/// Something that agents fetch.
pub enum Fetchable {
    /// Where this AppMaster was given it from, by its digest: it need not be read.
    Elsewhere(Delivered),
    Here(BundlePlan),
}

impl Fetchable {
    pub fn name(&self) -> &str {
        match self {
            Self::Elsewhere(file) => &file.name,
            Self::Here(plan) => plan.name(),
        }
    }
}

/// Finds what agents shall fetch, in this order, and what cannot be read of it. `given` is what this AppMaster was given, which
/// is where agents fetch if that is not here.
pub fn sources(
    setup: &Setup,
    settings: &Settings,
    given: &[Delivered],
    local: bool,
) -> Result<Vec<Fetchable>, Fatal> {
    use settings::Delivery;
    let delivery = if local { Delivery::Nothing } else { settings.tasks.delivery };
    let wanted: &[&str] = match delivery {
        Delivery::Nothing => &[],
        Delivery::Flink => &[PROGRAM, FLINK_ARCHIVE],
        Delivery::Everything => &[PROGRAM, FLINK_ARCHIVE, JAVA_ARCHIVE],
    };
    let given = if settings.artifacts.base_url.is_some() { given } else { &[] };
    let source = |name: &&str| match given.iter().find(|file| file.name == *name) {
        Some(file) => Ok(Fetchable::Elsewhere(file.clone())),
        None => plan(setup, name).map(Fetchable::Here),
    };
    wanted.iter().map(source).collect()
}

fn plan(setup: &Setup, name: &str) -> Result<BundlePlan, Fatal> {
    match name {
        FLINK_ARCHIVE => flink_plan(&setup.distribution.home),
        JAVA_ARCHIVE => java_plan(&setup.java.path),
        _ => program_plan(),
    }
}

/// This program as it runs, also after another one has been put in its place.
pub fn program_plan() -> Result<BundlePlan, Fatal> {
    BundlePlan::file(PROGRAM, Path::new("/proc/self/exe")).map_err(fatal(Exit::NoInput))
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
        sources: Vec<Fetchable>,
        settings: &Settings,
        artifacts_url: &str,
        delivery: Fact<Option<Delivery>>,
    ) -> Self {
        let more = settings.tasks.uris.iter().map(|uri| Uri { value: Some(uri.clone()), ..Uri::default() });
        Self {
            sources,
            base_url: settings.artifacts.base_url.as_deref().unwrap_or(artifacts_url).to_owned(),
            more: more.collect(),
            bundles: watch::Sender::new(None),
            delivery,
        }
    }

    pub fn bundles(&self) -> Bundles {
        self.bundles.subscribe()
    }

    /// Reads all of it that is here, for the addresses are made of the content, and then tells the scheduler.
    pub async fn read(self, journal: Arc<Journal>) -> Result<(), Fatal> {
        let begin = Instant::now();
        let Self { sources, base_url, more, bundles: served, delivery } = self;
        let reading = tokio::task::spawn_blocking(|| sources.into_iter().map(Fetchable::read).collect());
        let files: Result<Vec<File>, _> = reading.await.map_err(fatal(Exit::Software))?;
        let files = files.map_err(fatal(Exit::NoInput))?;
        let here: Vec<_> = files.iter().filter_map(|file| file.bundle.as_ref()).collect();
        if !here.is_empty() {
            let bytes: u64 = here.iter().map(|bundle| bundle.length()).sum();
            let took = begin.elapsed().as_millis();
            let text =
                format!("read the files in {took} ms that agents will fetch from {base_url} bytes={bytes}");
            journal.tell("files_read", text);
        } else if !files.is_empty() {
            journal.tell(
                "files_known",
                format!("agents will fetch from {base_url} what this AppMaster was given"),
            );
        }
        let mut told = delivery_of(files.iter().map(|file| (&*file.name, &*file.digest)), &base_url);
        told.uris.extend(more);
        let by_path = files.into_iter().filter_map(|file| file.bundle);
        served.send_replace(Some(by_path.map(|bundle| (bundle.path(), bundle)).collect()));
        delivery.send_replace(Some(told));
        Ok(())
    }
}

/// What agents fetch, and check by its digest.
struct File {
    name: String,
    digest: String,
    /// None where somebody else serves it.
    bundle: Option<Bundle>,
}

impl Fetchable {
    fn read(self) -> Result<File, BundleError> {
        match self {
            Self::Elsewhere(Delivered { name, digest }) => Ok(File { name, digest, bundle: None }),
            Self::Here(plan) => {
                let bundle = plan.read()?;
                let (name, digest) = (bundle.name().to_owned(), bundle.digest().to_owned());
                Ok(File { name, digest, bundle: Some(bundle) })
            }
        }
    }
}

/// What a task is told that fetches these, each a name and a digest, from the server at `base_url`.
pub fn delivery_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, base_url: &str) -> Delivery {
    let mut delivery = Delivery::default();
    for (name, digest) in files {
        delivery.uris.push(uri(name, &format!("{base_url}{}", bundle::path(digest, name))));
        delivery.arguments.extend(["--delivered".to_owned(), format!("{name}={digest}")]);
    }
    delivery
}

/// Archives are unpacked by the task, which checks them first.
fn uri(name: &str, url: &str) -> Uri {
    Uri {
        value: Some(url.to_owned()),
        executable: Some(name == PROGRAM),
        extract: Some(false),
        cache: Some(true),
        output_file: None,
    }
}
