//! Options, role, run, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flink_on_mesos::conf::environment::Environment;
use flink_on_mesos::exit::Exit;
use flink_on_mesos::init;
use flink_on_mesos::init::plan::{ForwardTo, Subreaper, Verbosity};
use flink_on_mesos::init::signals::{Rewrite, Signal};
use flink_on_mesos::init::status::Remap;
use flink_on_mesos::role::{exec, mesos};

fn main() -> ExitCode {
    let inherited = init::block_signals();
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    let environment = Environment::read();
    ExitCode::from(match command.role {
        Role::Init { plan_fd } => init::run(plan_fd),
        Role::Mesos(options) => {
            init::unblock_signals(&inherited);
            flink_on_mesos::log::start(tracing::Level::INFO, "mesos");
            mesos::run(&options)
        }
        Role::Exec(options) => {
            let mut merged = match exec::Options::from_environment(&environment) {
                Ok(options) => options,
                Err(error) => {
                    eprintln!("flink-on-mesos: {}", flink_on_mesos::log::chain(&error));
                    return Exit::Usage.into();
                }
            };
            let command = options.command.clone();
            options.apply(&mut merged);
            exec::run(merged, command, &environment, inherited)
        }
    })
}

#[derive(Parser)]
#[command(version)]
struct Command {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Init {
        #[arg(long)]
        plan_fd: i32,
    },
    Exec(Exec),
    Mesos(Box<mesos::Options>),
}

#[derive(clap::Args)]
struct Exec {
    #[arg(long)]
    grace: Option<exec::Grace>,
    #[arg(long, value_parser = exec::parse_forward_to)]
    forward_to: Option<ForwardTo>,
    #[arg(long)]
    rewrite: Vec<Rewrite>,
    #[arg(long)]
    stop_on: Vec<Signal>,
    #[arg(long)]
    remap: Vec<Remap>,
    #[arg(long, value_parser = exec::parse_subreaper)]
    subreaper: Option<Subreaper>,
    #[arg(long)]
    parent_death_signal: Option<Signal>,
    #[arg(long, value_parser = exec::parse_verbosity)]
    verbosity: Option<Verbosity>,
    #[arg(long)]
    keep_fd: Vec<i32>,
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Exec {
    fn apply(self, options: &mut exec::Options) {
        options.grace = self.grace.unwrap_or(options.grace);
        options.forward_to = self.forward_to.unwrap_or(options.forward_to);
        options.rewrites.extend(self.rewrite);
        options.stop_on.extend(self.stop_on);
        options.remaps.splice(0..0, self.remap);
        options.subreaper = self.subreaper.unwrap_or(options.subreaper);
        options.parent_death_signal = self.parent_death_signal.or(options.parent_death_signal);
        options.verbosity = self.verbosity.unwrap_or(options.verbosity);
        options.keep_fds.extend(self.keep_fd);
    }
}
