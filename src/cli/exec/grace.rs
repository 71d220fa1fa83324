//! How long what init runs may take to stop.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long the program may take to stop: `9s`, `500ms`, `1m 30s`, or seconds without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(pub Duration);

impl Grace {
    /// What init has of the time after which its agent kills it: the rest is for its own SIGKILL to work.
    pub fn within(kill: Duration) -> Self {
        Self(kill.saturating_sub((kill / 5).min(MAX_KILL_ROOM)))
    }
}

impl fmt::Display for Grace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

/// As long as init waits for what it has killed.
const MAX_KILL_ROOM: Duration = Duration::from_secs(2);

/// Whoever waits longer than a day does not want a limit.
const MAX_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the grace {0:?}; expected a time up to one day, such as 9s or 500ms")]
pub struct GraceError(pub String);

impl FromStr for Grace {
    type Err = GraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse::<u32>().map(|seconds| Duration::from_secs(seconds.into())).ok();
        seconds
            .or_else(|| humantime::parse_duration(text).ok())
            .filter(|grace| *grace <= MAX_GRACE)
            .map(Self)
            .ok_or_else(|| GraceError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace() {
        let parse = |text: &str| text.parse::<Grace>().map(|grace| grace.0.as_millis());
        assert_eq!(parse("9s"), Ok(9_000));
        assert_eq!(parse("500ms"), Ok(500));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("20"), Ok(20_000));
        assert_eq!(parse("1m 30s"), Ok(90_000));
        for text in ["", "-1", "9x", "2days", "soon", "1.5"] {
            assert_eq!(parse(text), Err(GraceError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn init_kills_before_its_agent_does() {
        for (kill, expected) in [(30_000, 28_000), (10_000, 8_000), (3_000, 2_400), (1_000, 800), (0, 0)] {
            let grace = Grace::within(Duration::from_millis(kill));
            assert_eq!(grace.0.as_millis(), expected);
            assert_eq!(grace.to_string().parse(), Ok(grace));
        }
    }
}
