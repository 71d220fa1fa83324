//! Options, role, run, exit code.

#![forbid(unsafe_code)]
// Rust's runtime would come before it: `init/sys/entry.rs`.
#![no_main]

use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use flink::command::{Console, Entrypoint};
use flink_on_mesos::cli::{self, AppmasterOptions, Cli, Command};
use flink_on_mesos::role::appmaster::{self, Cluster};
use flink_on_mesos::role::error::Fatal;
use flink_on_mesos::role::findings;
use flink_on_mesos::role::{
    self, claim, client, clusters, completions, config, console, dispatcher, exec, operator, taskmanager,
    worker,
};
use init::Beginning;
use init::plan::Inherited;

init::begin_with!(run_command_line);

fn run_command_line(beginning: Beginning) -> u8 {
    // First of all: a signal that arrives from here on is kept for init.
    let inherited = init::block_signals();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when neither stdout nor stderr takes it.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.code() } else { Exit::Ok.code() };
        }
    };
    let environment = Environment::read();
    log::Format::named(environment.text(log::FORMAT_VARIABLE)).choose();
    match run(cli, environment, inherited, beginning) {
        Ok(code) => code,
        Err(fatal) => {
            for (level, line) in findings::lines(&fatal) {
                log::line(level, "flink-on-mesos", &line);
            }
            fatal.exit.code()
        }
    }
}

fn run(cli: Cli, environment: Environment, inherited: Inherited, beginning: Beginning) -> Result<u8, Fatal> {
    let command = cli.command.unwrap_or_else(|| {
        Command::Appmaster(AppmasterOptions { cluster: cli.cluster, ..Default::default() })
    });
    match signals(&command) {
        Signals::Ordinary => init::unblock_signals(&inherited),
        Signals::EndTheStart => {
            if !matches!(command, Command::Config(_)) {
                log::never_wait(init::write_to_stderr);
            }
            // What is wrong with them the role tells.
            let options = cli::exec::Options::for_jvm(&environment).unwrap_or_default();
            init::guard::arm(&options.of_plan(), &inherited);
        }
        Signals::ForOwnUse => {}
    }
    match command {
        Command::Appmaster(options) => appmaster::run_session(&options, environment, inherited),
        Command::AppmasterJob(options) => appmaster::run_job(&options, environment, inherited),
        Command::Jobmanager(options) => {
            appmaster::run(&Cluster::Alone, &Entrypoint::Session, &options, environment, inherited)
        }
        Command::StandaloneJob(options) => {
            let entrypoint = Entrypoint::Application(options.application());
            appmaster::run(&Cluster::Alone, &entrypoint, &options.cluster, environment, inherited)
        }
        Command::Local(options) if options.dispatcher => {
            dispatcher::local::run(&options, &environment, inherited)
        }
        Command::Local(options) => {
            let cluster = options.of_cluster();
            let embedded = Cluster::Embedded { agents: options.agents, resources: options.resources };
            appmaster::run(&embedded, &Entrypoint::Session, &cluster, environment, inherited)
        }
        Command::Dispatcher(options) => dispatcher::run(&options, &environment, inherited),
        Command::Dispatch(options) => dispatcher::dispatch(&options, &environment, &inherited),
        Command::Purge(options) => dispatcher::purge::run(&options, &environment),
        Command::Taskmanager(options) => taskmanager::run(&options, environment, inherited),
        Command::Mesos(options) => Ok(role::mesos::run(&options, &environment, &inherited)),
        Command::Exec(options) => exec::run_command(*options, environment, inherited, beginning),
        Command::Config(options) => config::run(&options, &environment),
        Command::Status(options) => operator::status(&options, &environment),
        Command::Explain(options) if options.name.is_some() => clusters::explain(&options, &environment),
        Command::Explain(options) => operator::explain(&options, &environment),
        Command::Scale(options) => operator::scale(&options, &environment),
        Command::Teardown(options) => operator::teardown(&options, &environment),
        Command::RestartTaskmanager(options) => operator::restart_taskmanager(&options, &environment),
        Command::Run(options) => role::run(&options, &environment),
        Command::Events(options) if options.is_of_dispatcher() => clusters::events(&options, &environment),
        Command::Events(options) => operator::events(&options, &environment),
        Command::Clusters(command) => clusters::run_command(&command, &environment),
        Command::SessionScript(options) => clusters::session_script(&options, &environment),
        Command::Client(command) => client::run(&command),
        Command::Flink(options) => console::run(Console::Flink, &options.words, environment, inherited),
        Command::SqlClient(options) => {
            console::run(Console::SqlClient, &options.words, environment, inherited)
        }
        Command::Completions(options) => completions::run(options),
        Command::Init(options) => Ok(init::run(options.plan_fd, beginning)),
        Command::Worker(options) => worker::run(&options, &environment, &inherited),
        Command::Claim(options) => claim::run(&options, &environment),
        Command::Other(command) => exec::run_other(command, environment, inherited, beginning),
    }
}

/// What becomes of signals while a role works.
enum Signals {
    Ordinary,
    /// Much is to be done before init runs, and an order to stop ends that.
    EndTheStart,
    /// They stay blocked until the role itself reads them.
    ForOwnUse,
}

fn signals(command: &Command) -> Signals {
    match command {
        Command::Appmaster(_)
        | Command::AppmasterJob(_)
        | Command::Jobmanager(_)
        | Command::StandaloneJob(_)
        | Command::Local(_)
        | Command::Dispatcher(_)
        | Command::Taskmanager(_)
        | Command::Flink(_)
        | Command::SqlClient(_)
        | Command::Config(_) => Signals::EndTheStart,
        Command::Exec(_)
        | Command::Init(_)
        | Command::Other(_)
        | Command::Worker(_)
        | Command::Dispatch(_)
        | Command::Mesos(_) => Signals::ForOwnUse,
        Command::Purge(_)
        | Command::Status(_)
        | Command::Explain(_)
        | Command::Scale(_)
        | Command::Teardown(_)
        | Command::RestartTaskmanager(_)
        | Command::Events(_)
        | Command::Run(_)
        | Command::Clusters(_)
        | Command::SessionScript(_)
        | Command::Client(_)
        | Command::Completions(_)
        | Command::Claim(_) => Signals::Ordinary,
    }
}
