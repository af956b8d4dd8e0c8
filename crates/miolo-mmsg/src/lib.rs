//! Several datagrams a system call: `recvmmsg` and `sendmmsg` behind a safe interface. Where the system has no such
//! calls, one datagram each.
//!
//! It is a crate of its own so that [miolo](https://docs.rs/miolo) needs no unsafe code.
//!
//! # Invariants
//!
//! 1. *Pointers live as long as a call.* Those in headers and parts are written anew by each call, before the
//!    system sees them, from borrows that last until the call returns. Nothing reads them in between.
//! 2. *Places do not move.* Names and parts are boxed slices that are never resized: a header's pointers to them
//!    stay valid while the call lasts.
#![cfg(unix)]
#![deny(missing_debug_implementations)]

mod header;
mod receiver;
mod sender;

pub use receiver::{Received, Receiver};
pub use sender::{Message, Sender};
