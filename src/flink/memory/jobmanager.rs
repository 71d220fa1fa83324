//! The JobManager's memory.

use super::options::{Key, Options, RangeKeys};
use super::process::{Jvm, ProcessKeys, Start};
use super::{Amount, MemoryError, MemorySize, Sum};
use conf::table::Table;

const KEYS: ProcessKeys = ProcessKeys {
    role: "JobManager",
    fine_grained: "jobmanager.memory.heap.size",
    process: Key::new("jobmanager.memory.process.size"),
    flink: Key::new("jobmanager.memory.flink.size"),
    metaspace: Key::new("jobmanager.memory.jvm-metaspace.size"),
    overhead: RangeKeys {
        min: Key::new("jobmanager.memory.jvm-overhead.min"),
        max: Key::new("jobmanager.memory.jvm-overhead.max"),
        fraction: Key::new("jobmanager.memory.jvm-overhead.fraction"),
    },
};
const HEAP: Key = Key::new("jobmanager.memory.heap.size");
const OFF_HEAP: Key = Key::new("jobmanager.memory.off-heap.size");
const DIRECT_MEMORY_LIMIT: Key = Key::new("jobmanager.memory.enable-jvm-direct-memory-limit");

const DEFAULT_OFF_HEAP: MemorySize = MemorySize::from_mib(128);

/// The parts of a JobManager's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobManagerMemory {
    pub heap: MemorySize,
    pub off_heap: MemorySize,
    pub metaspace: MemorySize,
    pub overhead: MemorySize,
    /// All parts together: what the container needs.
    pub process: MemorySize,
    direct: DirectMemory,
}

/// Whether the JVM is told to keep direct memory within `off_heap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectMemory {
    Limited,
    Unlimited,
}

impl JobManagerMemory {
    pub fn jvm_args(&self) -> Vec<String> {
        let mut args = vec![format!("-Xmx{}", self.heap.bytes()), format!("-Xms{}", self.heap.bytes())];
        match self.direct {
            DirectMemory::Limited => args.push(format!("-XX:MaxDirectMemorySize={}", self.off_heap.bytes())),
            DirectMemory::Unlimited => {}
        }
        args.push(format!("-XX:MaxMetaspaceSize={}", self.metaspace.bytes()));
        args
    }

    /// Key and value, for `-D`; Flink only shows them.
    pub fn dynamic_properties(&self) -> Vec<(String, String)> {
        let sizes = [
            (HEAP, self.heap),
            (OFF_HEAP, self.off_heap),
            (KEYS.metaspace, self.metaspace),
            (KEYS.overhead.min, self.overhead),
            (KEYS.overhead.max, self.overhead),
        ];
        sizes.into_iter().map(|(key, size)| (key.name.to_owned(), format!("{}b", size.bytes()))).collect()
    }
}

pub(super) fn derive(table: &Table) -> Result<JobManagerMemory, MemoryError> {
    let options = Options::new(table);
    let (heap, off_heap, jvm) = match KEYS.start(options, &[HEAP])? {
        Start::FineGrained => {
            let (heap, off_heap) = from_heap(options)?;
            let flink = Sum(vec![heap.clone(), off_heap.clone()]).total()?;
            (heap.size, off_heap.size, KEYS.around_flink(options, flink)?)
        }
        Start::Flink(flink) => {
            let (heap, off_heap) = split_flink(options, &flink)?;
            (heap, off_heap, KEYS.around_flink(options, flink.size)?)
        }
        Start::Process(process) => {
            let (jvm, flink) = KEYS.split_process(options, &process)?;
            let (heap, off_heap) = split_flink(options, &flink)?;
            (heap, off_heap, jvm)
        }
    };
    assemble(options, heap, off_heap, jvm)
}

/// With the heap given, a given total decides the off-heap memory unless that is given as well.
fn from_heap(options: Options<'_>) -> Result<(Amount, Amount), MemoryError> {
    let heap = options.size_or(HEAP, MemorySize::ZERO)?;
    let off_heap = options.size_or(OFF_HEAP, DEFAULT_OFF_HEAP)?;
    let Some(flink) = options.size(KEYS.flink)? else { return Ok((heap, off_heap)) };
    let flink = Amount::new(KEYS.flink.name, flink);
    if !options.is_set(OFF_HEAP) {
        let Some(rest) = flink.size.checked_sub(heap.size) else {
            return Err(MemoryError::TooSmall { whole: flink, parts: Sum(vec![heap]) });
        };
        return Ok((heap, Amount::new(OFF_HEAP.name, rest)));
    }
    let parts = Sum(vec![heap.clone(), off_heap.clone()]);
    if parts.total()? != flink.size {
        return Err(MemoryError::NotTheSum { whole: flink, parts });
    }
    Ok((heap, off_heap))
}

fn split_flink(options: Options<'_>, flink: &Amount) -> Result<(MemorySize, MemorySize), MemoryError> {
    let off_heap = options.size_or(OFF_HEAP, DEFAULT_OFF_HEAP)?;
    match flink.size.checked_sub(off_heap.size) {
        Some(heap) if heap > MemorySize::ZERO => Ok((heap, off_heap.size)),
        Some(_) | None => Err(MemoryError::NoHeapLeft { whole: flink.clone(), off_heap }),
    }
}

fn assemble(
    options: Options<'_>,
    heap: MemorySize,
    off_heap: MemorySize,
    jvm: Jvm,
) -> Result<JobManagerMemory, MemoryError> {
    let parts = Sum(vec![
        Amount::new("heap", heap),
        Amount::new("off-heap", off_heap),
        Amount::new("metaspace", jvm.metaspace),
        Amount::new("JVM overhead", jvm.overhead),
    ]);
    let direct = match options.truth(DIRECT_MEMORY_LIMIT)?.unwrap_or(false) {
        true => DirectMemory::Limited,
        false => DirectMemory::Unlimited,
    };
    Ok(JobManagerMemory {
        heap,
        off_heap,
        metaspace: jvm.metaspace,
        overhead: jvm.overhead,
        process: parts.total()?,
        direct,
    })
}
