//! Files beside the configuration that it names by path, such as keytabs, key stores and Hadoop's configuration: they
//! travel with it, for agents do not have them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::conf::table::{Origin, Table};

/// Stands in values for the directory that a task stores its configuration in.
pub const DIRECTORY_MARK: &str = "/flink-on-mesos:configuration/";

/// Keys whose value is the path of one file.
const FILE_KEYS: [&str; 8] = [
    "security.ssl.keystore",
    "security.ssl.truststore",
    "security.ssl.internal.keystore",
    "security.ssl.internal.truststore",
    "security.ssl.rest.keystore",
    "security.ssl.rest.truststore",
    "security.kerberos.login.keytab",
    "security.kerberos.krb5-conf.path",
];
/// The key whose value is the directory of Hadoop's configuration.
const HADOOP_KEY: &str = "env.hadoop.conf.dir";
const HADOOP_DIRECTORY: &str = "hadoop-conf";

/// A file that the configuration names and that agents would miss.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}, which `{key}` names and the TaskManagers need", path = path.display())]
pub struct OverlayError {
    key: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Adds what `table` names to `files`, and has it name what will be there. `hadoop` is where Hadoop's configuration is
/// if the environment says so.
pub fn add(
    table: &mut Table,
    hadoop: Option<&str>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), OverlayError> {
    for key in FILE_KEYS {
        let Some(path) = table.get(key).map(PathBuf::from) else { continue };
        let content = fs::read(&path).map_err(|source| OverlayError { key, path, source })?;
        files.insert(key.to_owned(), content);
        point(table, key, key);
    }
    if let Some(directory) = hadoop.or_else(|| table.get(HADOOP_KEY)).map(PathBuf::from) {
        add_directory(&directory, files).map_err(|source| OverlayError {
            key: HADOOP_KEY,
            path: directory,
            source,
        })?;
        point(table, HADOOP_KEY, HADOOP_DIRECTORY);
    }
    Ok(())
}

fn add_directory(directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Plain files are what Hadoop reads; links are followed.
        if fs::metadata(entry.path())?.is_file() {
            files.insert(format!("{HADOOP_DIRECTORY}/{name}"), fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn point(table: &mut Table, key: &str, name: &str) {
    let why = "delivered with the configuration".to_owned();
    table.set(key, format!("{DIRECTORY_MARK}{name}"), Origin::Rewritten { why });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_travels_along() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("hadoop")).expect("created");
        fs::write(path("hadoop/core-site.xml"), "<x/>").expect("written");
        fs::write(path("flink.keytab"), "secret").expect("written");
        let mut table = Table::default();
        let keytab = path("flink.keytab").display().to_string();
        table.set("security.kerberos.login.keytab", keytab, Origin::Argument);
        let mut files = BTreeMap::new();
        add(&mut table, path("hadoop").to_str(), &mut files).expect("readable");
        assert_eq!(files["security.kerberos.login.keytab"], b"secret");
        assert_eq!(files["hadoop-conf/core-site.xml"], b"<x/>");
        let named = |key| table.get(key).expect("set").strip_prefix(DIRECTORY_MARK).expect("marked");
        assert_eq!(named("security.kerberos.login.keytab"), "security.kerberos.login.keytab");
        assert_eq!(named("env.hadoop.conf.dir"), "hadoop-conf");
    }

    #[test]
    fn what_is_named_and_missing_is_told() {
        let mut table = Table::default();
        table.set("security.ssl.rest.keystore", "/nonexistent/store", Origin::Argument);
        let error = add(&mut table, None, &mut BTreeMap::new()).expect_err("missing");
        let expected = "cannot read /nonexistent/store, which `security.ssl.rest.keystore` names and the TaskManagers need";
        assert_eq!(error.to_string(), expected);
    }
}
