//! Files beside the configuration that it names by path, such as keytabs, key stores and Hadoop's configuration: they
//! travel with it, for agents do not have them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use conf::environment::Environment;
use conf::redact;
use conf::table::{Origin, Table};

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
/// The keys whose value is the directory of Hadoop's configuration, the second for the class path.
const HADOOP_OWN_KEY: &str = "fs.hdfs.hadoopconf";
const HADOOP_KEY: &str = "env.hadoop.conf.dir";
const HADOOP_DIRECTORY: &str = "hadoop-conf";

/// A file that the configuration names and that agents would miss.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {path}, which `{key}` names and the TaskManagers need",
    path = redact::shown(key, &path.to_string_lossy())
)]
pub struct OverlayError {
    key: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Adds what `table` and the variables of Hadoop name to `files`, and has it name what will be there.
pub fn add(
    table: &mut Table,
    environment: &Environment,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), OverlayError> {
    for key in FILE_KEYS {
        let Some(path) = table.get(key).map(PathBuf::from) else { continue };
        let content = fs::read(&path).map_err(|source| OverlayError { key, path, source })?;
        files.insert(key.to_owned(), content);
        point(table, key, key);
    }
    if let Some(directory) = hadoop(table, environment) {
        add_directory(&directory, files).map_err(|source| OverlayError {
            key: HADOOP_KEY,
            path: directory,
            source,
        })?;
        point(table, HADOOP_KEY, HADOOP_DIRECTORY);
        point(table, HADOOP_OWN_KEY, HADOOP_DIRECTORY);
    }
    Ok(())
}

/// Where Flink 1.13 looked for it, and where its scripts do.
fn hadoop(table: &Table, environment: &Environment) -> Option<PathBuf> {
    let named = table.get(HADOOP_OWN_KEY).or_else(|| environment.text("HADOOP_CONF_DIR"));
    if let Some(directory) = named.or_else(|| table.get(HADOOP_KEY)) {
        return Some(PathBuf::from(directory));
    }
    let home = Path::new(environment.text("HADOOP_HOME")?);
    ["etc/hadoop", "conf"].iter().map(|directory| home.join(directory)).find(|path| path.is_dir())
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
        let environment = [("HADOOP_CONF_DIR", path("hadoop"))].into_iter().collect();
        add(&mut table, &environment, &mut files).expect("readable");
        assert_eq!(files["security.kerberos.login.keytab"], b"secret");
        assert_eq!(files["hadoop-conf/core-site.xml"], b"<x/>");
        let named = |key| table.get(key).expect("set").strip_prefix(DIRECTORY_MARK).expect("marked");
        assert_eq!(named("security.kerberos.login.keytab"), "security.kerberos.login.keytab");
        for key in ["env.hadoop.conf.dir", "fs.hdfs.hadoopconf"] {
            assert_eq!(named(key), "hadoop-conf");
        }
    }

    #[test]
    fn hadoops_configuration_is_found_where_it_is_named_first() {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir(home.path().join("conf")).expect("created");
        let mut table = Table::default();
        assert_eq!(hadoop(&table, &Environment::default()), None);
        let mut environment: Environment = [("HADOOP_HOME", home.path())].into_iter().collect();
        assert_eq!(hadoop(&table, &environment), Some(home.path().join("conf")));
        table.set("env.hadoop.conf.dir", "/a", Origin::Argument);
        assert_eq!(hadoop(&table, &environment), Some(PathBuf::from("/a")));
        environment.set("HADOOP_CONF_DIR", "/b");
        assert_eq!(hadoop(&table, &environment), Some(PathBuf::from("/b")));
        table.set("fs.hdfs.hadoopconf", "/c", Origin::Argument);
        assert_eq!(hadoop(&table, &environment), Some(PathBuf::from("/c")));
    }

    #[test]
    fn what_is_named_and_missing_is_told() {
        let mut table = Table::default();
        table.set("security.ssl.rest.keystore", "/nonexistent/store", Origin::Argument);
        let error = add(&mut table, &Environment::default(), &mut BTreeMap::new()).expect_err("missing");
        let expected = "cannot read /nonexistent/store, which `security.ssl.rest.keystore` names and the TaskManagers need";
        assert_eq!(error.to_string(), expected);
    }
}
