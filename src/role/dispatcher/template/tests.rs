use domain::job::Rules;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use artifact::Configuration;
use artifact::bundle::BundlePlan;
use conf::table::Origin as From;
use manifest::Circumstances;

use super::super::files;
use super::*;
use crate::role::application::{self, HandedJob};

const URL: &str = "http://dispatcher:26000";

pub struct World {
    pub makings: Makings,
    _files: tempfile::TempDir,
}

impl World {
    /// With more of the dispatcher's configuration.
    pub fn new(more: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let plan = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, name).expect("written");
            BundlePlan::file(name, &path).expect("it is there")
        };
        let java = plan("java.tar");
        let read =
            files::read_all(plan("flink-on-mesos"), Some(java), vec![("1.20".to_owned(), plan("flink.tar"))]);
        let mut own = Table::default();
        own.set("mesos.master", "m:5050", From::Argument);
        for (key, value) in more {
            own.set(*key, *value, From::Argument);
        }
        let settings = Settings::from_table(&own).expect("good");
        let secret = Some("hidden-of-the-principal".to_owned());
        let base_url = settings.artifacts.base_url.clone().unwrap_or_else(|| URL.to_owned());
        let makings = Makings {
            files: read.expect("they can be read"),
            basis: Arc::new(Basis { own, base_url, secret, rules: Rules::default() }),
            settings,
            images: BTreeMap::from([("2.3".to_owned(), "registry/flink:2.3".to_owned())]),
            artifacts_url: URL.to_owned(),
            dispatchers: format!("{URL},http://d-2:26000"),
            configured: Configured::default(),
            templates: Mutex::default(),
            unlaunchable: Mutex::default(),
        };
        Self { makings, _files: directory }
    }

    fn define(&self, manifest: Manifest) -> GroupSpec {
        self.makings.define(&Definition {
            order: 1,
            cluster: manifest.metadata.name.clone(),
            revision: 1,
            generation: 3,
            place: format!("{}-18c-2", manifest.metadata.name),
            target: manifest.spec.job_manager.replicas,
            manifest: Arc::new(manifest),
        })
    }

    /// As the AppMaster of the cluster fetches them.
    fn files(&self, cluster: &str) -> BTreeMap<String, Vec<u8>> {
        let encoded =
            self.makings.configured.of_task(&format!("{cluster}-x7k2pb-00001")).expect("it is known");
        Configuration::decode(&encoded).expect("whole").files
    }

    fn configuration(&self, cluster: &str) -> String {
        let file = self.files(cluster).remove("config.yaml").expect("it is there");
        String::from_utf8(file).expect("UTF-8")
    }

    fn why(&self, cluster: &str) -> Option<String> {
        self.makings.unlaunchable().get(cluster).map(|(_, why)| why.clone())
    }
}

fn read(text: &str) -> Vec<Manifest> {
    let drafts = manifest::read(text).expect("it can be read");
    let accepted = drafts.into_iter().map(|draft| draft.validate(&Circumstances::default()));
    accepted.filter_map(Result::ok).map(|accepted| accepted.manifest).collect()
}

pub fn session(version: &str, more: &str) -> Manifest {
    let text = format!(
        "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {{name: one}}
spec:
  flinkVersion: {version}
  jobManager: {{resource: {{memory: 1024m, cpu: 0.5}}}}
  taskManager: {{resource: {{memory: 1024m}}}}
{more}"
    );
    read(&text).pop().expect("it is accepted")
}

#[test]
fn a_flink_from_a_directory_is_delivered_with_java() {
    let world = World::new(&[]);
    let spec = world.define(session("v1_20", ""));
    assert_eq!((spec.noun, spec.target, spec.generation), ("AppMaster", 1, 3));
    assert!(!spec.is_paused);
    assert_eq!(spec.need.ports, 5);
    let scalars: BTreeMap<_, _> = spec.need.scalars.into_iter().collect();
    assert_eq!(scalars["cpus"], Milli(500));
    assert_eq!(scalars["mem"], Milli::whole(1024 + OWN_MEMORY_MIB));
    let template = Arc::unwrap_or_clone(spec.template);
    let Template { program, arguments, delivery, container, environment, .. } = template;
    assert_eq!(program, "./flink-on-mesos");
    let dispatchers = format!("{URL},http://d-2:26000");
    assert!(environment.contains(&(given::DISPATCHERS_VARIABLE.to_owned(), dispatchers)), "{environment:?}");
    assert_eq!(arguments, ["flink-on-mesos", "appmaster", "--artifacts", URL]);
    assert!(container.is_none());
    let delivery = delivery.expect("it is known");
    let names = ["flink-on-mesos=", "flink.tar=", "java.tar="];
    for name in names {
        assert!(delivery.arguments.iter().any(|word| word.starts_with(name)), "{name}: {delivery:?}");
    }
    assert_eq!(delivery.uris.len(), names.len());
    let configuration = world.configuration("one");
    for part in ["m:5050", URL, "hidden-of-the-principal"] {
        assert!(configuration.contains(part), "{part}: {configuration}");
    }
    assert!(world.why("one").is_none());
}

#[test]
fn appmasters_of_one_cluster_are_kept_on_hosts_of_their_own() {
    let world = World::new(&[]);
    for (replicas, expected) in [(1, &["rack:LIKE:r1"][..]), (2, &["rack:LIKE:r1", APART])] {
        let mut manifest = session("v1_20", "");
        manifest.spec.job_manager.replicas = replicas;
        manifest.spec.mesos.constraints.soft = vec![Constraint::parse("rack:LIKE:r1").expect("a constraint")];
        let spec = world.define(manifest);
        let soft: Vec<_> = spec.soft.iter().map(Constraint::text).collect();
        assert_eq!(soft, expected, "{replicas}");
        assert!(spec.hard.is_empty());
    }
}

#[test]
fn the_next_attempt_of_a_generation_begins_with_the_number_of_taskmanagers_that_counts() {
    let world = World::new(&[]);
    for number in [2, 5] {
        let mut manifest = session("v1_20", "");
        manifest.spec.task_manager.replicas = Some(number);
        world.define(manifest);
        let configuration = world.configuration("one");
        let line = configuration.lines().find(|line| line.contains("initial-tasks"));
        assert!(line.is_some_and(|line| line.contains(&number.to_string())), "{configuration}");
    }
}

#[test]
fn taskmanagers_fetch_where_the_dispatcher_s_configuration_says() {
    let mirror = "http://mirror/flink";
    let world = World::new(&[("mesos.resourcemanager.artifacts.base-url", mirror)]);
    let spec = world.define(session("v1_20", ""));
    assert_eq!(spec.template.arguments[3], URL, "a token is known to dispatchers alone");
    assert!(world.configuration("one").contains(mirror));
}

#[test]
fn clusters_share_what_their_tasks_have_in_common() {
    let world = World::new(&[]);
    let [one, other] = ["", ""].map(|more| world.define(session("v1_20", more)).template);
    assert!(Arc::ptr_eq(&one, &other));
    let labelled = world.define(session("v1_20", "  mesos: {labels: {a: b}}\n")).template;
    assert_ne!(labelled, one);
    assert!(Arc::ptr_eq(&labelled, &world.define(session("v1_20", "  mesos: {labels: {a: b}}\n")).template));
}

#[test]
fn an_image_holds_all_and_nothing_is_delivered() {
    let world = World::new(&[]);
    for (version, more, image) in [("v2_3", "", "registry/flink:2.3"), ("v1_20", "  image: own:1\n", "own:1")]
    {
        let template = world.define(session(version, more)).template;
        assert_eq!(template.program, "/flink-on-mesos");
        assert_eq!(template.delivery, Some(Delivery::default()));
        let container = format!("{:?}", template.container);
        assert!(container.contains(image), "{container}");
    }
}

#[test]
fn what_cannot_be_launched_is_told_and_what_runs_of_it_goes_on() {
    let world = World::new(&[]);
    let spec = world.define(session("v1_19", ""));
    assert!(spec.is_paused);
    assert_eq!(spec.generation, 3);
    let why = world.why("one").expect("it is told");
    assert!(why.contains("no Flink 1.19") && why.contains("dispatcher.flink.1.19"), "{why}");
    assert!(!world.define(session("v1_20", "")).is_paused);
    assert_eq!(world.why("one"), None);
}

#[test]
fn an_application_ends_with_its_job_which_only_its_appmaster_is_told() {
    let world = World::new(&[]);
    let job = "  job: {jarURI: 'local:///opt/flink/a.jar', entryClass: a.B, args: [--key, hidden], parallelism: 1}\n";
    let spec = world.define(session("v1_20", job));
    assert_eq!(spec.final_codes, [0, 163]);
    assert_eq!(spec.template.arguments, ["flink-on-mesos", "appmaster-job", "--artifacts", URL]);
    let handed = world.files("one").remove(application::FILE).expect("it is there");
    let application = HandedJob::decode(&handed).expect("whole").application(None);
    assert_eq!(application.jars, ["local:///opt/flink/a.jar"]);
    assert_eq!(application.job_classname.as_deref(), Some("a.B"));
    assert_eq!(application.arguments, ["--key", "hidden"]);
    world.define(session("v1_20", ""));
    assert!(!world.files("one").contains_key(application::FILE), "a session has none");
}

#[test]
fn each_cluster_has_an_id_of_its_own_in_the_zookeeper_of_the_dispatcher() {
    let world = World::new(&[
        ("high-availability.type", "zookeeper"),
        ("high-availability.zookeeper.quorum", "zk:2181"),
        ("high-availability.storageDir", "file:///ha"),
        ("high-availability.cluster-id", "/of-the-dispatcher"),
    ]);
    world.define(session("v1_20", ""));
    let configuration = world.configuration("one");
    assert!(configuration.contains("zk:2181") && configuration.contains("/one-18c-2"), "{configuration}");
    assert!(!configuration.contains("of-the-dispatcher"), "{configuration}");
}

#[test]
fn a_cluster_that_names_no_role_or_user_takes_the_dispatchers() {
    let (role, user) = ("mesos.resourcemanager.framework.role", "mesos.resourcemanager.framework.user");
    let world = World::new(&[(role, "own/role"), (user, "owner")]);
    let user_of_task = world.define(session("v1_20", "")).template.user.clone();
    let configuration = world.configuration("one");
    assert_eq!(user_of_task.as_deref(), Some("owner"));
    assert!(configuration.contains("own/role") && configuration.contains("owner"), "{configuration}");
    world.define(session("v1_20", "  mesos: {role: other, user: ann}\n"));
    let configuration = world.configuration("one");
    assert!(configuration.contains("other") && configuration.contains("ann"), "{configuration}");
    assert!(!configuration.contains("own"), "{configuration}");
}

#[test]
fn no_secret_is_in_what_mesos_shows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/manifests/15-secrets.yaml");
    let mut manifests = read(&fs::read_to_string(path).expect("it is there"));
    let manifest = manifests.pop().expect("it is accepted");
    let world = World::new(&[]);
    let template = world.define(manifest).template;
    assert!(world.why("secrets").is_none(), "{:?}", world.why("secrets"));
    let Template { arguments, environment, labels, .. } = &*template;
    let shown = format!("{arguments:?}{environment:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    // What somebody writes into a label is for all to read.
    assert_eq!(labels.len(), 1);
}
