//! What people type at: Flink's command line and its SQL client, as `bin/flink` and `bin/sql-client.sh` would start them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Command, CommandError, Compilation, Launch, Role, assemble};
use crate::distribution::{Distribution, is_jar};
use crate::memory::MemorySize;

const FLINK: &str = "org.apache.flink.client.cli.CliFrontend";
const SQL_CLIENT: &str = "org.apache.flink.table.client.SqlClient";

/// As in `env.java.opts.client`.
pub(super) const CLIENT: &str = "client";
const CLIENT_OPTIONS: &str = "FLINK_ENV_JAVA_OPTS_CLI";

const SQL_CLIENT_JAR: &str = "flink-sql-client";
/// Without it the SQL client ends with a class that is not found.
const SQL_GATEWAY_JAR: &str = "flink-sql-gateway";
const PYTHON_JAR: &str = "flink-python";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    Flink,
    SqlClient,
}

/// The command line of a console. `library` is a jar that follows Flink's.
pub fn console(
    launch: &Launch<'_>,
    console: Console,
    library: Option<&Path>,
    arguments: &[OsString],
) -> Result<Command, CommandError> {
    let mut jars: Vec<_> = library.into_iter().map(Path::to_owned).collect();
    let mut args = arguments.to_vec();
    let main_class = match console {
        Console::Flink => FLINK,
        Console::SqlClient => {
            let wanted = |name| wanted(launch.distribution, name);
            if !has(&launch.distribution.jars, PYTHON_JAR) {
                jars.extend(launch.distribution.optional_jar(PYTHON_JAR));
            }
            jars.extend(wanted(SQL_GATEWAY_JAR)?);
            // Whoever has put it into lib has it there alone.
            if let Some(jar) = wanted(SQL_CLIENT_JAR)? {
                if !launch.distribution.version.at_least(2, 0) {
                    args.extend(["--jar".into(), jar.clone().into()]);
                }
                jars.push(jar);
            }
            SQL_CLIENT
        }
    };
    let role = Role {
        name: CLIENT,
        options_variable: CLIENT_OPTIONS,
        memory_args: vec![],
        process: MemorySize::ZERO,
        compilation: Compilation::Usual,
    };
    assemble(launch, &role, main_class, &jars, args)
}

/// None where the class path has it anyway.
fn wanted(distribution: &Distribution, name: &'static str) -> Result<Option<PathBuf>, CommandError> {
    if has(&distribution.jars, name) {
        return Ok(None);
    }
    let missing = || CommandError::NoOptionalJar { name, opt: distribution.opt() };
    distribution.optional_jar(name).ok_or_else(missing).map(Some)
}

fn has(jars: &[PathBuf], name: &str) -> bool {
    jars.iter().any(|jar| is_jar(jar, name))
}
