//! What is left of the file when a process, or the machine, stops at any moment, and what is made of a file that is damaged.

mod device;

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::Expected;
use crate::suite::{Model, Script, key};
use device::{Device, Op};

const INSTANCE: &str = "one";
const PATH: &str = "/dispatcher/records";

/// Its lowest bit says which of two commits counts. Closing a file makes one more, so that both hold the same; in a file that
/// was not closed nothing tells that this one bit is wrong.
const FLAGS_BYTE: usize = 9;

/// A database, all that was ever done to its file, and what it held after how much of that.
struct History {
    device: Device,
    /// Before the file was closed.
    unclosed: Vec<u8>,
    /// The number of operations when a commit was acknowledged, and what was there then.
    acknowledged: Vec<(usize, Loaded)>,
}

impl History {
    fn of(commits: u64, seed: u64) -> Self {
        let device = Device::default();
        let database = builder().create_with_backend(device.clone()).expect("created");
        begin(&database, INSTANCE).expect("begun");
        let (mut model, mut script) = (Model::default(), Script::new(seed));
        let mut acknowledged = vec![(device.operations(), model.loaded())];
        for _ in 0..commits {
            let changes = script.next(&model);
            let revision = write(&database, &changes, INSTANCE).map_err(|_| "refused").expect("committed");
            model.apply(&changes);
            assert_eq!(revision, Revision(model.revision));
            acknowledged.push((device.operations(), model.loaded()));
        }
        let unclosed = device.bytes();
        database.close().expect("closed");
        Self { device, unclosed, acknowledged }
    }

    /// What may be found when this many operations have begun: all that was acknowledged, and perhaps what was under way.
    fn allowed(&self, operations: usize) -> RangeInclusive<usize> {
        let begun = self.acknowledged.partition_point(|(end, _)| *end <= operations);
        begun - 1..=begun.min(self.acknowledged.len() - 1)
    }

    fn is_found(&self, bytes: Vec<u8>, operations: usize, what: &str) {
        let allowed = self.allowed(operations);
        let found = opened(bytes).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let is_allowed = self.acknowledged[allowed.clone()].iter().any(|(_, loaded)| *loaded == found);
        assert!(is_allowed, "{what}: revision {} instead of {allowed:?}", found.revision);
    }
}

/// As the next process would open and read it.
fn opened(bytes: Vec<u8>) -> Result<Loaded, LoadError> {
    let path = Path::new(PATH);
    let at = |error: Error| LoadError::from(failed("open", path)(error));
    if bytes.is_empty() {
        // Only a backend of a test takes that for a new file.
        return Err(at(Error::Corrupted("it is empty".to_owned())));
    }
    let database = builder().create_with_backend(Device::of(bytes)).map_err(|error| at(error.into()))?;
    decode(read(&database, None).map_err(at)?, path, INSTANCE)
}

#[test]
fn a_process_that_is_killed_at_any_byte_loses_nothing_that_was_acknowledged() {
    let history = History::of(12, 3);
    let (operations, first) = (history.device.log(), history.acknowledged[0].0);
    let mut file = device::File::default();
    for (index, operation) in operations.iter().enumerate() {
        if index >= first {
            for cut in operation.cuts() {
                let mut torn = file.clone();
                torn.apply(&cut);
                history.is_found(torn.bytes(), index, &format!("after {index} operations and {cut:?}"));
            }
        }
        file.apply(operation);
    }
    assert!(operations.len() - first > 50, "{}", operations.len());
    history.is_found(file.bytes(), operations.len(), "at the end");
}

#[test]
fn a_machine_that_stops_at_any_moment_loses_nothing_that_was_acknowledged() {
    let history = History::of(12, 4);
    let (operations, first) = (history.device.log(), history.acknowledged[0].0);
    for (index, _) in operations.iter().enumerate().skip(first) {
        let durable = operations[..index].iter().rposition(Op::is_sync).map_or(0, |sync| sync + 1);
        // Of what the disk was not told to keep, any part may have come to it.
        for seed in 0..4 {
            let mut lot = fastrand::Rng::with_seed(seed + 100 * index as u64);
            let mut file = device::File::default();
            operations[..durable].iter().for_each(|operation| file.apply(operation));
            for operation in &operations[durable..index] {
                match lot.u8(0..3) {
                    0 => {}
                    1 => file.apply(operation),
                    _ => file.apply(lot.choice(&operation.cuts()).unwrap_or(operation)),
                }
            }
            history.is_found(file.bytes(), index, &format!("{index} operations, {durable} durable, {seed}"));
        }
    }
}

/// Whole, or refused with its name.
fn is_refused_or_whole(bytes: Vec<u8>, whole: &Loaded, what: &str) -> bool {
    let found = catch_unwind(AssertUnwindSafe(|| opened(bytes)));
    match found.unwrap_or_else(|_| panic!("{what}: it panics")) {
        Ok(found) => {
            assert!(found == *whole, "{what}: revision {} instead of {}", found.revision, whole.revision);
            false
        }
        Err(error) => {
            assert!(base::log::chain(&error).contains(PATH), "{what}: {}", base::log::chain(&error));
            true
        }
    }
}

#[test]
fn a_file_that_is_damaged_anywhere_is_refused_by_name_or_as_it_was() {
    let history = History::of(12, 5);
    let whole = &history.acknowledged.last().expect("one").1;
    for (bytes, first_flag) in [(history.device.bytes(), 0), (history.unclosed, 1)] {
        assert!(!is_refused_or_whole(bytes.clone(), whole, "undamaged"));
        let mut refused = 0;
        let offsets = (0..320).chain((320..bytes.len()).step_by(211)).map(|offset| (offset, offset % 8));
        let flags = (first_flag..8).map(|bit| (FLAGS_BYTE, bit));
        for (offset, bit) in offsets.filter(|(offset, _)| *offset != FLAGS_BYTE).chain(flags) {
            let mut damaged = bytes.clone();
            damaged[offset] ^= 1 << bit;
            refused += usize::from(is_refused_or_whole(damaged, whole, &format!("bit {bit} at {offset}")));
        }
        assert!(refused > 50, "{refused}");
        for offset in (0..bytes.len()).step_by(4096) {
            let mut damaged = bytes.clone();
            damaged[offset..(offset + 4096).min(bytes.len())].fill(0);
            is_refused_or_whole(damaged, whole, &format!("a page at {offset}"));
        }
    }
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_refused_by_name() {
    let history = History::of(12, 6);
    let whole = &history.acknowledged.last().expect("one").1;
    let bytes = history.device.bytes();
    let lengths = (0..600).chain((600..bytes.len()).step_by(509));
    for length in lengths.chain((0..bytes.len()).step_by(4096)).chain([bytes.len() - 1]) {
        let cut = is_refused_or_whole(bytes[..length].to_vec(), whole, &format!("{length} bytes"));
        assert!(cut, "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_disk_that_is_full_at_any_byte_loses_nothing_and_takes_more_when_there_is_room() {
    let History { device, acknowledged, .. } = History::of(12, 7);
    let (bytes, before) = (device.bytes(), &acknowledged.last().expect("one").1);
    let large = vec![7; crate::MAX_VALUE_BYTES];
    let change = [Change::Put { key: key("large"), value: large.clone(), expected: Expected::Any }];
    let mut failures = 0;
    for room in (0..512 << 10).step_by(32 << 10) {
        let full = Device::of(bytes.clone());
        full.limit(bytes.len() as u64 + room);
        let written = builder()
            .create_with_backend(full.clone())
            .map_err(Error::from)
            .map(|database| write(&database, &change, INSTANCE).is_ok());
        full.limit(u64::MAX);
        let is_written = matches!(written, Ok(true));
        failures += usize::from(!is_written);
        let database = builder().create_with_backend(full).expect("there is room");
        let found =
            decode(read(&database, None).expect("readable"), Path::new(PATH), INSTANCE).expect("whole");
        assert!(is_written || found == *before, "{room} bytes: {}", found.revision);
        let revision = write(&database, &change, INSTANCE).map_err(|_| "refused").expect("there is room");
        assert_eq!(revision, found.revision.next());
    }
    assert!(failures > 2, "{failures}");
}
