//! With what commands show the dispatcher who they are.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use api::client::{Address, Credentials};
use base::exit::Exit;
use conf::environment::Environment;

use crate::cli::clusters::DispatcherOptions;
use crate::role::error::Fatal;

pub const TOKEN: &str = "FLINK_ON_MESOS_TOKEN";
pub const CA: &str = "FLINK_ON_MESOS_CA";
pub const CERTIFICATE: &str = "FLINK_ON_MESOS_CLIENT_CERTIFICATE";
const HOME: &str = "HOME";
const TOKEN_FILE: &str = ".config/flink-on-mesos/token";

/// Group and others.
const NOT_OWNER: u32 = 0o077;

#[derive(Debug, thiserror::Error)]
enum NoCredentials {
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("others may read the token in {0}, so it is not used: chmod 600 {0}", path.display())]
    Open { path: PathBuf },
}

/// Nothing for a socket, which only its owner may open. What the command line says goes before the environment, and that before files.
pub fn credentials(
    options: &DispatcherOptions,
    address: &Address,
    environment: &Environment,
) -> Result<Credentials, Fatal> {
    let Address::Url(url) = address else { return Ok(Credentials::default()) };
    let token = match environment.text(TOKEN).map(str::trim).filter(|token| !token.is_empty()) {
        Some(token) => Some(token.to_owned()),
        None => {
            let file = environment.text(HOME).map(|home| Path::new(home).join(TOKEN_FILE));
            file.map(of_file).transpose()?.flatten()
        }
    };
    if url.scheme() != "https" {
        return Ok(Credentials { token, ..Credentials::default() });
    }
    let pem = |option: &Option<PathBuf>, variable| {
        let named = environment.text(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        option.clone().or(named).map(content).transpose()
    };
    let (authorities, certificate) = (pem(&options.ca, CA)?, pem(&options.client_certificate, CERTIFICATE)?);
    Ok(Credentials { token, authorities, certificate })
}

/// What to do about it, where the dispatcher does not let somebody do something.
pub fn advice(status: u16) -> Option<String> {
    match status {
        401 => Some(format!("put a token of this dispatcher in ${TOKEN} or ~/{TOKEN_FILE}")),
        403 => Some("use a token that allows it, or ask the dispatcher's operator".to_owned()),
        _ => None,
    }
}

/// None where there is no file, or nothing in it.
fn of_file(path: PathBuf) -> Result<Option<String>, Fatal> {
    let unreadable = |path: &Path, source| {
        Fatal::new(Exit::NoInput, NoCredentials::File { path: path.to_owned(), source })
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unreadable(&path, source)),
    };
    let mode = file.metadata().map_err(|source| unreadable(&path, source))?.mode();
    if mode & NOT_OWNER != 0 {
        return Err(Fatal::new(Exit::Config, NoCredentials::Open { path }));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|source| unreadable(&path, source))?;
    Ok(text.lines().next().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned))
}

fn content(path: PathBuf) -> Result<Vec<u8>, Fatal> {
    fs::read(&path).map_err(|source| Fatal::new(Exit::NoInput, NoCredentials::File { path, source }))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn found(address: &str, environment: &Environment) -> Result<Credentials, (Exit, String)> {
        let address = address.parse().expect("an address");
        let told = |Fatal { exit, error }: Fatal| (exit, error.to_string());
        credentials(&DispatcherOptions::default(), &address, environment).map_err(told)
    }

    #[test]
    fn a_token_is_of_the_environment_or_a_file_that_only_its_owner_reads() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join(TOKEN_FILE);
        let mut environment: Environment = [(HOME, home.path())].into_iter().collect();
        let token =
            |address: &str, environment: &Environment| found(address, environment).map(|all| all.token);
        assert_eq!(token("http://h:1", &Environment::default()), Ok(None));
        assert_eq!(token("http://h:1", &environment), Ok(None));
        fs::create_dir_all(file.parent().expect("a directory")).expect("created");
        fs::write(&file, " fom_file \nmore").expect("written");
        for mode in [0o644, 0o640, 0o602, 0o601] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
            let (exit, text) = token("https://h:1", &environment).expect_err("others read it");
            assert_eq!(
                (exit, text.ends_with(&format!("chmod 600 {}", file.display()))),
                (Exit::Config, true)
            );
            assert!(!text.contains("fom_file"), "{text}");
            assert_eq!(token("unix:/x", &environment), Ok(None));
        }
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
        assert_eq!(token("http://h:1", &environment), Ok(Some("fom_file".to_owned())));
        environment.set(TOKEN, "fom_variable\n");
        assert_eq!(token("https://h:1", &environment), Ok(Some("fom_variable".to_owned())));
        assert_eq!(token("unix:/x", &environment), Ok(None));
        environment.set(TOKEN, "");
        fs::write(&file, "\n").expect("written");
        assert_eq!(token("https://h:1", &environment), Ok(None));
    }

    #[test]
    fn certificates_are_read_for_https_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (ca, nowhere) = (directory.path().join("ca"), directory.path().join("nowhere"));
        fs::write(&ca, "authorities").expect("written");
        let mut environment: Environment = [(CA, &ca), (CERTIFICATE, &nowhere)].into_iter().collect();
        let text = format!("cannot read {}", nowhere.display());
        assert_eq!(found("https://h:1", &environment).err(), Some((Exit::NoInput, text)));
        assert!(found("http://h:1", &environment).is_ok_and(|all| all.authorities.is_none()));
        environment.set(CERTIFICATE, "");
        let found = found("https://h:1", &environment).expect("readable");
        assert_eq!((found.authorities.as_deref(), found.certificate), (Some(&b"authorities"[..]), None));
    }
}
