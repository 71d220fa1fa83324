//! What a cluster's manifest makes of its AppMasters' tasks.

pub mod needs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base::log;
use conf::environment::Environment;
use conf::keys;
use conf::settings::{Container, FlinkSource, Image, Runtime, Settings};
use conf::table::Table;
use dispatcher::Definition;
use domain::constraint::Constraint;
use domain::group::GroupName;
use domain::need::{Milli, Need};
use flink::memory;
use flink::version::Version;
use manifest::{Manifest, Memory, Specification};
use mesos::wire::label::Label;
use scheduler::spec::{Delivery, GroupSpec, Host, Own, OwnValue, Placement, Template, TooMany};

use super::configuration::{Basis, Configured, Recipe};
use super::files::Files;
use super::opened::Opened;
use crate::cli::exec;
use crate::role::appmaster::given;
use crate::role::error::Fatal;
use crate::role::task;
use crate::role::worker;

/// What tasks of the dispatcher are called.
pub const APPMASTER: &str = "AppMaster";

/// In this order an AppMaster is told its ports.
const PORTS: [&str; 5] = ["PORT_RPC", "PORT_REST", "PORT_BLOB", "PORT_ARTIFACT", "PORT_STATUS"];

/// What init and the worker take beside the JVM, in MiB.
const OWN_MEMORY_MIB: u64 = 64;

/// A task that fails more often than this within [`FAILURES_WITHIN`] rests.
const MAX_FAILURES: u32 = 10;
const FAILURES_WITHIN: Duration = Duration::from_secs(10 * 60);
const REST: Duration = Duration::from_secs(5 * 60);

/// A session ends when somebody tears it down.
const SESSION_ENDS: [u8; 1] = [0];

/// Finished or canceled, and failed.
const JOB_ENDS: [u8; 2] = [0, 163];

const APART: &str = "hostname:UNIQUE";

/// Where nearly every cluster has a label of its own, nothing is gained by looking longer.
const MAX_COMPARED: usize = 32;

/// Where our image has the program.
const PROGRAM_IN_IMAGE: &str = "/flink-on-mesos";

/// What all clusters have in common.
pub struct Makings {
    files: Files,
    basis: Arc<Basis>,
    settings: Settings,
    /// By version of Flink.
    images: BTreeMap<String, String>,
    /// Where agents fetch.
    artifacts_url: String,
    /// To whom AppMasters report, separated by commas.
    dispatchers: String,
    configured: Configured,
    /// What groups have now: most clusters have the same.
    templates: Mutex<Vec<Weak<Template>>>,
    /// Those that cannot be launched here: how many there should be, and why there are none.
    unlaunchable: Mutex<BTreeMap<String, (u32, String)>>,
}

/// Why a cluster cannot be launched here.
#[derive(Debug, thiserror::Error)]
pub enum Unlaunchable {
    #[error(
        "this dispatcher has no Flink {version}: name one in `{}{version}`, or an image in spec.image",
        keys::dispatcher::FLINK
    )]
    NoFlink { version: String },
    #[error("the memory of its JobManager cannot be worked out")]
    Memory(#[from] memory::MemoryError),
    #[error("its configuration cannot be written")]
    Write(#[from] conf::write::WriteError),
    #[error("its configuration is wrong: {0}")]
    Settings(String),
}

/// Where a task's program comes from, and what that makes of it.
struct Origin {
    delivery: Delivery,
    /// In the words of `mesos.resourcemanager.tasks.delivery`, for the AppMaster's own tasks.
    word: &'static str,
    program: String,
    image: Option<String>,
}

impl Makings {
    /// `others`: where other dispatchers are.
    pub fn new(
        opened: &Opened,
        files: &Files,
        artifacts_url: &str,
        others: &[String],
        configured: Configured,
    ) -> Result<Self, Fatal> {
        let others = others.iter().map(String::as_str).filter(|other| *other != artifacts_url);
        let dispatchers: Vec<_> = std::iter::once(artifacts_url).chain(others).collect();
        let images = opened.dispatcher.flinks.iter().filter_map(|(version, source)| match source {
            FlinkSource::Image(image) => Some((version.clone(), image.clone())),
            FlinkSource::Directory(_) => None,
        });
        // TaskManagers of AppMasters come later, when another dispatcher may be here.
        let base_url = opened.settings.artifacts.base_url.as_deref().unwrap_or(artifacts_url).to_owned();
        let secret = worker::credentials(&opened.settings)?.map(|credentials| credentials.secret);
        let basis = Basis { own: opened.table().clone(), base_url, secret, rules: opened.rules() };
        Ok(Self {
            files: files.clone(),
            basis: Arc::new(basis),
            settings: opened.settings.clone(),
            images: images.collect(),
            artifacts_url: artifacts_url.to_owned(),
            dispatchers: dispatchers.join(","),
            configured,
            templates: Mutex::default(),
            unlaunchable: Mutex::default(),
        })
    }

    /// The cluster's group. Of one that cannot be launched what runs goes on.
    pub fn define(&self, definition: &Definition) -> GroupSpec {
        let made = self.try_define(definition);
        let mut unlaunchable = self.unlaunchable();
        match made {
            Ok(spec) => {
                unlaunchable.remove(&definition.cluster);
                spec
            }
            Err(error) => {
                let why = (definition.target, log::chain(&error));
                unlaunchable.insert(definition.cluster.clone(), why);
                GroupSpec { generation: definition.generation, ..GroupSpec::paused() }
            }
        }
    }

    /// By cluster: how many AppMasters there should be, and why none is launched.
    pub fn unlaunchable(&self) -> MutexGuard<'_, BTreeMap<String, (u32, String)>> {
        self.unlaunchable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is launched of it any more.
    pub fn forget(&self, cluster: &str) {
        self.configured.remove(cluster);
        self.unlaunchable().remove(cluster);
    }

    fn try_define(&self, definition: &Definition) -> Result<GroupSpec, Unlaunchable> {
        let manifest = &*definition.manifest;
        let origin = self.origin(&manifest.spec)?;
        let recipe = Recipe {
            basis: Arc::clone(&self.basis),
            manifest: Arc::clone(&definition.manifest),
            place: definition.place.as_str().into(),
            delivery: origin.word,
        };
        let table = recipe.table();
        let settings = settings(&table)?;
        let need = need(&manifest.spec, &table)?;
        let _is_written = recipe.files(&table)?;
        self.configured.set(&definition.cluster, recipe);
        Ok(GroupSpec {
            noun: APPMASTER,
            need,
            template: self.shared(self.template(manifest, &settings, origin)),
            placement: Placement::Spread,
            hard: manifest.spec.mesos.constraints.hard.clone(),
            soft: soft(&manifest.spec),
            target: definition.target,
            generation: definition.generation,
            role: self.role(&manifest.spec),
            follows_jobs: false,
            is_paused: false,
            // With high availability the JobManagers themselves see to it that one leads.
            waits_for_ends: manifest.spec.job.is_some() && settings.high_availability.is_none(),
            gang: None,
            relaunch: GroupSpec::RELAUNCH,
            max_failures: Some(MAX_FAILURES),
            failures_within: Some(FAILURES_WITHIN),
            after_too_many: TooMany::Rest(REST),
            final_codes: if manifest.spec.job.is_some() { &JOB_ENDS[..] } else { &SESSION_ENDS }.to_vec(),
        })
    }

    /// The one role of the dispatcher's whose offers its tasks take.
    fn role(&self, spec: &Specification) -> Option<String> {
        spec.mesos.role.clone().filter(|role| self.settings.framework.roles.contains(role))
    }

    fn origin(&self, spec: &Specification) -> Result<Origin, Unlaunchable> {
        let (major, minor) = spec.flink_version.number();
        let version = format!("{major}.{minor}");
        if let Some(image) = spec.image.as_ref().or(self.images.get(&version)).cloned() {
            return Ok(Origin {
                delivery: Delivery::default(),
                word: "none",
                program: PROGRAM_IN_IMAGE.to_owned(),
                image: Some(image),
            });
        }
        let delivery = self.files.delivery(&version, &self.artifacts_url);
        let delivery = delivery.ok_or(Unlaunchable::NoFlink { version })?;
        let word = if self.files.has_java() { "all" } else { "flink" };
        Ok(Origin { delivery, word, program: format!("./{}", task::PROGRAM), image: None })
    }

    /// The one that is there already, if one of the last few is the same.
    fn shared(&self, template: Template) -> Arc<Template> {
        let mut templates = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
        templates.retain(|known| known.strong_count() > 0);
        let known = templates.iter().rev().take(MAX_COMPARED).filter_map(Weak::upgrade);
        if let Some(same) = known.into_iter().find(|known| **known == template) {
            return same;
        }
        let new = Arc::new(template);
        templates.push(Arc::downgrade(&new));
        new
    }

    fn template(&self, manifest: &Manifest, settings: &Settings, origin: Origin) -> Template {
        let container = in_image(settings.tasks.container.clone(), origin.image);
        let role = if manifest.spec.job.is_some() { "appmaster-job" } else { "appmaster" };
        let arguments = ["flink-on-mesos", role, "--artifacts", &self.artifacts_url];
        let labels = &manifest.spec.mesos.labels;
        let label =
            |(key, value): (&String, &String)| Label { key: Some(key.clone()), value: Some(value.clone()) };
        let own = [
            (given::TASK_VARIABLE, OwnValue::TaskId),
            (given::ATTEMPT_VARIABLE, OwnValue::Attempt),
            ("HOST", OwnValue::Host(Host::Agent)),
        ];
        let ports = PORTS.into_iter().enumerate().map(|(place, name)| (name, OwnValue::Port(place)));
        let grace = exec::Grace::within(self.settings.tasks.kill_grace).to_string();
        Template {
            program: origin.program,
            is_entrypoint: false,
            arguments: arguments.map(ToOwned::to_owned).to_vec(),
            environment: vec![
                (exec::GRACE.to_owned(), grace),
                (given::DISPATCHERS_VARIABLE.to_owned(), self.dispatchers.clone()),
            ],
            token_variable: task::TOKEN_VARIABLE.to_owned(),
            own: own.into_iter().chain(ports).map(|(name, value)| Own::variable(name, value)).collect(),
            user: manifest.spec.mesos.user.clone().or(self.settings.framework.user.clone()),
            labels: labels.iter().map(label).collect(),
            container: worker::container_info(&container),
            shell: None,
            delivery: Some(origin.delivery),
        }
    }
}

/// Where AppMasters should be: those that stand by on other hosts than the one that leads, as far as there is room.
fn soft(spec: &Specification) -> Vec<Constraint> {
    let apart = (spec.job_manager.replicas > 1).then(|| Constraint::parse(APART).expect("a constraint"));
    spec.mesos.constraints.soft.iter().cloned().chain(apart).collect()
}

/// None of a name that no cluster can have.
pub fn group(cluster: &str) -> Option<GroupName> {
    GroupName::parse(cluster).ok().filter(|name| !name.is_taskmanagers())
}

/// Of a version that is in an image; one that the manifest names is in the container already.
fn in_image(mut container: Container, name: Option<String>) -> Container {
    if let (Runtime::Mesos { image: image @ None }, Some(name)) = (&mut container.runtime, name) {
        *image = Some(Image { name, force_pull: false });
    }
    container
}

fn settings(table: &Table) -> Result<Settings, Unlaunchable> {
    Settings::from_table(table).map_err(|problems| {
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Unlaunchable::Settings(texts.join("; "))
    })
}

fn version(spec: &Specification) -> Version {
    let (major, minor) = spec.flink_version.number();
    let number = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Version::new(number(major), number(minor), 0)
}

fn need(spec: &Specification, table: &Table) -> Result<Need, Unlaunchable> {
    let memory = memory::jobmanager(table, &Environment::default(), version(spec))?;
    let memory = memory.process.bytes().div_ceil(1 << 20) + OWN_MEMORY_MIB;
    let disk = spec.job_manager.resource.ephemeral_storage.map_or(0, Memory::mebibytes);
    let scalars = [
        ("cpus", spec.job_manager_cpus().milli()),
        ("mem", Milli::whole(memory)),
        ("disk", Milli::whole(disk)),
    ];
    let scalars = scalars.into_iter().filter(|(_, amount)| amount.0 > 0);
    Ok(Need {
        scalars: scalars.map(|(name, amount)| (name.to_owned(), amount)).collect(),
        ports: PORTS.len(),
    })
}

#[cfg(test)]
pub mod tests;
