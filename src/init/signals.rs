//! Signal names, sets, and what init does with each signal it receives.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use nix::libc;
use nix::sys::signal::Signal as Named;
use serde::{Deserialize, Serialize};

/// A signal number the kernel knows, real-time ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signal(u8);

impl Signal {
    pub const HUP: Self = Self(libc::SIGHUP as u8);
    pub const INT: Self = Self(libc::SIGINT as u8);
    pub const QUIT: Self = Self(libc::SIGQUIT as u8);
    pub const KILL: Self = Self(libc::SIGKILL as u8);
    pub const PIPE: Self = Self(libc::SIGPIPE as u8);
    pub const TERM: Self = Self(libc::SIGTERM as u8);
    pub const CHLD: Self = Self(libc::SIGCHLD as u8);
    pub const CONT: Self = Self(libc::SIGCONT as u8);
    pub const STOP: Self = Self(libc::SIGSTOP as u8);
    pub const TSTP: Self = Self(libc::SIGTSTP as u8);
    pub const TTIN: Self = Self(libc::SIGTTIN as u8);
    pub const TTOU: Self = Self(libc::SIGTTOU as u8);

    /// The kernel's highest number.
    const LAST: u8 = 64;

    pub fn new(number: i32) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..=Self::LAST).contains(&number).then_some(Self(number))
    }

    pub fn number(self) -> i32 {
        i32::from(self.0)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::LAST).map(Self)
    }

    /// Below `SIGRTMIN` the C library keeps a few numbers for its threads; nobody else may block or send
    /// them.
    pub fn belongs_to_libc(self) -> bool {
        self.number() > 31 && self.number() < libc::SIGRTMIN()
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Named::try_from(self.number()) {
            Ok(named) => f.write_str(named.as_str()),
            Err(_) if self.number() >= libc::SIGRTMIN() => {
                write!(f, "SIGRTMIN+{}", self.number() - libc::SIGRTMIN())
            }
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal {0:?}; expected a name such as TERM, SIGTERM or RTMIN+3, or a number from 1 to 64")]
pub struct UnknownSignal(pub String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSignal(text.to_owned());
        if let Ok(number) = text.parse::<i32>() {
            return Self::new(number).ok_or_else(unknown);
        }
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        if let Ok(named) = Named::from_str(&format!("SIG{name}")) {
            return Ok(Self(named as u8));
        }
        let number = if let Some(above) = name.strip_prefix("RTMIN") {
            offset(above, '+').map(|above| libc::SIGRTMIN() + above)
        } else if let Some(below) = name.strip_prefix("RTMAX") {
            offset(below, '-').map(|below| libc::SIGRTMAX() - below)
        } else {
            None
        };
        number
            .filter(|number| (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(number))
            .and_then(Self::new)
            .ok_or_else(unknown)
    }
}

fn offset(text: &str, sign: char) -> Option<i32> {
    match text.strip_prefix(sign) {
        Some(digits) => digits.parse::<u8>().ok().map(i32::from),
        None => text.is_empty().then_some(0),
    }
}

/// A set of signals, bit n-1 for signal n, as the kernel and `/proc/self/status` write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSet(pub u64);

impl SignalSet {
    pub const EMPTY: Self = Self(0);
    pub const ALL: Self = Self(u64::MAX);

    pub fn insert(&mut self, signal: Signal) {
        self.0 |= 1 << (signal.0 - 1);
    }

    pub fn contains(self, signal: Signal) -> bool {
        self.0 & (1 << (signal.0 - 1)) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::all().filter(move |signal| self.contains(*signal))
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let mut set = Self::EMPTY;
        signals.into_iter().for_each(|signal| set.insert(signal));
        set
    }
}

/// What happens to one received signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// A child has ended; the loop looks after every wake-up anyway.
    Reap,
    Drop,
    /// The main child gets this signal and nothing else happens.
    Forward(Signal),
    /// The container stops; the main child gets this signal when it is its turn.
    Stop(Signal),
    /// The main child's group is stopped, and init itself, until SIGCONT.
    Suspend,
}

/// What SIGTSTP, SIGTTIN and SIGTTOU do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobControl {
    /// Nothing: a main child stopped by a stray one would never be continued.
    #[default]
    Off,
    /// What the shell expects that started init from a terminal.
    On,
}

/// The user's changes to the table of signals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalTable {
    /// `None` drops the signal.
    pub rewrites: BTreeMap<Signal, Option<Signal>>,
    /// Signals that start the stop sequence, before or after rewriting.
    pub stop_on: SignalSet,
    pub job_control: JobControl,
}

impl Default for SignalTable {
    fn default() -> Self {
        let stop_on = [Signal::TERM, Signal::INT].into_iter().collect();
        Self { rewrites: BTreeMap::new(), stop_on, job_control: JobControl::default() }
    }
}

impl SignalTable {
    pub fn handling(&self, received: Signal) -> Handling {
        if received == Signal::CHLD {
            return Handling::Reap;
        }
        match self.rewrites.get(&received) {
            Some(None) => Handling::Drop,
            Some(&Some(signal)) if self.stops(received) || self.stops(signal) => Handling::Stop(signal),
            Some(&Some(signal)) => Handling::Forward(signal),
            None if matches!(received, Signal::TERM | Signal::INT) && self.stops(received) => {
                Handling::Stop(received)
            }
            // A container manager's own stop signal (SIGPWR, SIGRTMIN+3) means nothing to a child.
            None if self.stops(received) => Handling::Stop(self.term()),
            None if matches!(received, Signal::TSTP | Signal::TTIN | Signal::TTOU) => {
                match self.job_control {
                    JobControl::Off => Handling::Drop,
                    JobControl::On => Handling::Suspend,
                }
            }
            None => Handling::Forward(received),
        }
    }

    /// Whether a received signal stops the container.
    pub fn stops_by(&self, received: Signal) -> bool {
        matches!(self.handling(received), Handling::Stop(_))
    }

    /// What the main child gets when something other than a signal stops the container.
    pub fn term(&self) -> Signal {
        self.rewrites.get(&Signal::TERM).copied().flatten().unwrap_or(Signal::TERM)
    }

    fn stops(&self, signal: Signal) -> bool {
        self.stop_on.contains(signal)
    }
}

/// One rewriting as the user writes it: `TERM=QUIT`, `15:3`, `USR2=drop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    pub from: Signal,
    pub to: Option<Signal>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    #[error("cannot read the signal rewriting {0:?}; expected FROM=TO, such as TERM=QUIT or USR2=drop")]
    Form(String),
    #[error("cannot read the signal rewriting {text:?}")]
    Signal { text: String, source: UnknownSignal },
    #[error("cannot rewrite {0}: it never reaches init as an order")]
    From(Signal),
}

impl FromStr for Rewrite {
    type Err = RewriteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once(['=', ':']).ok_or_else(|| RewriteError::Form(text.to_owned()))?;
        let parse = |name: &str| {
            name.parse::<Signal>().map_err(|source| RewriteError::Signal { text: text.to_owned(), source })
        };
        let from = parse(from)?;
        if matches!(from, Signal::KILL | Signal::STOP | Signal::CHLD) {
            return Err(RewriteError::From(from));
        }
        let to = match to {
            "0" | "drop" => None,
            name => Some(parse(name)?),
        };
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str) -> Signal {
        name.parse().unwrap_or_else(|_| panic!("{name}"))
    }

    #[test]
    fn names_survive_a_round_trip() {
        for signal in Signal::all().filter(|signal| !signal.belongs_to_libc()) {
            assert_eq!(signal.to_string().parse(), Ok(signal), "{signal}");
            assert_eq!(signal.to_string().to_lowercase().parse(), Ok(signal), "{signal}");
            assert_eq!(signal.number().to_string().parse(), Ok(signal));
        }
        assert_eq!(signal("term"), Signal::TERM);
        assert_eq!(signal("RTMIN+3").number(), libc::SIGRTMIN() + 3);
        assert_eq!(signal("RTMAX").number(), 64);
        assert_eq!(signal("SIGRTMAX-1").number(), 63);
    }

    #[test]
    fn what_is_not_a_signal_is_refused() {
        for text in ["", "0", "65", "-1", "SIG", "TERMS", "RTMIN+99", "RTMIN-1", "RTMAX+1", "RTMIN+"] {
            assert_eq!(text.parse::<Signal>(), Err(UnknownSignal(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn everything_but_job_control_and_child_ends_reaches_the_main_child() {
        let table = SignalTable::default();
        for received in Signal::all() {
            let expected = match received {
                Signal::CHLD => Handling::Reap,
                Signal::TSTP | Signal::TTIN | Signal::TTOU => Handling::Drop,
                Signal::TERM | Signal::INT => Handling::Stop(received),
                other => Handling::Forward(other),
            };
            assert_eq!(table.handling(received), expected, "{received}");
        }
    }

    #[test]
    fn rewriting() {
        let cases = [
            ("TERM=QUIT", "TERM", Handling::Stop(Signal::QUIT)),
            ("15:3", "TERM", Handling::Stop(Signal::QUIT)),
            ("USR1=TERM", "USR1", Handling::Stop(Signal::TERM)),
            ("TERM=0", "TERM", Handling::Drop),
            ("SIGUSR2=drop", "USR2", Handling::Drop),
            ("HUP=USR1", "HUP", Handling::Forward(signal("USR1"))),
            ("TSTP=STOP", "TSTP", Handling::Forward(Signal::STOP)),
            ("HUP=USR1", "INT", Handling::Stop(Signal::INT)),
        ];
        for (text, received, expected) in cases {
            let rewrite: Rewrite = text.parse().unwrap();
            let mut table = SignalTable::default();
            table.rewrites.insert(rewrite.from, rewrite.to);
            assert_eq!(table.handling(signal(received)), expected, "{text}");
        }
    }

    #[test]
    fn a_stop_signal_of_a_container_manager_becomes_term() {
        let mut table = SignalTable::default();
        table.stop_on.insert(signal("RTMIN+3"));
        assert_eq!(table.handling(signal("RTMIN+3")), Handling::Stop(Signal::TERM));
        table.rewrites.insert(Signal::TERM, Some(Signal::QUIT));
        assert_eq!(table.handling(signal("RTMIN+3")), Handling::Stop(Signal::QUIT));
    }

    #[test]
    fn malformed_rewriting_names_the_text_at_fault() {
        let told = |text: &str| base::log::chain(&text.parse::<Rewrite>().unwrap_err());
        let form = "expected FROM=TO, such as TERM=QUIT or USR2=drop";
        assert_eq!(told("TERM"), format!("cannot read the signal rewriting \"TERM\"; {form}"));
        for (text, unknown) in
            [("TERM=NOPE", "NOPE"), ("=TERM", ""), ("TERM=", ""), ("TERM=KILL=9", "KILL=9")]
        {
            let expected =
                format!("cannot read the signal rewriting {text:?}: unknown signal {unknown:?}; expected");
            assert!(told(text).starts_with(&expected), "{}", told(text));
        }
        for (text, signal) in [("CHLD=TERM", "SIGCHLD"), ("KILL=TERM", "SIGKILL"), ("19:15", "SIGSTOP")] {
            let expected = format!("cannot rewrite {signal}: it never reaches init as an order");
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
