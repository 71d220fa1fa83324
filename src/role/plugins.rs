//! `ENABLE_BUILT_IN_PLUGINS`: jars of Flink's `opt` as plugins, as in official images, and without writing to the Flink home.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{self, Path, PathBuf};

use conf::environment::Environment;
use flink::command::Command;
use flink::distribution::Distribution;

/// Names of jars with `;` between them.
pub const VARIABLE: &str = "ENABLE_BUILT_IN_PLUGINS";

#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("{VARIABLE} names {name}, and there is no such file in {opt}", opt = opt.display())]
    Missing { name: String, opt: PathBuf },
    #[error("failed to link Flink's plugins to {path}", path = path.display())]
    Link {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Whether all jars that are named are there.
pub fn check(environment: &Environment, distribution: &Distribution) -> Result<(), PluginError> {
    for name in named(environment) {
        if name.contains('/') || !distribution.opt().join(name).is_file() {
            return Err(PluginError::Missing { name: name.to_owned(), opt: distribution.opt() });
        }
    }
    Ok(())
}

/// Gives `command` the directory `target`, in which links lead to the plugins of the Flink home and to the jars that are named.
pub fn apply(
    command: &mut Command,
    environment: &Environment,
    distribution: &Distribution,
    target: &Path,
) -> Result<(), PluginError> {
    check(environment, distribution)?;
    if named(environment).next().is_none() {
        return Ok(());
    }
    let failed = |source| PluginError::Link { path: target.to_owned(), source };
    link(environment, distribution, target).map_err(failed)?;
    command.env.push(("FLINK_PLUGINS_DIR".into(), target.into()));
    Ok(())
}

fn named(environment: &Environment) -> impl Iterator<Item = &str> {
    let names = environment.text(VARIABLE).unwrap_or_default().split(';').map(str::trim);
    names.filter(|name| !name.is_empty())
}

fn link(environment: &Environment, distribution: &Distribution, target: &Path) -> io::Result<()> {
    link_all(&distribution.plugins(), target)?;
    for name in named(environment) {
        let plugin = target.join(name.strip_suffix(".jar").unwrap_or(name));
        // One of the Flink home's keeps what it has.
        if let Ok(own) = fs::read_link(&plugin) {
            fs::remove_file(&plugin)?;
            link_all(&own, &plugin)?;
        }
        fs::create_dir_all(&plugin)?;
        match symlink(path::absolute(distribution.opt().join(name))?, plugin.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            linked => linked?,
        }
    }
    Ok(())
}

/// A directory with a link to each thing in `source`, which need not be there.
fn link_all(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let Ok(entries) = fs::read_dir(source) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        symlink(path::absolute(entry.path())?, target.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flink::version::Version;

    #[test]
    fn jars_of_opt_stand_beside_the_plugins_that_are_there() {
        let home = tempfile::tempdir().expect("a directory");
        let path = |name: &str| home.path().join(name);
        for file in ["opt/flink-s3.jar", "opt/own.jar", "plugins/metrics/m.jar", "plugins/own/other.jar"] {
            fs::create_dir_all(path(file).parent().expect("a directory")).expect("a directory");
            fs::write(path(file), file).expect("written");
        }
        let distribution =
            Distribution { home: home.path().to_owned(), version: Version::new(1, 20, 5), jars: Vec::new() };
        let environment = Environment::from_iter([(VARIABLE, "flink-s3.jar; own.jar;")]);
        let mut command =
            Command { program: PathBuf::new(), args: Vec::new(), env: Vec::new(), warnings: Vec::new() };
        let target = path("run/plugins");
        apply(&mut command, &environment, &distribution, &target).expect("linked");
        assert_eq!(command.env, [("FLINK_PLUGINS_DIR".into(), target.clone().into_os_string())]);
        for (file, expected) in [
            ("flink-s3/flink-s3.jar", "opt/flink-s3.jar"),
            ("own/own.jar", "opt/own.jar"),
            ("own/other.jar", "plugins/own/other.jar"),
            ("metrics/m.jar", "plugins/metrics/m.jar"),
        ] {
            assert_eq!(fs::read_to_string(target.join(file)).expect(file), expected);
        }
        assert!(!path("plugins/flink-s3").exists() && !path("plugins/own/own.jar").exists());
    }

    #[test]
    fn a_jar_that_is_not_there_is_named() {
        let distribution =
            Distribution { home: "/no-such-home".into(), version: Version::new(1, 20, 5), jars: Vec::new() };
        for name in ["no.jar", "../lib/flink-dist-1.20.5.jar"] {
            let environment = Environment::from_iter([(VARIABLE, name)]);
            let error = check(&environment, &distribution).expect_err("refused").to_string();
            assert!(error.contains(VARIABLE) && error.contains(name) && error.contains("opt"), "{error}");
        }
        check(&Environment::default(), &distribution).expect("nothing is named");
    }
}
