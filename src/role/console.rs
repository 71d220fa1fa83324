//! `flink`, `sql-client.sh`: what people type at Flink, in an image that has no shell, under init.

use std::convert::Infallible;
use std::ffi::OsString;

use tracing::Level;

use crate::cli::ClusterOptions;
use crate::cli::exec;
use base::exit::Exit;
use base::log;
use conf::Mode;
use conf::environment::Environment;
use flink::command::{self, Console};
use init::plan::{Inherited, Kind, Terminal, Verbosity};

use super::children::{self, Jvm};
use super::client;
use super::error::{Fatal, fatal};
use super::plugins;
use super::rundir::RunDir;
use super::setup::{Layers, Setup};

const PART: &str = "client";

pub fn run(
    console: Console,
    words: &[OsString],
    environment: Environment,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    let setup = Setup::open(&ClusterOptions::default(), environment, Layers::All(Mode::Cluster))?;
    let Err(fatal) = start(&setup, console, words, inherited);
    Err(fatal)
}

fn start(
    setup: &Setup,
    console: Console,
    words: &[OsString],
    inherited: Inherited,
) -> Result<Infallible, Fatal> {
    let run = RunDir::create(&setup.environment).map_err(fatal(Exit::CannotCreate))?;
    let dirs = setup.write_client_conf(&run)?;
    let launch = setup.launch(&dirs, super::available_cpus(), &[]);
    let library = client::library_for(&setup.distribution);
    let command = command::console(&launch, console, library.as_deref(), words);
    let mut command = command.map_err(fatal(Exit::Config))?;
    plugins::apply(&mut command, &setup.environment, &setup.distribution, &run.plugins())
        .map_err(fatal(Exit::NoInput))?;
    let loaded = setup.loaded.warnings.iter().map(|warning| &**warning);
    for warning in loaded.chain(command.warnings.iter().map(String::as_str)) {
        log::line(Level::WARN, PART, warning);
    }
    let jvm = Jvm { name: PART, command, kind: Kind::Main, stop_order: 0 };
    let options = exec::Options::for_jvm(&setup.environment).map_err(fatal(Exit::Usage))?;
    let mut plan = options.plan(vec![children::jvm(jvm, &setup.environment)], inherited);
    plan.options.terminal = Terminal::HandToMain;
    // Whoever types reads what Flink says.
    if plan.options.verbosity != Verbosity::Debug {
        plan.options.verbosity = Verbosity::Quiet;
    }
    plan.cleanup.push(run.keep().into_os_string());
    children::enter(&plan)
}
