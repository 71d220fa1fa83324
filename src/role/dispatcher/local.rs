//! A dispatcher on an embedded Mesos, all on this machine, for whoever wants to try one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{ClusterOptions, LocalOptions, exec};
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::keys;
use flink::distribution::Distribution;
use init::plan::Inherited;

use super::opened::{CONF_DIR, Opened};
use super::{PART, serving};
use crate::role::children;
use crate::role::error::{Fatal, fatal};
use crate::role::rundir::RunDir;
use crate::role::{available_cpus, sockets};

const LOOPBACK: &str = "127.0.0.1";

/// Where official images have it.
const FLINK_HOME: &str = "/opt/flink";
const FLINK_HOME_VARIABLE: &str = "FLINK_HOME";

const FRAMEWORK: &str = "local-dispatcher";

/// The embedded Mesos keeps books, and limits nobody: a session that waits for a processor would only puzzle.
const MIN_CPUS: f64 = 8.0;

/// Its tasks end with it, so it ends last.
const MESOS_ORDER: u8 = 1;

/// Everything is checked here, then init takes over.
pub fn run(options: &LocalOptions, environment: &Environment, inherited: Inherited) -> Result<u8, Fatal> {
    let init = exec::Options::for_jvm(environment).map_err(fatal(Exit::Usage))?;
    let run = RunDir::create(environment).map_err(fatal(Exit::CannotCreate))?;
    let listener = sockets::bind(keys::MASTER.name, LOOPBACK, 0).map_err(fatal(Exit::CannotCreate))?;
    let port = listener.local_addr().map_err(fatal(Exit::Os))?.port();
    let master = format!("{LOOPBACK}:{port}");
    let cluster = configured(&options.cluster, &master, environment, run.path())?;
    let mut environment = environment.clone();
    if environment.text(serving::SOCKET_VARIABLE).is_none() {
        let socket = format!("unix:{}", run.path().join("dispatcher.sock").display());
        environment.set(serving::SOCKET_VARIABLE, socket);
    }
    let opened = Opened::read(&cluster, &environment)?;
    opened.tell();
    let cpus = available_cpus().max(MIN_CPUS) / f64::from(options.agents.max(1));
    let resources = options.resources.clone().unwrap_or_else(|| format!("cpus:{cpus}"));
    let agents = (options.agents, resources);
    let mesos = children::mesos(agents, listener, &run, MESOS_ORDER, &environment)?;
    let dispatcher = super::child(&cluster, &environment)?;
    let url = format!("http://{LOOPBACK}:{}/", opened.dispatcher.port);
    log::line(
        tracing::Level::INFO,
        PART,
        &format!("the page of all clusters: {url}; they end with this process"),
    );
    let mut plan = init.plan(vec![mesos, dispatcher], inherited);
    plan.cleanup.push(run.keep().into_os_string());
    let Err(fatal) = children::enter(&plan);
    Err(fatal)
}

/// What the command line says goes before what is made up here, but for the master.
fn configured(
    options: &ClusterOptions,
    master: &str,
    environment: &Environment,
    run: &Path,
) -> Result<ClusterOptions, Fatal> {
    let mut properties = vec![
        (keys::FRAMEWORK_NAME.name.to_owned(), FRAMEWORK.to_owned()),
        (keys::dispatcher::STATE_DIR.name.to_owned(), run.join("state").display().to_string()),
    ];
    let home = environment.get(FLINK_HOME_VARIABLE).map_or_else(|| FLINK_HOME.into(), PathBuf::from);
    let flinks = keys::dispatcher::FLINK;
    if !options.properties.iter().any(|(key, _)| key.starts_with(flinks)) {
        let flink = Distribution::open(&home).map_err(fatal(Exit::NoFlink))?;
        let (major, minor) = (flink.version.major, flink.version.minor);
        properties.push((format!("{flinks}{major}.{minor}"), home.display().to_string()));
    }
    properties.extend(options.properties.iter().cloned());
    properties.push((keys::MASTER.name.to_owned(), master.to_owned()));
    let conf_dir = match &options.conf_dir {
        Some(conf_dir) => Some(conf_dir.clone()),
        None if Path::new(CONF_DIR).exists() => None,
        None => {
            // Nothing is configured, and a directory is looked for all the same.
            let empty = run.join("conf");
            fs::write(empty.join("config.yaml"), "").map_err(fatal(Exit::CannotCreate))?;
            Some(empty)
        }
    };
    Ok(ClusterOptions { properties, conf_dir })
}
