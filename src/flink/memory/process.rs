//! What both roles share: the JVM's metaspace and overhead around Flink's own memory.

use super::options::{Key, Options, Range, RangeDefaults, RangeKeys};
use super::{Amount, MemoryError, MemorySize, Sum};

const METASPACE: MemorySize = MemorySize::from_mib(256);
const OVERHEAD: RangeDefaults =
    RangeDefaults { min: MemorySize::from_mib(192), max: MemorySize::from_mib(1024), fraction: 0.1 };

pub(super) struct ProcessKeys {
    pub(super) role: &'static str,
    pub(super) fine_grained: &'static str,
    pub(super) process: Key,
    pub(super) flink: Key,
    pub(super) metaspace: Key,
    pub(super) overhead: RangeKeys,
}

/// Outside of Flink's own memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jvm {
    pub(super) metaspace: MemorySize,
    pub(super) overhead: MemorySize,
}

/// Where the derivation starts: the first of these that is configured.
pub(super) enum Start {
    FineGrained,
    Flink(Amount),
    Process(Amount),
}

impl ProcessKeys {
    pub(super) fn start(&self, options: Options<'_>, fine_grained: &[Key]) -> Result<Start, MemoryError> {
        if fine_grained.iter().all(|key| options.is_set(*key)) {
            return Ok(Start::FineGrained);
        }
        if let Some(size) = options.size(self.flink)? {
            return Ok(Start::Flink(Amount::new(self.flink.name, size)));
        }
        if let Some(size) = options.size(self.process)? {
            return Ok(Start::Process(Amount::new(self.process.name, size)));
        }
        Err(MemoryError::NothingConfigured {
            role: self.role,
            process: self.process.name,
            flink: self.flink.name,
            fine_grained: self.fine_grained,
        })
    }

    /// Splits the process's memory into the JVM's part and Flink's.
    pub(super) fn split_process(
        &self,
        options: Options<'_>,
        process: &Amount,
    ) -> Result<(Jvm, Amount), MemoryError> {
        let metaspace = self.metaspace(options)?;
        let overhead = self.overhead(options)?.of_whole(process.size)?;
        let jvm = Jvm { metaspace: metaspace.size, overhead };
        let parts = Sum(vec![metaspace, Amount::new("JVM overhead", overhead)]);
        let Some(flink) = process.size.checked_sub(parts.total()?) else {
            return Err(MemoryError::TooSmall { whole: process.clone(), parts });
        };
        Ok((jvm, Amount::new("total Flink memory", flink)))
    }

    /// The JVM's part around Flink's memory: what the process's memory leaves when that is configured too, else a share.
    pub(super) fn around_flink(&self, options: Options<'_>, flink: MemorySize) -> Result<Jvm, MemoryError> {
        let metaspace = self.metaspace(options)?;
        let inner = Sum(vec![Amount::new("total Flink memory", flink), metaspace.clone()]);
        let Some(process) = options.size(self.process)? else {
            let overhead = self.overhead(options)?.beside_rest(inner.total()?)?;
            return Ok(Jvm { metaspace: metaspace.size, overhead });
        };
        let Some(overhead) = process.checked_sub(inner.total()?) else {
            return Err(MemoryError::TooSmall {
                whole: Amount::new(self.process.name, process),
                parts: inner,
            });
        };
        let overhead = self.overhead(options)?.check(Amount::new("JVM overhead", overhead))?;
        Ok(Jvm { metaspace: metaspace.size, overhead })
    }

    fn metaspace(&self, options: Options<'_>) -> Result<Amount, MemoryError> {
        options.size_or(self.metaspace, METASPACE)
    }

    fn overhead(&self, options: Options<'_>) -> Result<Range, MemoryError> {
        options.range(self.overhead, OVERHEAD)
    }
}
