//! What ends a role before it has begun, with its exit code.

use std::error::Error;

use base::exit::Exit;
use conf::ConfError;
use conf::files::ReadError;
use conf::table::Origin;

/// An error with the exit code it leads to.
#[derive(Debug)]
pub struct Fatal {
    pub exit: Exit,
    pub error: Box<dyn Error + Send + Sync>,
}

impl Fatal {
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }

    /// The line of the file that cannot be understood, where that is what is wrong.
    pub fn place(&self) -> Option<Origin> {
        match self.error.downcast_ref::<ConfError>()? {
            ConfError::Read(ReadError::Malformed { path, line, .. } | ReadError::NotText { path, line }) => {
                Some(Origin::File { path: path.clone(), line: *line })
            }
            ConfError::Read(
                ReadError::Directory { .. }
                | ReadError::File { .. }
                | ReadError::TooLarge { .. }
                | ReadError::Missing { .. },
            ) => None,
        }
    }
}

/// For `map_err`: any error that ends the role with `exit`.
pub fn fatal<E: Error + Send + Sync + 'static>(exit: Exit) -> impl FnOnce(E) -> Fatal {
    move |error| Fatal::new(exit, error)
}

/// Of a command whose question or order was refused with this HTTP status.
pub fn refused(status: u16) -> Exit {
    match status {
        400 | 413 | 422 => Exit::Data,
        401 | 403 => Exit::NotPermitted,
        404 => Exit::NotThere,
        500.. => Exit::Unavailable,
        _ => Exit::Refused,
    }
}
