//! The TaskManager's memory.

use std::collections::BTreeMap;

use super::options::{Key, Options, Range, RangeDefaults, RangeKeys};
use super::process::{Jvm, ProcessKeys, Start};
use super::{Amount, MemoryError, MemorySize, Sum, number, resources, size};
use crate::version::Version;
use conf::table::Table;

const KEYS: ProcessKeys = ProcessKeys {
    role: "TaskManager",
    fine_grained: "taskmanager.memory.task.heap.size and taskmanager.memory.managed.size",
    process: Key::new("taskmanager.memory.process.size"),
    flink: Key::new("taskmanager.memory.flink.size"),
    metaspace: Key::new("taskmanager.memory.jvm-metaspace.size"),
    overhead: RangeKeys {
        min: Key::new("taskmanager.memory.jvm-overhead.min"),
        max: Key::new("taskmanager.memory.jvm-overhead.max"),
        fraction: Key::new("taskmanager.memory.jvm-overhead.fraction"),
    },
};
const FRAMEWORK_HEAP: Key = Key::new("taskmanager.memory.framework.heap.size");
const FRAMEWORK_OFF_HEAP: Key = Key::new("taskmanager.memory.framework.off-heap.size");
const TASK_HEAP: Key = Key::new("taskmanager.memory.task.heap.size");
const TASK_OFF_HEAP: Key = Key::new("taskmanager.memory.task.off-heap.size");
const MANAGED: Key = Key::formerly("taskmanager.memory.managed.size", "taskmanager.memory.size");
const MANAGED_FRACTION: Key = Key::new("taskmanager.memory.managed.fraction");
const NETWORK: RangeKeys = RangeKeys {
    min: Key::formerly("taskmanager.memory.network.min", "taskmanager.network.memory.min"),
    max: Key::formerly("taskmanager.memory.network.max", "taskmanager.network.memory.max"),
    fraction: Key::formerly("taskmanager.memory.network.fraction", "taskmanager.network.memory.fraction"),
};
const NETWORK_BUFFERS: Key = Key::new("taskmanager.network.numberOfBuffers");
const SEGMENT_SIZE: Key = Key::new("taskmanager.memory.segment-size");
const CPU_CORES: Key = Key::new("taskmanager.cpu.cores");
const SLOTS: Key = Key::new("taskmanager.numberOfTaskSlots");

const DEFAULT_FRAMEWORK: MemorySize = MemorySize::from_mib(128);
const DEFAULT_MANAGED_FRACTION: f32 = 0.4;
const DEFAULT_SEGMENT_SIZE: MemorySize = MemorySize::from_kib(32);
/// The smallest memory segment that Flink accepts.
const MIN_SEGMENT_SIZE: MemorySize = MemorySize::from_kib(4);
const DEFAULT_SLOTS: i32 = 1;

/// The parts of a TaskManager's memory, and what else its resource specification says.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskManagerMemory {
    pub framework_heap: MemorySize,
    pub framework_off_heap: MemorySize,
    pub task_heap: MemorySize,
    pub task_off_heap: MemorySize,
    pub network: MemorySize,
    pub managed: MemorySize,
    pub metaspace: MemorySize,
    pub overhead: MemorySize,
    /// All parts together: what the container needs.
    pub process: MemorySize,
    pub cpu_cores: f64,
    pub slots: i32,
    pub external_resources: BTreeMap<String, u64>,
    version: Version,
}

impl TaskManagerMemory {
    pub fn jvm_args(&self) -> Vec<String> {
        let heap = self.framework_heap.bytes() + self.task_heap.bytes();
        let direct = self.framework_off_heap.bytes() + self.task_off_heap.bytes() + self.network.bytes();
        vec![
            format!("-Xmx{heap}"),
            format!("-Xms{heap}"),
            format!("-XX:MaxDirectMemorySize={direct}"),
            format!("-XX:MaxMetaspaceSize={}", self.metaspace.bytes()),
        ]
    }

    /// Key and value, for `-D`: without them the TaskManager ends with exit code 1.
    pub fn dynamic_properties(&self) -> Vec<(String, String)> {
        let sizes = [
            (FRAMEWORK_HEAP, self.framework_heap),
            (FRAMEWORK_OFF_HEAP, self.framework_off_heap),
            (TASK_HEAP, self.task_heap),
            (TASK_OFF_HEAP, self.task_off_heap),
            (NETWORK.min, self.network),
            (NETWORK.max, self.network),
            (MANAGED, self.managed),
            (KEYS.metaspace, self.metaspace),
            (KEYS.overhead.min, self.overhead),
            (KEYS.overhead.max, self.overhead),
        ];
        let mut properties: Vec<_> = sizes
            .into_iter()
            .map(|(key, size)| (key.name.to_owned(), format!("{}b", size.bytes())))
            .collect();
        properties.push((CPU_CORES.name.to_owned(), number::double_text(self.cpu_cores)));
        properties.push((SLOTS.name.to_owned(), self.slots.to_string()));
        let list = resources::list_text(&self.external_resources, self.version);
        properties.push((resources::LIST.name.to_owned(), list));
        for (name, amount) in &self.external_resources {
            properties.push((resources::amount_key(name), amount.to_string()));
        }
        properties
    }
}

pub(super) fn derive(table: &Table, version: Version) -> Result<TaskManagerMemory, MemoryError> {
    let options = Options::new(table);
    let (flink, jvm) = match KEYS.start(options, &[TASK_HEAP, MANAGED])? {
        Start::FineGrained => {
            let flink = from_task_heap_and_managed(options, version)?;
            let jvm = KEYS.around_flink(options, flink.parts().total()?)?;
            (flink, jvm)
        }
        Start::Flink(total) => {
            (split_flink(options, version, &total)?, KEYS.around_flink(options, total.size)?)
        }
        Start::Process(process) => {
            let (jvm, total) = KEYS.split_process(options, &process)?;
            (split_flink(options, version, &total)?, jvm)
        }
    };
    assemble(options, version, &flink, jvm)
}

/// Flink's own memory, part by part.
struct FlinkMemory {
    framework_heap: Amount,
    framework_off_heap: Amount,
    task_heap: Amount,
    task_off_heap: Amount,
    managed: Amount,
    network: Amount,
}

impl FlinkMemory {
    fn parts(&self) -> Sum {
        let parts = [
            &self.framework_heap,
            &self.framework_off_heap,
            &self.task_heap,
            &self.task_off_heap,
            &self.managed,
            &self.network,
        ];
        Sum(parts.into_iter().cloned().collect())
    }

    /// With `unknown` at zero: what `total` leaves for it.
    fn remainder(&self, total: &Amount) -> Result<MemorySize, MemoryError> {
        let parts = Sum(self.parts().0.into_iter().filter(|part| part.size > MemorySize::ZERO).collect());
        let Some(rest) = total.size.checked_sub(parts.total()?) else {
            return Err(MemoryError::TooSmall { whole: total.clone(), parts });
        };
        Ok(rest)
    }
}

fn from_task_heap_and_managed(options: Options<'_>, version: Version) -> Result<FlinkMemory, MemoryError> {
    let managed = options.size_or(MANAGED, MemorySize::ZERO)?;
    let mut memory = known_parts(options, managed)?;
    memory.task_heap = options.size_or(TASK_HEAP, MemorySize::ZERO)?;
    let network = Network::of(options, version);
    memory.network.size = match options.size(KEYS.flink)? {
        Some(total) => network.check(memory.remainder(&Amount::new(KEYS.flink.name, total))?)?,
        None => network.beside_rest(memory.parts().total()?)?,
    };
    Ok(memory)
}

fn split_flink(options: Options<'_>, version: Version, total: &Amount) -> Result<FlinkMemory, MemoryError> {
    let network = Network::of(options, version);
    let managed = match options.size(MANAGED)? {
        Some(size) => size,
        None => managed_share(options, total)?,
    };
    let mut memory = known_parts(options, Amount::new(MANAGED.name, managed))?;
    if options.is_set(TASK_HEAP) {
        memory.task_heap = options.size_or(TASK_HEAP, MemorySize::ZERO)?;
        memory.network.size = network.check(memory.remainder(total)?)?;
        return Ok(memory);
    }
    memory.network.size = network.of_whole(total.size)?;
    memory.task_heap.size = memory.remainder(total)?;
    Ok(memory)
}

/// Everything but task heap and network memory, which stay zero.
fn known_parts(options: Options<'_>, managed: Amount) -> Result<FlinkMemory, MemoryError> {
    Ok(FlinkMemory {
        framework_heap: options.size_or(FRAMEWORK_HEAP, DEFAULT_FRAMEWORK)?,
        framework_off_heap: options.size_or(FRAMEWORK_OFF_HEAP, DEFAULT_FRAMEWORK)?,
        task_heap: Amount::new(TASK_HEAP.name, MemorySize::ZERO),
        task_off_heap: options.size_or(TASK_OFF_HEAP, MemorySize::ZERO)?,
        managed,
        network: Amount::new("network memory", MemorySize::ZERO),
    })
}

fn managed_share(options: Options<'_>, total: &Amount) -> Result<MemorySize, MemoryError> {
    let fraction = options.fraction(MANAGED_FRACTION, DEFAULT_MANAGED_FRACTION)?;
    size::times(total.size, fraction)
        .ok_or_else(|| MemoryError::Overflow { what: format!("{total} times {fraction}") })
}

/// How the network memory is decided; nothing is read before it is needed, since Flink ignores a bad value that it does not need.
struct Network<'a> {
    options: Options<'a>,
    version: Version,
}

impl<'a> Network<'a> {
    fn of(options: Options<'a>, version: Version) -> Self {
        Self { options, version }
    }

    fn of_whole(&self, whole: MemorySize) -> Result<MemorySize, MemoryError> {
        if self.counts_buffers() { self.buffers() } else { self.range()?.of_whole(whole) }
    }

    fn beside_rest(&self, rest: MemorySize) -> Result<MemorySize, MemoryError> {
        if self.counts_buffers() { self.buffers() } else { self.range()?.beside_rest(rest) }
    }

    fn check(&self, derived: MemorySize) -> Result<MemorySize, MemoryError> {
        let derived = Amount::new("network memory", derived);
        if !self.counts_buffers() {
            return self.range()?.check(derived);
        }
        let configured = Amount::new(NETWORK_BUFFERS.name, self.buffers()?);
        if derived.size != configured.size {
            return Err(MemoryError::NotAsConfigured { derived, configured });
        }
        Ok(derived.size)
    }

    /// The old number of buffers counts only while none of the newer keys is set, and no more in Flink 2.
    fn counts_buffers(&self) -> bool {
        !self.version.at_least(2, 0)
            && self.options.is_set(NETWORK_BUFFERS)
            && ![NETWORK.min, NETWORK.max, NETWORK.fraction].into_iter().any(|key| self.options.is_set(key))
    }

    fn buffers(&self) -> Result<MemorySize, MemoryError> {
        let options = self.options;
        let count = options.integer(NETWORK_BUFFERS)?.unwrap_or(0);
        let count = u64::try_from(count)
            .map_err(|_negative| options.unusable(NETWORK_BUFFERS, "a number of buffers from 0 up"))?;
        let segment = options.size_or(SEGMENT_SIZE, DEFAULT_SEGMENT_SIZE)?.size;
        let fits = segment >= MIN_SEGMENT_SIZE
            && segment.bytes().is_power_of_two()
            && i32::try_from(segment.bytes()).is_ok();
        if !fits {
            return Err(options.unusable(SEGMENT_SIZE, "a power of two from 4k to 1g"));
        }
        // At most 2^31 buffers of at most 2^30 bytes.
        MemorySize::from_bytes(count * segment.bytes())
            .ok_or_else(|| MemoryError::Overflow { what: NETWORK_BUFFERS.name.to_owned() })
    }

    fn range(&self) -> Result<Range, MemoryError> {
        let max = if self.version.at_least(1, 17) { MemorySize::MAX } else { MemorySize::from_mib(1024) };
        self.options.range(NETWORK, RangeDefaults { min: MemorySize::from_mib(64), max, fraction: 0.1 })
    }
}

fn assemble(
    options: Options<'_>,
    version: Version,
    flink: &FlinkMemory,
    jvm: Jvm,
) -> Result<TaskManagerMemory, MemoryError> {
    let mut parts = flink.parts();
    parts.0.push(Amount::new("metaspace", jvm.metaspace));
    parts.0.push(Amount::new("JVM overhead", jvm.overhead));
    Ok(TaskManagerMemory {
        framework_heap: flink.framework_heap.size,
        framework_off_heap: flink.framework_off_heap.size,
        task_heap: flink.task_heap.size,
        task_off_heap: flink.task_off_heap.size,
        network: flink.network.size,
        managed: flink.managed.size,
        metaspace: jvm.metaspace,
        overhead: jvm.overhead,
        process: parts.total()?,
        cpu_cores: cpu_cores(options)?,
        slots: slots(options)?,
        external_resources: resources::amounts(options, version)?,
        version,
    })
}

fn slots(options: Options<'_>) -> Result<i32, MemoryError> {
    Ok(options.integer(SLOTS)?.unwrap_or(DEFAULT_SLOTS))
}

fn cpu_cores(options: Options<'_>) -> Result<f64, MemoryError> {
    let (cores, key) = match options.double(CPU_CORES)? {
        Some(cores) => (cores, CPU_CORES),
        None => (f64::from(slots(options)?), SLOTS),
    };
    if cores <= 0.0 {
        return Err(options.unusable(key, "a number above 0"));
    }
    Ok(number::truncate_to_resource_scale(cores))
}
