//! The file of tokens, which is read again when it changes.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::{Defaults, Grant, Tokens, Wrong};
use base::events::{Journal, since_1970_ms};
use base::log;
use conf::keys;

/// A thousand tokens have some 200 kB.
const MAX_BYTES: u64 = 4 << 20;

/// Whoever shows a token has the file looked at, but not more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Group and others.
const OTHERS_WRITE: u32 = 0o022;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    #[error("cannot read {}, which `{}` names", path.display(), keys::dispatcher::TOKENS.name)]
    Read { path: PathBuf, source: io::Error },
    #[error("{}, which `{}` names, is no file of at most {MAX_BYTES} bytes", path.display(), keys::dispatcher::TOKENS.name)]
    NoFile { path: PathBuf },
    #[error("{}", told(path, wrong))]
    Wrong { path: PathBuf, wrong: Vec<Wrong> },
}

fn told(path: &Path, wrong: &[Wrong]) -> String {
    let texts: Vec<_> = wrong.iter().map(|wrong| format!("{}:{wrong}", path.display())).collect();
    texts.join("; ")
}

/// As it was when it was looked at.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    defaults: Arc<Defaults>,
    tokens: Tokens,
    /// None: it could not be looked at.
    stamp: Option<Stamp>,
    others_write: bool,
}

/// By which a change is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl TokenFile {
    pub fn open(path: &Path, defaults: Defaults) -> Result<Self, TokensError> {
        let mut file = Self {
            path: path.to_owned(),
            defaults: Arc::new(defaults),
            tokens: Tokens::default(),
            stamp: None,
            others_write: false,
        };
        let metadata = fs::metadata(path).map_err(|source| file.unreadable(source))?;
        file.stamp = Some(Stamp::of(&metadata));
        file.read(&metadata)?;
        Ok(file)
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Where whoever may write it makes tokens for himself.
    pub fn warning(&self) -> Option<String> {
        self.others_write.then(|| {
            let path = self.path.display();
            format!("others may write {path}, and so make tokens of their own: chmod go-w {path}")
        })
    }

    /// The tokens as the file says them at each moment; one that has become wrong is told once, and what it said before holds.
    pub fn watched(self, journal: Arc<Journal>) -> api::Tokens {
        let watch = Mutex::new(Watch { file: self, looked_at: Instant::now() });
        Arc::new(move |token| {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.find(token, Instant::now(), &journal)
        })
    }

    fn read(&mut self, metadata: &Metadata) -> Result<(), TokensError> {
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(TokensError::NoFile { path: self.path.clone() });
        }
        let mut text = String::new();
        let file = File::open(&self.path).map_err(|source| self.unreadable(source))?;
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|source| self.unreadable(source))?;
        let tokens = Tokens::parse(&text, &self.defaults);
        self.tokens = tokens.map_err(|wrong| TokensError::Wrong { path: self.path.clone(), wrong })?;
        self.others_write = metadata.mode() & OTHERS_WRITE != 0;
        Ok(())
    }

    fn unreadable(&self, source: io::Error) -> TokensError {
        TokensError::Read { path: self.path.clone(), source }
    }
}

struct Watch {
    file: TokenFile,
    looked_at: Instant,
}

impl Watch {
    fn find(&mut self, token: &str, now: Instant, journal: &Journal) -> Option<Arc<Grant>> {
        if now.saturating_duration_since(self.looked_at) >= LOOK_EVERY {
            self.looked_at = now;
            self.look(journal);
        }
        self.file.tokens.find(token, since_1970_ms()).cloned()
    }

    fn look(&mut self, journal: &Journal) {
        let file = &mut self.file;
        let metadata = fs::metadata(&file.path);
        let stamp = metadata.as_ref().ok().map(Stamp::of);
        if stamp == file.stamp {
            return;
        }
        file.stamp = stamp;
        let read =
            metadata.map_err(|source| file.unreadable(source)).and_then(|metadata| file.read(&metadata));
        match read {
            Ok(()) => {
                let (path, count) = (file.path.display(), file.tokens.count());
                journal.tell("tokens_read", format!("{path} has changed: it holds {count} tokens"));
                if let Some(warning) = file.warning() {
                    journal.warn("tokens_writable", warning);
                }
            }
            Err(error) => {
                let why = log::chain(&error);
                journal.warn(
                    "tokens_wrong",
                    format!("{why}; the tokens that were read before hold until it is right"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use access::{Entry, Role};
    use tempfile::TempDir;

    use super::*;

    struct Site {
        directory: TempDir,
        watch: Watch,
        journal: Journal,
        now: Instant,
    }

    fn text(names: &[&str]) -> String {
        let entry = |name: &&str| Entry {
            name: (*name).to_owned(),
            role: Role::View,
            mesos_roles: Vec::new(),
            users: Vec::new(),
            expires: None,
        };
        let entries = names.iter().map(|name| entry(name).text(name));
        format!("tokens:\n{}", entries.collect::<String>())
    }

    impl Site {
        fn new(names: &[&str]) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("tokens.yaml");
            fs::write(&path, text(names)).expect("written");
            let file = TokenFile::open(&path, Defaults::default()).expect("good");
            let now = Instant::now();
            Self { directory, watch: Watch { file, looked_at: now }, journal: Journal::default(), now }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("tokens.yaml")
        }

        fn after(&mut self, wait: Duration, token: &str) -> bool {
            self.now += wait;
            self.watch.find(token, self.now, &self.journal).is_some()
        }

        fn told(&self) -> Vec<(String, String)> {
            self.journal.after(0).into_iter().map(|event| (event.kind, event.text)).collect()
        }
    }

    #[test]
    fn what_the_file_says_counts_within_a_second() {
        let mut site = Site::new(&["ann"]);
        assert!(site.after(LOOK_EVERY, "ann"));
        // Another file in its place, as editors and tools of configuration write it.
        let other = site.directory.path().join("other");
        fs::write(&other, text(&["bob", "eve"])).expect("written");
        fs::rename(&other, site.path()).expect("renamed");
        assert!(site.after(LOOK_EVERY / 2, "ann") && !site.after(Duration::ZERO, "bob"));
        assert!(site.after(LOOK_EVERY / 2, "bob") && !site.after(Duration::ZERO, "ann"));
        // The same file with other text.
        fs::write(site.path(), "tokens: []\n").expect("written");
        assert!(!site.after(LOOK_EVERY, "bob"));
        let path = site.path().display().to_string();
        let read = |count| ("tokens_read".to_owned(), format!("{path} has changed: it holds {count} tokens"));
        assert_eq!(site.told(), [read(2), read(0)]);
    }

    #[test]
    fn a_file_that_became_wrong_is_told_once_and_changes_nothing() {
        let mut site = Site::new(&["ann"]);
        let path = site.path();
        fs::write(&path, "tokens:\n- fom_secret\n").expect("written");
        assert!(site.after(LOOK_EVERY, "ann") && site.after(LOOK_EVERY, "ann"));
        fs::remove_file(&path).expect("removed");
        assert!(site.after(LOOK_EVERY, "ann") && site.after(LOOK_EVERY, "ann"));
        let told = site.told();
        let ends = "; the tokens that were read before hold until it is right";
        let expected = [
            format!("{}:2: expected a token's entry, with `name`, `sha256` and `role`{ends}", path.display()),
            format!(
                "cannot read {}, which `dispatcher.tokens` names: No such file or directory (os error 2){ends}",
                path.display()
            ),
        ];
        assert_eq!(told, expected.map(|text| ("tokens_wrong".to_owned(), text)));
        fs::write(&path, text(&["bob"])).expect("written");
        assert!(site.after(LOOK_EVERY, "bob") && !site.after(Duration::ZERO, "ann"));
    }

    #[test]
    fn whoever_may_write_the_file_is_warned_of() {
        let site = Site::new(&["ann"]);
        for (mode, is_warned) in [(0o644, false), (0o664, true), (0o602, true), (0o600, false)] {
            fs::set_permissions(site.path(), Permissions::from_mode(mode)).expect("set");
            let file = TokenFile::open(&site.path(), Defaults::default()).expect("good");
            assert_eq!(file.warning().is_some(), is_warned, "{mode:o}");
        }
        let error = TokenFile::open(site.directory.path(), Defaults::default()).expect_err("a directory");
        assert!(error.to_string().contains("is no file"), "{error}");
    }
}
