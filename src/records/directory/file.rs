//! The file itself, for threads that may wait.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base::directory::{self, sync, unusable};
use redb::{Builder, Database, Error, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::change::{Change, Revision};
use crate::envelope::{self, EnvelopeError, Root};
use crate::error::{CommitError, FileError, LoadError, OpenError, PlaceError, PurgeError};
use crate::key::Key;
use crate::{Loaded, Record};

pub const NAME: &str = "records";
const NEW: &str = "records.new";

const FILE_MODE: u32 = 0o600;

/// Records are read once, so there is little to remember of them.
const CACHE_BYTES: usize = 1 << 20;

pub const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
pub const ROOT: TableDefinition<(), &[u8]> = TableDefinition::new("root");

#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    path: PathBuf,
    instance: String,
    /// None after a failure: what the database remembers may not be what is in the file.
    database: Option<Database>,
    /// Of the directory, against other processes.
    _lock: File,
}

impl Store {
    pub fn open(directory: &Path, instance: &str) -> Result<Self, OpenError> {
        directory::create(directory)?;
        directory::own(directory)?;
        let lock = File::open(directory).map_err(unusable("open", directory))?;
        if !directory::lock(&lock, directory)? {
            return Err(OpenError::InUse { directory: directory.to_owned() });
        }
        let path = directory.join(NAME);
        if !path.exists() {
            make(directory, instance)?;
        }
        let database = open(&path)?;
        let found = root(&database).map_err(failed("read", &path))?;
        Root::decode(&found, instance)
            .map_err(|source| PlaceError { place: path.display().to_string(), source })?;
        let (directory, instance) = (directory.to_owned(), instance.to_owned());
        Ok(Self { directory, path, instance, database: Some(database), _lock: lock })
    }

    pub fn load(&mut self, below: Option<&Key>) -> Result<Loaded, LoadError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        let found = read(&database, below).map_err(failed("read", &self.path))?;
        let loaded = decode(found, &self.path, &self.instance)?;
        self.database = Some(database);
        Ok(loaded)
    }

    pub fn commit(&mut self, changes: &[Change]) -> Result<Revision, CommitError> {
        let database = self.database.take().ok_or(CommitError::NotLoaded)?;
        match write(&database, changes, &self.instance) {
            Ok(revision) => {
                self.database = Some(database);
                Ok(revision)
            }
            Err(WriteError::Refused(error)) => {
                self.database = Some(database);
                Err(error)
            }
            Err(WriteError::Failed(error)) => Err(failed("write", &self.path)(error).into()),
            Err(WriteError::Unknown(revision, error)) => {
                let source = Box::new(failed("write", &self.path)(error));
                Err(CommitError::Unknown { revision, source })
            }
        }
    }

    /// The directory stays, as it may be a mount point.
    pub fn purge(&mut self) -> Result<(), PurgeError> {
        drop(self.database.take());
        let removed = fs::remove_file(&self.path).and_then(|()| sync(&self.directory));
        Ok(removed.map_err(unusable("remove", &self.path))?)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

fn open(path: &Path) -> Result<Database, FileError> {
    builder().open(path).map_err(|error| failed("open", path)(error.into()))
}

/// Nothing has the name before all of it is on the disk.
fn make(directory: &Path, instance: &str) -> Result<(), OpenError> {
    let (new, path) = (directory.join(NEW), directory.join(NAME));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable("remove", &new)(error))?,
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(FILE_MODE).open(&new).map_err(unusable("create", &new))?;
    let made = builder().create(&new).map_err(Error::from).and_then(|database| {
        begin(&database, instance)?;
        Ok(database.close()?)
    });
    if made.is_err() {
        // On a full disk it would keep others from writing too.
        let _ = fs::remove_file(&new);
    }
    made.map_err(failed("create", &new))?;
    let renamed = fs::rename(&new, &path).and_then(|()| sync(directory));
    Ok(renamed.map_err(unusable("create", &path))?)
}

/// What a new file holds.
fn begin(database: &Database, instance: &str) -> Result<(), Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    transaction.open_table(RECORDS)?;
    transaction.open_table(ROOT)?.insert((), &*Root::new(instance).encode())?;
    transaction.commit()?;
    Ok(())
}

fn root(database: &Database) -> Result<Vec<u8>, Error> {
    let root = database.begin_read()?.open_table(ROOT)?.get(())?.map(|root| root.value().to_owned());
    root.ok_or_else(nothing)
}

struct Found {
    root: Vec<u8>,
    records: Vec<(String, Vec<u8>)>,
}

fn read(database: &Database, below: Option<&Key>) -> Result<Found, Error> {
    let root = root(database)?;
    let table = database.begin_read()?.open_table(RECORDS)?;
    let mut records = Vec::new();
    let all = match below {
        None => table.iter()?,
        Some(key) => {
            if let Some(bytes) = table.get(key.as_str())? {
                records.push((key.to_string(), bytes.value().to_owned()));
            }
            // What follows a slash.
            table.range(&*format!("{key}/")..&*format!("{key}0"))?
        }
    };
    for found in all {
        let (key, bytes) = found?;
        records.push((key.value().to_owned(), bytes.value().to_owned()));
    }
    Ok(Found { root, records })
}

fn decode(found: Found, path: &Path, instance: &str) -> Result<Loaded, LoadError> {
    let place = || path.display().to_string();
    let root = Root::decode(&found.root, instance);
    let root = root.map_err(|source| PlaceError { place: place(), source })?;
    let records = found.records.into_iter().map(|(key, bytes)| {
        let at = |source| LoadError::Record { key: key.clone(), place: place(), source };
        let name = Key::parse(&key).map_err(|_| at(EnvelopeError::Damaged))?;
        let (revision, value) = envelope::unwrap(&bytes).map_err(at)?;
        Ok(Record { key: name, revision, value: value.to_owned() })
    });
    Ok(Loaded { revision: root.revision(), records: records.collect::<Result<_, LoadError>>()? })
}

enum WriteError {
    /// The database is as it was.
    Refused(CommitError),
    /// Nothing was written.
    Failed(Error),
    Unknown(Revision, Error),
}

impl<E: Into<Error>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn write(database: &Database, changes: &[Change], instance: &str) -> Result<Revision, WriteError> {
    let mut transaction = database.begin_write()?;
    // A commit that was cut short is never taken for one, whatever its pages look like.
    transaction.set_two_phase_commit(true);
    let revision = {
        let mut roots = transaction.open_table(ROOT)?;
        let found = roots.get(())?.ok_or_else(nothing)?.value().to_owned();
        let root = Root::decode(&found, instance).map_err(|_| nothing())?;
        let revision = root.revision().next();
        let mut records = transaction.open_table(RECORDS)?;
        for change in changes {
            let key = change.key().as_str();
            let found = match records.get(key)? {
                Some(bytes) => Some(envelope::unwrap(bytes.value()).map_err(|_| nothing())?.0),
                None => None,
            };
            change.check(found).map_err(WriteError::Refused)?;
            match change.value() {
                Some(value) => drop(records.insert(key, &*envelope::wrap(revision, value))?),
                None => drop(records.remove(key)?),
            }
        }
        roots.insert((), &*root.at(revision).encode())?;
        revision
    };
    match transaction.commit() {
        Ok(()) => Ok(revision),
        Err(error) => Err(WriteError::Unknown(revision, error.into())),
    }
}

/// What every file has is not there, though all pages are as they were written.
fn nothing() -> Error {
    Error::Corrupted("it is not a file of records".to_owned())
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(Error) -> FileError {
    let path = path.to_owned();
    move |error| {
        let is_damage = match &error {
            Error::Corrupted(_) | Error::TableDoesNotExist(_) | Error::TableTypeMismatch { .. } => true,
            Error::UpgradeRequired(_) => true,
            Error::Io(error) => {
                matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
            }
            _ => false,
        };
        let source = Box::new(error);
        if is_damage {
            FileError::Damaged { path, source }
        } else {
            FileError::Failed { doing, path, source }
        }
    }
}

#[cfg(test)]
mod tests;
