//! `client`: the library by which Flink's own command line finds the clusters of a dispatcher.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base::exit::Exit;
use flink::distribution::Distribution;
use flink::version::Version;

use super::error::{Fatal, fatal};
use crate::cli::{Client, InstallOptions};

/// In Flink's `lib`; the same whatever it was installed from, so that a newer one takes its place.
const NAME: &str = "flink-on-mesos-client.jar";

/// Where packages and the image have it.
const SHARED: &str = "/usr/share/flink-on-mesos";

/// What the library was compiled against.
const OLDEST: Version = Version::new(1, 17, 0);

/// All jars begin with it.
const MAGIC: &[u8] = b"PK\x03\x04";

/// A name in its directory, which is not compressed.
const OURS: &[u8] = b"flinkonmesos/SessionExecutorFactory.class";

#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("Flink {version} in {} is older than {OLDEST}, the oldest that the library is for", home.display())]
    TooOld { version: Version, home: PathBuf },
    #[error("{NAME} is neither in {} nor in {SHARED}: scripts/client builds it, and `client install --jar` takes it from elsewhere", beside.display())]
    NoLibrary { beside: PathBuf },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not the library for Flink's command line", path.display())]
    NotOurs { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl InstallError {
    fn exit(&self) -> Exit {
        match self {
            Self::TooOld { .. } => Exit::NoFlink,
            Self::NoLibrary { .. } | Self::Read { .. } => Exit::NoInput,
            Self::NotOurs { .. } => Exit::Data,
            Self::Write { .. } => Exit::CannotCreate,
        }
    }
}

pub fn run(command: &Client) -> Result<u8, Fatal> {
    match command {
        Client::Install(options) => install(options),
    }
}

fn install(options: &InstallOptions) -> Result<u8, Fatal> {
    let distribution = Distribution::open(&options.flink_home).map_err(fatal(Exit::NoFlink))?;
    let installed = put(options.jar.as_deref(), &distribution);
    let path = installed.map_err(|error| Fatal::new(error.exit(), error))?;
    println!("{} is installed for Flink {}", path.display(), distribution.version);
    Ok(Exit::Ok.code())
}

/// Where it is then. What was there before stays until the new one is whole.
fn put(jar: Option<&Path>, distribution: &Distribution) -> Result<PathBuf, InstallError> {
    let Distribution { version, home, .. } = distribution;
    if *version < OLDEST {
        return Err(InstallError::TooOld { version: *version, home: home.clone() });
    }
    let from = jar.map_or_else(found, |jar| Ok(jar.to_owned()))?;
    let bytes = fs::read(&from).map_err(|source| InstallError::Read { path: from.clone(), source })?;
    if !bytes.starts_with(MAGIC) || !bytes.windows(OURS.len()).any(|window| window == OURS) {
        return Err(InstallError::NotOurs { path: from });
    }
    let path = distribution.lib().join(NAME);
    let unfinished = path.with_extension("jar.new");
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &path));
    written.map_err(|source| {
        // As far as it was written.
        let _ = fs::remove_file(&unfinished);
        InstallError::Write { path: path.clone(), source }
    })?;
    Ok(path)
}

/// The library beside this program, or where packages have it.
fn found() -> Result<PathBuf, InstallError> {
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().map(Path::to_owned).unwrap_or_default();
    let candidates = [&beside, Path::new(SHARED)].map(|directory| directory.join(NAME));
    candidates.into_iter().find(|path| path.is_file()).ok_or(InstallError::NoLibrary { beside })
}

/// Where it is, or that it is not there `what_for`.
pub fn library(what_for: &str) -> Result<PathBuf, Fatal> {
    found().map_err(|error| Fatal::new(error.exit(), Needed { what_for: what_for.to_owned(), error }))
}

#[derive(Debug, thiserror::Error)]
#[error("{NAME} is needed {what_for}")]
struct Needed {
    what_for: String,
    #[source]
    error: InstallError,
}

/// For a console of this Flink that has none of its own.
pub fn library_for(distribution: &Distribution) -> Option<PathBuf> {
    let has_one = distribution.lib().join(NAME).exists();
    if has_one || distribution.version < OLDEST { None } else { found().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library as far as it is looked at, and a distribution of this version.
    fn site(dist: &str) -> (tempfile::TempDir, PathBuf, Distribution) {
        let site = tempfile::tempdir().expect("a directory");
        let jar = site.path().join("library.jar");
        fs::write(&jar, [MAGIC, OURS].concat()).expect("written");
        fs::create_dir(site.path().join("lib")).expect("a directory");
        fs::write(site.path().join("lib").join(dist), "").expect("written");
        let distribution = Distribution::open(site.path()).expect("a distribution");
        (site, jar, distribution)
    }

    #[test]
    fn a_newer_library_takes_the_place_of_the_one_before() {
        let (_site, jar, distribution) = site("flink-dist-1.17.2.jar");
        let path = put(Some(&jar), &distribution).expect("installed");
        assert_eq!(path, distribution.lib().join(NAME));
        fs::write(&jar, [MAGIC, OURS, b"newer"].concat()).expect("written");
        assert_eq!(put(Some(&jar), &distribution).expect("installed"), path);
        assert!(fs::read(&path).expect("it is there").ends_with(b"newer"));
        let names: Vec<_> = fs::read_dir(distribution.lib()).expect("a directory").flatten().collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn what_cannot_be_installed_is_told_with_its_name() {
        let (site, jar, distribution) = site("flink-dist-1.17.2.jar");
        let told = |jar: &Path, distribution: &Distribution| {
            put(Some(jar), distribution).expect_err("it cannot").to_string()
        };
        let missing = site.path().join("missing.jar");
        assert_eq!(told(&missing, &distribution), format!("cannot read {}", missing.display()));
        let dist = distribution.lib().join("flink-dist-1.17.2.jar");
        let other = format!("{} is not the library for Flink's command line", dist.display());
        assert_eq!(told(&dist, &distribution), other);
        fs::create_dir(distribution.lib().join(NAME)).expect("a directory");
        let path = distribution.lib().join(NAME);
        assert_eq!(told(&jar, &distribution), format!("cannot write {}", path.display()));
        assert!(!path.with_extension("jar.new").exists());
    }

    #[test]
    fn flinks_that_are_too_old_are_refused() {
        let (_site, jar, distribution) = site("flink-dist_2.12-1.13.6.jar");
        let error = put(Some(&jar), &distribution).expect_err("it is too old").to_string();
        assert!(error.starts_with("Flink 1.13.6 in ") && error.contains(" is older than 1.17.0,"), "{error}");
    }
}
