use std::{fmt, io};
#[non_exhaustive]
#[derive(Debug)]
pub enum Error { Stale, Exhausted, Io(io::Error) }
impl Error { pub fn errno(&self) -> Option<i32> { match self { Self::Io(e) => e.raw_os_error(), Self::Stale => Some(9), Self::Exhausted => Some(24) } } }
impl fmt::Display for Error { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { match self { Self::Stale => f.write_str("stale token"), Self::Exhausted => f.write_str("no free slot"), Self::Io(e) => e.fmt(f) } } }
impl std::error::Error for Error {}
impl From<io::Error> for Error { fn from(e: io::Error) -> Self { Self::Io(e) } }
