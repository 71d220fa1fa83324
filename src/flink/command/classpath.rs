//! The class path: Flink's jars, then what belongs to Hadoop.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CommandError;
use crate::distribution::Distribution;
use conf::environment::Environment;
use conf::table::Table;

/// The elements that follow Flink's jars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HadoopClassPath {
    elements: Vec<String>,
}

impl HadoopClassPath {
    /// From the variables and keys that Flink's scripts look at, and the places where distributions keep their configuration.
    pub fn find(table: &Table, environment: &Environment, is_dir: impl Fn(&Path) -> bool) -> Self {
        let configured =
            |variable, key| environment.text(variable).or_else(|| table.get(key)).map(str::to_owned);
        let inside = |variable, directories: &[&str]| {
            let home = environment.text(variable)?;
            directories
                .iter()
                .map(|directory| format!("{home}/{directory}"))
                .find(|path| is_dir(Path::new(path)))
        };
        let usual = |path: &str| is_dir(Path::new(path)).then(|| path.to_owned());
        let class_path = environment.text("HADOOP_CLASSPATH");
        let hadoop = configured("HADOOP_CONF_DIR", "env.hadoop.conf.dir")
            .or_else(|| inside("HADOOP_HOME", &["etc/hadoop", "conf"]))
            .or_else(|| usual("/etc/hadoop/conf").filter(|_| class_path.is_none()));
        let yarn = configured("YARN_CONF_DIR", "env.yarn.conf.dir");
        let hbase = configured("HBASE_CONF_DIR", "env.hbase.conf.dir")
            .or_else(|| inside("HBASE_HOME", &["conf"]))
            .or_else(|| usual("/etc/hbase/conf"));
        let given = [class_path.map(str::to_owned), hadoop, yarn, hbase];
        // An empty element would be the working directory.
        let elements =
            given.iter().flatten().flat_map(|path| path.split(':')).filter(|element| !element.is_empty());
        Self { elements: elements.map(str::to_owned).collect() }
    }
}

pub(super) fn class_path(
    distribution: &Distribution,
    further: &[PathBuf],
    hadoop: &HadoopClassPath,
) -> Result<OsString, CommandError> {
    if let Some(path) =
        distribution.jars.iter().chain(further).find(|jar| jar.as_os_str().as_bytes().contains(&b':'))
    {
        return Err(CommandError::ColonInPath { path: PathBuf::from(path) });
    }
    let jars = distribution.jars.iter().chain(further).map(|jar| jar.as_os_str());
    let elements: Vec<_> = jars.chain(hadoop.elements.iter().map(OsStr::new)).collect();
    Ok(elements.join(OsStr::new(":")))
}
