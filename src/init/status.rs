//! How a child ended, and the exit code that comes of it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::signals::Signal;

/// The end of a process, from its wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(u8),
    Killed {
        signal: Signal,
        core_dumped: bool,
    },
    /// The child is gone and the kernel told nobody how.
    Unknown,
}

impl Ended {
    /// `None` when the status tells of a stop or continuation: that is no end.
    pub fn from_raw(status: i32) -> Option<Self> {
        let low = status & 0x7f;
        match low {
            0 => Some(Self::Exited((status >> 8) as u8)),
            0x7f => None,
            number => {
                Signal::new(number).map(|signal| Self::Killed { signal, core_dumped: status & 0x80 != 0 })
            }
        }
    }

    /// The wait status it came from.
    pub fn to_raw(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(i32::from(code) << 8),
            Self::Killed { signal, core_dumped } => Some(signal.number() | i32::from(core_dumped) << 7),
            Self::Unknown => None,
        }
    }

    /// 0..=255 unchanged, 128 + n for signal n, 127 when unknown.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed { signal, .. } => 128 + signal.number() as u8,
            Self::Unknown => 127,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited {code}"),
            Self::Killed { signal, core_dumped: false } => write!(f, "killed by {signal}"),
            Self::Killed { signal, core_dumped: true } => write!(f, "killed by {signal}, core dumped"),
            Self::Unknown => f.write_str("gone without a status"),
        }
    }
}

/// One entry of the exit code remap list: `143=0`, `128-159=1`; `stop:143=0` holds only when a signal to
/// init started the stop, so that a child killed by somebody else still counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remap {
    pub from: RangeInclusive<u8>,
    pub to: u8,
    pub when: RemapWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemapWhen {
    Always,
    StoppedBySignal,
}

/// The first entry that fits decides.
pub fn remap(code: u8, stopped_by_signal: bool, remaps: &[Remap]) -> u8 {
    remaps
        .iter()
        .find(|remap| {
            remap.from.contains(&code)
                && match remap.when {
                    RemapWhen::Always => true,
                    RemapWhen::StoppedBySignal => stopped_by_signal,
                }
        })
        .map_or(code, |remap| remap.to)
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the exit code remapping {0:?}; expected FROM=TO, FIRST-LAST=TO or stop:FROM=TO with codes from 0 to 255"
)]
pub struct RemapError(pub String);

impl FromStr for Remap {
    type Err = RemapError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_remap(text).ok_or_else(|| RemapError(text.to_owned()))
    }
}

fn parse_remap(text: &str) -> Option<Remap> {
    let (when, codes) = match text.strip_prefix("stop:") {
        Some(codes) => (RemapWhen::StoppedBySignal, codes),
        None => (RemapWhen::Always, text),
    };
    let (from, to) = codes.split_once('=')?;
    let (first, last) = from.split_once('-').unwrap_or((from, from));
    let from = first.parse().ok()?..=last.parse().ok()?;
    (!from.is_empty()).then_some(Remap { from, to: to.parse().ok()?, when })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_passes_unchanged() {
        for code in 0..=255u8 {
            let raw = i32::from(code) << 8;
            let ended = Ended::from_raw(raw).unwrap();
            assert_eq!((ended, ended.code(), ended.to_raw()), (Ended::Exited(code), code, Some(raw)));
        }
    }

    #[test]
    fn every_signal_is_128_plus_its_number() {
        for number in 1..=64i32 {
            for core in [0, 0x80] {
                let ended = Ended::from_raw(number | core).unwrap();
                assert_eq!(ended.code(), 128 + number as u8);
                assert_eq!(ended.to_raw(), Some(number | core));
            }
        }
    }

    #[test]
    fn stops_and_continuations_are_no_end() {
        for signal in Signal::all() {
            assert_eq!(Ended::from_raw(0x7f | signal.number() << 8), None);
            assert_eq!(Ended::from_raw(0x7f | signal.number() << 8 | 6 << 16), None);
        }
        assert_eq!(Ended::from_raw(0xffff), None);
    }

    #[test]
    fn text() {
        let text = |raw| Ended::from_raw(raw).unwrap().to_string();
        assert_eq!(text(3 << 8), "exited 3");
        assert_eq!(text(9), "killed by SIGKILL");
        assert_eq!(text(6 | 0x80), "killed by SIGABRT, core dumped");
    }

    #[test]
    fn remapping() {
        let remaps: Vec<Remap> =
            ["stop:143=0", "137=1", "128-192=2"].iter().map(|text| text.parse().unwrap()).collect();
        let cases = [(143, true, 0), (143, false, 2), (137, true, 1), (127, true, 127), (192, false, 2)];
        for (code, stopped, expected) in cases {
            assert_eq!(remap(code, stopped, &remaps), expected, "{code}");
        }
        for code in 0..=255 {
            assert_eq!(remap(code, true, &[]), code);
        }
    }

    #[test]
    fn malformed_remapping_is_refused() {
        for text in ["", "143", "143=", "=0", "256=0", "0=256", "9-3=0", "a=b", "1-2-3=4", "stop=0"] {
            assert_eq!(text.parse::<Remap>(), Err(RemapError(text.to_owned())));
        }
    }
}
