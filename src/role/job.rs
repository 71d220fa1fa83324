//! Whether the job of an application can be there at all: the JobManager would find out seconds later, with a stack
//! trace. Which classes a jar has, and what other file systems hold, is Flink's to tell.

use std::path::{Path, PathBuf};
use std::{fs, io};

use flink::command::{Application, Entrypoint};
use flink::distribution::Distribution;

#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("cannot read {path}, which --jars names", path = path.display())]
    Jar {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },

    #[error("there is no job: {usrlib} holds no jar, and --jars and --job-classname are not given", usrlib = usrlib.display())]
    NoJob { usrlib: PathBuf },
}

pub fn check(entrypoint: &Entrypoint, distribution: &Distribution) -> Result<(), JobError> {
    match entrypoint {
        Entrypoint::Session => Ok(()),
        Entrypoint::Application(application) => check_application(application, distribution),
    }
}

fn check_application(application: &Application, distribution: &Distribution) -> Result<(), JobError> {
    for path in application.local_jars() {
        fs::metadata(path).map_err(|cause| JobError::Jar { path: path.to_owned(), cause })?;
    }
    let usrlib = distribution.usrlib();
    if application.jars.is_empty() && application.job_classname.is_none() && !holds_jar(&usrlib) {
        return Err(JobError::NoJob { usrlib });
    }
    Ok(())
}

fn holds_jar(directory: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(directory) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "jar")))
}
