//! Flink's own options by name, with the versions that read them: what somebody meant who misspelled one, and which of them this
//! Flink does not read.

use super::grammar::Version;
use super::keys;
use super::nearest;
use super::retired;
use super::table::{Origin, Table};
use super::warning::Warning;

/// The options of Flink's modules with their older names: a line with the first and the last version, then the names.
const NAMES: &str = include_str!("options/names.txt");

/// The newest release that the names were taken from; what it reads, later ones are taken to read.
const NEWEST: Version = (2, 3);
/// The oldest one; what it read, earlier ones are taken to have read.
const OLDEST: Version = (1, 13);

/// Names below these are anybody's, or are told elsewhere.
const FREE: [&str; 18] = [
    "$internal.",
    "containerized.",
    "dispatcher.",
    "env.java.default-opts",
    "env.java.opts",
    "events.reporter.",
    "external-resource.",
    "flink.",
    "internal.",
    "kubernetes.",
    "mesos.",
    "metrics.reporter.",
    "python.",
    "s3.",
    "s3a.",
    "table.",
    "traces.reporter.",
    "yarn.",
];

/// A name with the first and the last version.
type Known = (&'static str, (Version, Version));

/// One line for each key that no Flink has and that is much like one of this Flink, and for each that only other ones read. Without
/// a `version` only the first.
pub fn warnings(table: &Table, version: Option<Version>) -> Vec<Warning> {
    let options = read();
    let version = version.map(|version| version.clamp(OLDEST, NEWEST));
    let reads =
        |(first, last): (Version, Version)| version.is_none_or(|version| (first..=last).contains(&version));
    let is_given = |origin: &Origin| !matches!(origin, Origin::Default | Origin::Rewritten { .. });
    let looked_at = table.iter().filter(|(key, setting)| is_given(&setting.origin) && !is_known(key));
    looked_at
        .filter_map(|(key, setting)| {
            let rest = match options.iter().find(|(name, _)| *name == key) {
                Some((_, range)) if reads(*range) => return None,
                Some((_, range)) => elsewhere(*range, version?),
                None => {
                    let names = options.iter().filter(|(_, range)| reads(*range)).map(|(name, _)| *name);
                    let near = nearest::slip(key, names)?;
                    format!("is not a known key{}; did you mean `{near}`?", of_flink(version))
                }
            };
            Some(Warning::of_setting(key, setting, rest))
        })
        .collect()
}

fn of_flink(version: Option<Version>) -> String {
    version.map_or_else(String::new, |(major, minor)| format!(" of Flink {major}.{minor}"))
}

fn elsewhere((first, last): (Version, Version), version: Version) -> String {
    let (major, minor) = version;
    let who = match (first > version, last == NEWEST) {
        (true, true) => format!("Flink {}.{} and later do", first.0, first.1),
        (true, false) => format!("Flink {}.{} to {}.{} do", first.0, first.1, last.0, last.1),
        (false, _) => format!("Flink up to {}.{} did", last.0, last.1),
    };
    format!("is not read by Flink {major}.{minor}: {who}")
}

/// By us, or told by `retired`.
fn is_known(key: &str) -> bool {
    FREE.iter().any(|prefix| key.starts_with(prefix))
        || keys::all().any(|known| known.name == key || known.aliases.contains(&key))
        || retired::is_told(key)
}

/// Not sorted: a configuration has few keys, and the start waits for this.
fn read() -> Vec<Known> {
    let mut options = Vec::with_capacity(1024);
    let mut range = (OLDEST, NEWEST);
    for line in NAMES.lines() {
        match versions(line) {
            Some(versions) => range = versions,
            None => options.push((line, range)),
        }
    }
    options
}

fn versions(line: &str) -> Option<(Version, Version)> {
    let (first, last) = line.split_once(' ')?;
    let version = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    Some((version(first)?, version(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(keys: &[&str], version: Option<Version>) -> Vec<String> {
        let mut table = Table::default();
        for key in keys {
            table.set(*key, "x", Origin::Argument);
        }
        warnings(&table, version).into_iter().map(|warning| warning.text).collect()
    }

    #[test]
    fn names_are_in_order_and_each_has_versions() {
        let mut last = "";
        for line in NAMES.lines() {
            match versions(line) {
                Some((first, newest)) => {
                    assert!(OLDEST <= first && first <= newest && newest <= NEWEST, "{line}");
                    last = "";
                }
                None => {
                    assert!(last < line && !line.contains(' '), "{line:?} after {last:?}");
                    last = line;
                }
            }
        }
        let mut names: Vec<_> = read().into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a name is there twice");
    }

    #[test]
    fn no_known_name_is_told() {
        for version in [(1, 17), (1, 20), (2, 3), (2, 9)] {
            let names: Vec<_> = read()
                .into_iter()
                .filter(|(_, (first, last))| *first <= version && *last >= version.min(NEWEST))
                .map(|(name, _)| name)
                .collect();
            assert_eq!(told(&names, Some(version)), [""; 0]);
        }
    }

    #[test]
    fn slips_are_told_and_nothing_else() {
        for (key, near) in [
            ("taskmanager.numberOfTaskSlot", "taskmanager.numberOfTaskSlots"),
            ("taskmanager.numberoftaskslots", "taskmanager.numberOfTaskSlots"),
            ("paralellism.default", "parallelism.default"),
            ("state.checkpoint.dir", "state.checkpoints.dir"),
            ("jobmanager.memory.process-size", "jobmanager.memory.process.size"),
            ("high-availability.storagedir", "high-availability.storageDir"),
        ] {
            let expected = format!("`{key}` (-D) is not a known key of Flink 1.20; did you mean `{near}`?");
            assert_eq!(told(&[key], Some((1, 20))), [expected]);
        }
        let free = [
            "a",
            "my.key",
            "state",
            "s3.endpoint",
            "s3.access-key",
            "fs.azure.account.key.x",
            "metrics.reporter.prom.class",
            "metrics.reporter.prom.port",
            "flink.hadoop.dfs.replication",
            "table.exec.state.ttl",
            "env.java.opts.client",
            "containerized.master.env.A",
            "kafka.bootstrap.servers",
            "pipeline.my-own",
            "com.example.rate-limit",
        ];
        assert_eq!(told(&free, Some((1, 20))), [""; 0]);
    }

    #[test]
    fn what_only_other_versions_read_is_told() {
        for (key, version, expected) in [
            ("state.backend.forst.cache.dir", (1, 20), "is not read by Flink 1.20: Flink 2.0 and later do"),
            ("high-availability.type", (1, 16), ""),
        ] {
            let told = told(&[key], Some(version));
            let expected = Some(format!("`{key}` (-D) {expected}")).filter(|_| !expected.is_empty());
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
        }
        assert_eq!(told(&["state.backend.forst.cache.dir"], None), [""; 0]);
    }
}
