//! Where the dispatcher is.

use std::io;
use std::path::{Path, PathBuf};

use api::client::{Address, AddressError};
use base::exit::Exit;
use conf::environment::Environment;

use crate::role::error::Fatal;

const VARIABLE: &str = "FLINK_ON_MESOS_DISPATCHER";
/// The usual one of the API.
const PORT: &str = "http://127.0.0.1:8090";
const HOME: &str = "HOME";
const FILE: &str = ".config/flink-on-mesos/dispatcher";

#[derive(Debug, thiserror::Error)]
enum NoAddress {
    #[error("{VARIABLE}: {0}")]
    Variable(AddressError),
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}:1: {wrong}", path.display())]
    Content { path: PathBuf, wrong: AddressError },
}

/// The first that is said: by an option, the environment, a file of the user, or what is usual.
pub fn address(option: Option<Address>, environment: &Environment) -> Result<Address, Fatal> {
    if let Some(address) = option {
        return Ok(address);
    }
    if let Some(text) = environment.text(VARIABLE) {
        let address = text.parse().map_err(NoAddress::Variable);
        return address.map_err(|error| Fatal::new(Exit::Config, error));
    }
    let file = environment.text(HOME).map(|home| Path::new(home).join(FILE));
    Ok(file.map(of_file).transpose()?.flatten().unwrap_or_else(|| usual(Path::new(api::SOCKET))))
}

/// The socket of this machine's dispatcher, or its port where there is no socket: who is not root has none.
fn usual(socket: &Path) -> Address {
    if socket.exists() { Address::default() } else { PORT.parse().expect("a constant") }
}

/// None where there is no file, or nothing in it.
fn of_file(path: PathBuf) -> Result<Option<Address>, Fatal> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Fatal::new(Exit::NoInput, NoAddress::File { path, source })),
    };
    let Some(line) = text.lines().next().map(str::trim).filter(|line| !line.is_empty()) else {
        return Ok(None);
    };
    let address = line.parse().map_err(|wrong| NoAddress::Content { path, wrong });
    address.map(Some).map_err(|error| Fatal::new(Exit::Data, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(option: Option<&str>, environment: &Environment) -> Result<String, (Exit, String)> {
        let option = option.map(|text| text.parse().expect("an address"));
        let told = |Fatal { exit, error }: Fatal| (exit, error.to_string());
        address(option, environment).map(|address| address.to_string()).map_err(told)
    }

    #[test]
    fn the_nearest_word_counts() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join(FILE);
        let mut environment: Environment = [(HOME, home.path())].into_iter().collect();
        let usual = Ok(usual(Path::new(api::SOCKET)).to_string());
        assert_eq!(found(None, &Environment::default()), usual);
        assert_eq!(found(None, &environment), usual);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("created");
        std::fs::write(&file, "\n").expect("written");
        assert_eq!(found(None, &environment), usual);
        std::fs::write(&file, "  http://file:1 \nmore").expect("written");
        assert_eq!(found(None, &environment), Ok("http://file:1".to_owned()));
        environment.set(VARIABLE, "http://variable:1");
        assert_eq!(found(None, &environment), Ok("http://variable:1".to_owned()));
        assert_eq!(found(Some("unix:/option"), &environment), Ok("unix:/option".to_owned()));
    }

    #[test]
    fn without_a_socket_the_port_is_asked() {
        let socket = tempfile::NamedTempFile::new().expect("a file");
        assert_eq!(usual(socket.path()).to_string(), "unix:/run/flink-on-mesos/dispatcher.sock");
        assert_eq!(usual(Path::new("/no/such/socket")).to_string(), "http://127.0.0.1:8090");
    }

    #[test]
    fn wrong_addresses_are_told_with_their_place() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join(FILE);
        let mut environment: Environment = [(HOME, home.path())].into_iter().collect();
        std::fs::create_dir_all(&file).expect("created");
        assert_eq!(
            found(None, &environment),
            Err((Exit::NoInput, format!("cannot read {}", file.display())))
        );
        std::fs::remove_dir(&file).expect("removed");
        std::fs::write(&file, "m1:80").expect("written");
        let (exit, text) = found(None, &environment).expect_err("wrong");
        assert_eq!(exit, Exit::Data);
        let begin = format!("{}:1: `m1:80` is no address of a dispatcher: expected", file.display());
        assert!(text.starts_with(&begin), "{text}");
        environment.set(VARIABLE, "m1");
        let (exit, text) = found(None, &environment).expect_err("wrong");
        assert_eq!(exit, Exit::Config);
        assert!(text.starts_with("FLINK_ON_MESOS_DISPATCHER: `m1` is no address"), "{text}");
    }
}
