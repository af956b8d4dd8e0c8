//! Names and addresses, by the system's resolver. It blocks, so that it belongs on a thread of its own: [`spawn`].

use std::io;
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::{error, fmt};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, getaddrinfo, getnameinfo};

/// What is to be looked up, with the system's numbers; 0 stands for any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// A name or an address; none for this machine's own.
    pub host: Option<String>,
    /// A port or the name of a service.
    pub service: Option<String>,
    /// `AF_INET` or `AF_INET6`.
    pub family: i32,
    /// `SOCK_STREAM` or `SOCK_DGRAM`.
    pub kind: i32,
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    pub protocol: i32,
    /// `AI_PASSIVE`, `AI_CANONNAME`, ...
    pub flags: i32,
}

/// An address that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What a socket for it is to be opened with.
    pub family: i32,
    /// As above.
    pub kind: i32,
    /// As above.
    pub protocol: i32,
    /// The host's official name, with the first address and if it was asked for.
    pub canonical_name: Option<String>,
    /// The address.
    pub address: SocketAddr,
}

/// Why a name was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// The symbol of the system's number: `EAI_NONAME`, ...
    pub code: &'static str,
    /// The system's number.
    pub number: i32,
    /// What the system says.
    pub message: String,
}

impl Query {
    /// Looks up, which blocks.
    ///
    /// # Errors
    ///
    /// What the system's resolver reports.
    pub fn run(&self) -> Result<Vec<Found>, NameError> {
        if self.host.is_none() && self.service.is_none() {
            return Err(NameError::no_name());
        }
        let hints = AddrInfoHints {
            flags: self.flags,
            address: self.family,
            socktype: self.kind,
            protocol: self.protocol,
        };
        guarded(|| {
            let found = getaddrinfo(self.host.as_deref(), self.service.as_deref(), Some(hints))?;
            // Addresses of families that are no internet's are passed over.
            let found = found.flatten().map(|info| Found {
                family: info.address,
                kind: info.socktype,
                protocol: info.protocol,
                canonical_name: info.canonname,
                address: info.sockaddr,
            });
            Ok(found.collect())
        })
    }
}

/// The names of an address's host and service, which blocks.
///
/// # Errors
///
/// What the system's resolver reports.
pub fn names_of(address: SocketAddr, flags: i32) -> Result<(String, String), NameError> {
    guarded(|| getnameinfo(&address, flags))
}

/// Runs what blocks on a thread of the process's. A panic of it ends there.
///
/// # Errors
///
/// When the threads cannot be had.
pub fn spawn(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    crate::runtime::spawn(job)
}

/// A resolver that brings text which is no text must not leave its asker without an answer.
fn guarded<T>(
    lookup: impl FnOnce() -> Result<T, LookupError> + std::panic::UnwindSafe,
) -> Result<T, NameError> {
    match catch_unwind(lookup) {
        Ok(outcome) => outcome.map_err(|error| NameError::from(&error)),
        Err(_) => {
            let message = "the resolver's answer is malformed".to_owned();
            Err(NameError { code: "EAI_FAIL", number: 0, message })
        }
    }
}

impl NameError {
    fn no_name() -> Self {
        let message = "neither a host nor a service is given".to_owned();
        Self { code: "EAI_NONAME", number: 0, message }
    }
}

impl From<&LookupError> for NameError {
    fn from(error: &LookupError) -> Self {
        let code = match error.kind() {
            LookupErrorKind::Again => "EAI_AGAIN",
            LookupErrorKind::Badflags => "EAI_BADFLAGS",
            LookupErrorKind::NoName => "EAI_NONAME",
            LookupErrorKind::NoData => "EAI_NODATA",
            LookupErrorKind::Family => "EAI_FAMILY",
            LookupErrorKind::Socktype => "EAI_SOCKTYPE",
            LookupErrorKind::Service => "EAI_SERVICE",
            LookupErrorKind::Memory => "EAI_MEMORY",
            LookupErrorKind::System => "EAI_SYSTEM",
            _ if cfg!(target_os = "linux") && error.error_num() == -9 => "EAI_ADDRFAMILY",
            _ => "EAI_FAIL",
        };
        let text = error.to_string();
        let message = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned();
        Self { code, number: error.error_num(), message }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl error::Error for NameError {}
