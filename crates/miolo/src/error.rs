use std::{fmt, io};

use crate::Token;

/// Why a call failed.
#[non_exhaustive]
#[derive(Debug)]
pub enum Error {
    /// The token names nothing: its socket was released. For example `send` after `release`.
    Stale,
    /// A reactor holds at most 2^20 sockets at a time.
    Exhausted,
    /// The descriptor is that of a socket of the reactor's: it cannot be watched as well.
    Owned(Token),
    /// The loop runs already: a callback called `run` or `run_once`.
    Running,
    /// The operating system refused. For example the port is in use.
    Io(io::Error),
}

impl Error {
    /// The operating system's number of the error, if it has one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Io(error) => error.raw_os_error(),
            Self::Stale | Self::Exhausted | Self::Owned(_) | Self::Running => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => formatter.write_str("the token names no socket any more"),
            Self::Exhausted => formatter.write_str("the reactor holds as many sockets as it can"),
            Self::Owned(_) => formatter.write_str("the descriptor is that of a socket of the reactor's"),
            Self::Running => formatter.write_str("the event loop is already running"),
            Self::Io(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Stale | Self::Exhausted | Self::Owned(_) | Self::Running => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::other(other),
        }
    }
}
