//! Lookups of names: begun by JavaScript, made by threads, brought back by waking the reactor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use miolo::Waker;
use miolo::resolver::{Found, NameError};
use napi_derive::napi;

use crate::address::{AddressTuple, tuple_from_socket};

/// An address that was found.
#[napi(object)]
pub struct NativeAddrInfo {
    /// What a socket for it is opened with.
    pub family: i32,
    /// As above.
    pub kind: i32,
    /// As above.
    pub protocol: i32,
    /// The host's official name, or nothing.
    pub canonical_name: String,
    /// The address.
    pub address: AddressTuple,
}

/// What became of a lookup.
#[napi(object)]
pub struct NativeAnswer {
    /// The number that JavaScript gave the lookup.
    pub id: u32,
    /// Of a failure: the symbol of the system's number.
    pub code: Option<String>,
    /// Of a failure: the system's number.
    pub number: i32,
    /// Of a failure: what the system says.
    pub message: String,
    /// Addresses that were found.
    pub found: Vec<NativeAddrInfo>,
    /// Names of host and service that were found.
    pub names: Vec<String>,
}

impl NativeAnswer {
    fn empty(id: u32) -> Self {
        Self { id, code: None, number: 0, message: String::new(), found: Vec::new(), names: Vec::new() }
    }

    fn failed(id: u32, error: NameError) -> Self {
        Self {
            code: Some(error.code.to_owned()),
            number: error.number,
            message: error.message,
            ..Self::empty(id)
        }
    }

    /// The answer to a lookup of addresses.
    pub fn of_addresses(id: u32, outcome: Result<Vec<Found>, NameError>) -> Self {
        match outcome {
            Ok(found) => Self { found: found.into_iter().map(addr_info).collect(), ..Self::empty(id) },
            Err(error) => Self::failed(id, error),
        }
    }

    /// The answer to a lookup of names.
    pub fn of_names(id: u32, outcome: Result<(String, String), NameError>) -> Self {
        match outcome {
            Ok((host, service)) => Self { names: vec![host, service], ..Self::empty(id) },
            Err(error) => Self::failed(id, error),
        }
    }
}

fn addr_info(found: Found) -> NativeAddrInfo {
    NativeAddrInfo {
        family: found.family,
        kind: found.kind,
        protocol: found.protocol,
        canonical_name: found.canonical_name.unwrap_or_default(),
        address: tuple_from_socket(&found.address),
    }
}

/// Answers that wait for JavaScript to take them.
#[derive(Clone, Default)]
pub struct Answers {
    waiting: Arc<Mutex<Vec<NativeAnswer>>>,
}

impl Answers {
    /// Has `lookup` made by another thread, which then wakes the reactor.
    pub fn begin(
        &self,
        waker: Waker,
        lookup: impl FnOnce() -> NativeAnswer + Send + 'static,
    ) -> std::io::Result<()> {
        let answers = self.clone();
        miolo::resolver::spawn(move || {
            let answer = lookup();
            answers.lock().push(answer);
            // After the answer, so that the turn which this ends finds it. Fails only when no turn will come.
            let _ = waker.wake();
        })
    }

    /// Takes what is there.
    pub fn take(&self) -> Vec<NativeAnswer> {
        std::mem::take(&mut self.lock())
    }

    /// Nothing can panic with the lock held, so that a poisoned list is whole.
    fn lock(&self) -> MutexGuard<'_, Vec<NativeAnswer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answers").finish_non_exhaustive()
    }
}
