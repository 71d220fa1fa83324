//! What `run` is given: a jar, a SQL script, or a Python program. Of the last two it makes what Flink runs.

use std::fs;
use std::path::{Path, PathBuf};

use base::exit::Exit;

use super::client;
use super::error::Fatal;
use crate::cli::run::{Jar, RunOptions};

/// `src/flink/client/SqlRunner.java`.
const SQL_RUNNER: &str = "flinkonmesos.SqlRunner";

/// In the jar for Python, which Flink finds in its `opt`.
const PYTHON_DRIVER: &str = "org.apache.flink.client.python.PythonDriver";

/// Read by whoever submits it.
const MAX_SCRIPT_BYTES: u64 = 1 << 20;

/// As Flink has it.
pub struct Program {
    /// None where Flink finds it itself.
    pub jar: Option<Jar>,
    pub class: Option<String>,
    pub arguments: Vec<String>,
    /// Of this machine, or already elsewhere: the AppMaster fetches it into its working directory. Before the other arguments comes
    /// this option, and what the file is called there.
    pub file: Option<(&'static str, Jar)>,
}

enum Kind {
    Jar,
    Sql,
    Python,
}

impl Program {
    /// For an application, whose AppMaster fetches files.
    pub fn of_application(options: &RunOptions) -> Result<Self, Fatal> {
        match kind(options)? {
            Kind::Jar => Ok(Self::jar(options)),
            Kind::Sql => Ok(Self {
                jar: Some(Jar::File(runner()?)),
                class: Some(SQL_RUNNER.to_owned()),
                arguments: vec![],
                file: Some(("--scriptUri", options.jar())),
            }),
            Kind::Python => Ok(Self {
                jar: None,
                class: Some(PYTHON_DRIVER.to_owned()),
                arguments: options.arguments().to_vec(),
                file: Some(("-py", options.jar())),
            }),
        }
    }

    /// For a JobManager that is there already, and is handed a jar and texts.
    pub fn of_session(options: &RunOptions) -> Result<Self, Fatal> {
        match kind(options)? {
            Kind::Jar => Ok(Self::jar(options)),
            Kind::Sql => {
                let arguments = match options.jar() {
                    Jar::File(path) => ["--script".to_owned(), script(&path)?],
                    Jar::Uri(uri) => ["--scriptUri".to_owned(), uri],
                };
                let (jar, class) = (Some(Jar::File(runner()?)), Some(SQL_RUNNER.to_owned()));
                Ok(Self { jar, class, arguments: arguments.to_vec(), file: None })
            }
            Kind::Python => {
                let why = "a Python program is run where Python and Flink are: `flink run -t mesos-session -Dmesos.cluster-id=NAME -py FILE` there, or `run --application NAME FILE` with an image that has Python";
                Err(Fatal::new(Exit::Usage, why))
            }
        }
    }

    fn jar(options: &RunOptions) -> Self {
        Self {
            jar: Some(options.jar()),
            class: options.class.clone(),
            arguments: options.arguments().to_vec(),
            file: None,
        }
    }
}

fn kind(options: &RunOptions) -> Result<Kind, Fatal> {
    let name = match options.jar() {
        Jar::File(path) => path.to_string_lossy().into_owned(),
        Jar::Uri(uri) => uri.split(['?', '#']).next().unwrap_or_default().to_owned(),
    };
    let extension = Path::new(&name).extension().and_then(|extension| extension.to_str());
    let kind = match extension {
        Some("sql") if !options.arguments().is_empty() => {
            return Err(Fatal::new(Exit::Usage, "a SQL script takes no arguments"));
        }
        Some("sql") => Kind::Sql,
        Some("py") => Kind::Python,
        _ => return Ok(Kind::Jar),
    };
    match &options.class {
        None => Ok(kind),
        Some(class) => {
            let why = format!("--class {class}: {name} is no jar, and has no classes");
            Err(Fatal::new(Exit::Usage, why))
        }
    }
}

fn runner() -> Result<PathBuf, Fatal> {
    client::library("to run a SQL script")
}

fn script(path: &Path) -> Result<String, Fatal> {
    let fail = |why: String| Fatal::new(Exit::NoInput, format!("{}: {why}", path.display()));
    let size = fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if size > MAX_SCRIPT_BYTES {
        return Err(fail(format!(
            "{size} bytes are more than the {MAX_SCRIPT_BYTES} that a script may have"
        )));
    }
    fs::read_to_string(path).map_err(|error| fail(error.to_string()))
}
