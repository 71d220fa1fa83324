//! Who can go on with the framework when its AppMaster is gone, and what follows from that for its TaskManagers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Long enough for every worker that init starts again and for a change of the master; what is left after that belongs
/// to nobody, and shall not hold resources.
const FAILOVER_TO_NOBODY: Duration = Duration::from_secs(120);

/// Long enough for a restart on the same host; after as long a TaskManager that no JobManager takes ends by itself
/// (`taskmanager.registration.timeout`).
const FAILOVER_ON_THIS_HOST: Duration = Duration::from_secs(300);

/// A TaskManager that hears nothing of its AppMaster for longer ends.
const SILENCE_OF_THE_ONLY_ONE: Duration = Duration::from_secs(75);

/// Who can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// What the AppMaster knows of its framework goes with its container.
    Nobody,
    /// The next AppMaster on the same host has it from the state's directory.
    Kept,
    /// Another AppMaster, at whatever address, has it from ZooKeeper.
    Elected,
}

impl Succession {
    /// How long the master keeps the framework, unless the user says it.
    pub fn failover_timeout(self, of_key: Duration) -> Duration {
        match self {
            Self::Nobody => FAILOVER_TO_NOBODY,
            Self::Kept => FAILOVER_ON_THIS_HOST,
            Self::Elected => of_key,
        }
    }

    /// How long a TaskManager lives on while nothing answers at its AppMaster's address; `None` for as long as Mesos keeps
    /// the framework.
    pub fn silence_most(self) -> Option<Duration> {
        match self {
            Self::Nobody => Some(SILENCE_OF_THE_ONLY_ONE),
            Self::Kept | Self::Elected => None,
        }
    }

    /// Whether the owner of a TaskManager can only be where it was launched from: another cluster's AppMaster at that
    /// address then says that the owner is gone.
    pub fn is_bound_to_address(self) -> bool {
        match self {
            Self::Nobody | Self::Kept => true,
            Self::Elected => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Kept => "kept",
            Self::Elected => "elected",
        }
    }
}

/// As tasks are told.
impl fmt::Display for Succession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Succession {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Nobody, Self::Kept, Self::Elected].into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| "expected nobody, kept or elected".to_owned())
    }
}
