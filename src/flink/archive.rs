//! Archives of loaded classes (AppCDS): with one that fits, a JVM neither reads nor checks those classes again.
//!
//! The JVM passes over one that does not fit and says nothing. So that somebody does, a list beside each archive tells
//! what it was made with: `SIZE SECONDS PATH` a line, of the runtime's `lib/modules` and of each jar of the class path.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::command::Command;

/// From here on the JVM has wider pointers than the archive. Half a region of the heap decides, so it is not exact.
const WIDE_HEAP_BYTES: u64 = (32 << 30) - (32 << 20);

/// Why the JVM would pass over an archive.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    #[error("{path} cannot be read", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} has a line that is not `SIZE SECONDS PATH`: {line}", path = path.display())]
    Malformed { path: PathBuf, line: String },
    #[error("{file} has changed since the archive was made", file = file.display())]
    Changed { file: PathBuf },
    #[error("the class path has {found} where the archive has {expected}")]
    ClassPath { expected: String, found: String },
    #[error("a heap of 32 GiB or more needs wider pointers than the archive has")]
    WideHeap,
}

/// Has the JVM use `archive` if it fits, and warn otherwise.
pub fn apply(command: &mut Command, archive: Option<&Path>) {
    // Whoever says something about sharing knows better.
    let is_chosen =
        |arg: &OsString| starts_with(arg, "-Xshare:") || starts_with(arg, "-XX:SharedArchiveFile=");
    let Some(archive) = archive.filter(|_| !command.args.iter().any(is_chosen)) else { return };
    match check(command, archive) {
        Ok(()) => {
            let mut option = OsString::from("-XX:SharedArchiveFile=");
            option.push(archive);
            command.args.insert(0, option);
        }
        Err(misfit) => command.warnings.push(format!(
            "starting without the class archive {}: {}",
            archive.display(),
            base::log::chain(&misfit)
        )),
    }
}

fn check(command: &Command, archive: &Path) -> Result<(), Misfit> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Misfit::Unreadable { path, source }
    };
    fs::metadata(archive).map_err(unreadable(archive))?;
    let mut list = archive.as_os_str().to_owned();
    list.push(".files");
    let list = PathBuf::from(list);
    let text = fs::read_to_string(&list).map_err(unreadable(&list))?;
    let mut files = text.lines().map(|line| {
        Expected::parse(line).ok_or_else(|| Misfit::Malformed { path: list.clone(), line: line.to_owned() })
    });
    if let Some(modules) = files.next() {
        let found = command.program.parent().and_then(Path::parent).map(|home| home.join("lib/modules"));
        modules?.compare(&found.unwrap_or_default())?;
    }
    if max_heap(&command.args).is_some_and(|bytes| bytes >= WIDE_HEAP_BYTES) {
        return Err(Misfit::WideHeap);
    }
    // What follows those jars is no matter.
    let mut class_path = class_path(&command.args).split(|byte| *byte == b':').map(OsStr::from_bytes);
    for expected in files {
        let expected = expected?;
        let found = class_path.next().map_or_else(|| Path::new(""), Path::new);
        if found != Path::new(expected.path) {
            let found =
                if found.as_os_str().is_empty() { "nothing".to_owned() } else { found.display().to_string() };
            return Err(Misfit::ClassPath { expected: expected.path.to_owned(), found });
        }
        expected.compare(found)?;
    }
    Ok(())
}

/// A file as it was when the archive was made.
struct Expected<'a> {
    size: u64,
    seconds: i64,
    path: &'a str,
}

impl<'a> Expected<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let size = words.next()?.parse().ok()?;
        let seconds = words.next()?.parse().ok()?;
        Some(Self { size, seconds, path: words.next()? })
    }

    /// As the JVM does: by size and time of the last modification.
    fn compare(&self, file: &Path) -> Result<(), Misfit> {
        let metadata =
            fs::metadata(file).map_err(|source| Misfit::Unreadable { path: file.to_owned(), source })?;
        if metadata.len() == self.size && metadata.mtime() == self.seconds {
            Ok(())
        } else {
            Err(Misfit::Changed { file: file.to_owned() })
        }
    }
}

fn class_path(args: &[OsString]) -> &[u8] {
    let at = args.iter().position(|arg| arg == "-classpath");
    at.and_then(|at| args.get(at + 1)).map_or(&[], |value| value.as_bytes())
}

/// The last one counts.
fn max_heap(args: &[OsString]) -> Option<u64> {
    let text = args.iter().rev().find_map(|arg| arg.to_str()?.strip_prefix("-Xmx"))?;
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => 0,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn starts_with(arg: &OsStr, prefix: &str) -> bool {
    arg.as_bytes().starts_with(prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runtime, two jars and an archive made with them.
    struct Made {
        directory: tempfile::TempDir,
        args: Vec<String>,
    }

    impl Made {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let made = Self { directory, args: vec!["-Xmx1g".to_owned()] };
            fs::create_dir(made.path("lib")).expect("created");
            let files = ["lib/modules", "a.jar", "b.jar"].map(|name| {
                fs::write(made.path(name), name).expect("written");
                let metadata = fs::metadata(made.path(name)).expect("there");
                format!("{} {} {}\n", metadata.len(), metadata.mtime(), made.path(name).display())
            });
            fs::write(made.path("x.jsa"), "").expect("written");
            fs::write(made.path("x.jsa.files"), files.concat()).expect("written");
            made
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// The first argument, and what is warned about.
        fn apply(&self, jars: &[&str]) -> (String, String) {
            let jars: Vec<_> = jars.iter().map(|jar| self.path(jar).display().to_string()).collect();
            let mut args: Vec<OsString> = self.args.iter().map(OsString::from).collect();
            args.extend(["-classpath".into(), jars.join(":").into(), "Main".into()]);
            let mut command =
                Command { program: self.path("bin/java"), args, env: Vec::new(), warnings: Vec::new() };
            apply(&mut command, Some(&self.path("x.jsa")));
            let first = command.args[0].to_str().expect("text").to_owned();
            (first, command.warnings.join("\n"))
        }
    }

    #[test]
    fn an_archive_that_fits_is_used() {
        let made = Made::new();
        let option = format!("-XX:SharedArchiveFile={}", made.path("x.jsa").display());
        assert_eq!(made.apply(&["a.jar", "b.jar"]), (option.clone(), String::new()));
        assert_eq!(made.apply(&["a.jar", "b.jar", "c.jar"]), (option, String::new()), "more may follow");
    }

    #[test]
    fn one_that_does_not_is_told_of_and_left() {
        let change =
            |made: &Made, name: &str| fs::write(made.path(name), "longer than before").expect("written");
        let told = |prepare: &dyn Fn(&mut Made), jars: &[&str], expected: &str| {
            let mut made = Made::new();
            prepare(&mut made);
            let (first, warning) = made.apply(jars);
            assert!(first.starts_with("-Xmx"), "{first}");
            assert!(warning.contains("x.jsa: ") && warning.contains(expected), "{warning}");
        };
        let both = ["a.jar", "b.jar"];
        told(&|made| change(made, "b.jar"), &both, "b.jar has changed since the archive was made");
        told(
            &|made| change(made, "lib/modules"),
            &both,
            "lib/modules has changed since the archive was made",
        );
        told(&|_| (), &["a.jar"], "the class path has nothing where the archive has ");
        told(&|_| (), &["aa.jar", "a.jar", "b.jar"], "aa.jar where the archive has ");
        told(
            &|made| made.args.push("-Xmx32G".into()),
            &both,
            "a heap of 32 GiB or more needs wider pointers than the archive has",
        );
        told(&|made| change(made, "x.jsa.files"), &both, "not `SIZE SECONDS PATH`: longer than before");
        told(&|made| fs::remove_file(made.path("x.jsa")).expect("removed"), &both, "x.jsa cannot be read");
    }

    #[test]
    fn what_the_user_says_about_sharing_stands() {
        let mut made = Made::new();
        made.args = vec!["-Xshare:off".to_owned()];
        assert_eq!(made.apply(&["a.jar", "b.jar"]), ("-Xshare:off".to_owned(), String::new()));
    }
}
