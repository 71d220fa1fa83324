//! How many TaskManagers there shall be. So far only by hand: the number stays where somebody put it.

/// More than any cluster seen in the field; a larger number is a slip of the finger.
pub const MOST_TASKMANAGERS: u32 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} TaskManagers are too many: at most {MOST_TASKMANAGERS}")]
pub struct TooMany {
    pub asked: u32,
}

/// What `scale N` may set the target to.
pub fn checked_target(asked: u32) -> Result<u32, TooMany> {
    if asked > MOST_TASKMANAGERS {
        return Err(TooMany { asked });
    }
    Ok(asked)
}
