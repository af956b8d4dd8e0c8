//! A descriptor that somebody else owns, and wants to be told of.
//!
//! # Invariants
//!
//! 1. *Level-triggered.* mio reports edges. A watcher is registered anew as soon as its event is taken, which makes the
//!    system look at the descriptor again: as long as it stays ready, every poll reports it.
//! 2. A watcher never closes its descriptor, and takes no notice of its being closed. The system drops a closed
//!    descriptor's registration; when its number is used again, `watch` finds out and registers the new one.
//! 3. At most one slot has a descriptor ([`Owners`]): what a watcher takes back is its own registration, never
//!    that of a socket which got the number later.

use std::os::fd::RawFd;

use mio::Interest;

use crate::Token;
use crate::transport::Readiness;

#[derive(Debug)]
pub struct Watcher {
    pub fd: RawFd,
    pub readable: bool,
    pub writable: bool,
}

impl Watcher {
    /// What of the readiness is asked for, as readable and writable. All of it is used up: see invariant 1.
    pub fn take(&self, readiness: &mut Readiness) -> (bool, bool) {
        let found = (readiness.readable && self.readable, readiness.writable && self.writable);
        *readiness = Readiness::default();
        found
    }

    pub fn interest(&self) -> Interest {
        match (self.readable, self.writable) {
            (true, true) => Interest::READABLE.add(Interest::WRITABLE),
            (false, true) => Interest::WRITABLE,
            _ => Interest::READABLE,
        }
    }
}

/// Whose each registered descriptor is. Descriptors are small numbers, so a table will do.
#[derive(Debug, Default)]
pub struct Owners {
    by_fd: Vec<Option<Token>>,
}

impl Owners {
    pub fn get(&self, fd: RawFd) -> Option<Token> {
        *self.by_fd.get(usize::try_from(fd).ok()?)?
    }

    /// Notes that `fd` is `token`'s, and returns whose it was.
    pub fn set(&mut self, fd: RawFd, token: Token) -> Option<Token> {
        let index = usize::try_from(fd).ok()?;
        if index >= self.by_fd.len() {
            self.by_fd.resize(index + 1, None);
        }
        self.by_fd[index].replace(token)
    }

    /// Notes that `fd` is not `token`'s any more. False if it was not before.
    pub fn clear(&mut self, fd: RawFd, token: Token) -> bool {
        let place = usize::try_from(fd).ok().and_then(|index| self.by_fd.get_mut(index));
        place.and_then(|owner| owner.take_if(|owner| *owner == token)).is_some()
    }
}
