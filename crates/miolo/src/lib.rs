//! An event loop on [mio](https://docs.rs/mio): readiness, timers and stream transports, with the callbacks and
//! the flow control of Python's asyncio.
//!
//! Two layers, each usable by itself:
//!
//! * [`Reactor`]: sockets by [`Token`], timers, one [`turn`](Reactor::turn) at a time; what happens goes to a
//!   [`Sink`] of yours. It knows nothing of callbacks: bindings to other languages stand on it.
//! * [`EventLoop`]: callbacks, [`Protocol`]s and [`Transport`]s over a reactor.
//!
//! One thread runs a loop; [`Waker`] and [`LoopHandle`] reach it from others.
//!
//! # Features
//!
//! * `resolver`: names are looked up by threads of the process (`EventLoop::lookup`, the module `resolver`).
//!
//! # Guide
//!
//! See [`guide`] for a server in three steps.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations)]

mod busy_poll;
mod connection;
mod error;
mod event_loop;
mod handle;
mod inbox;
mod protocol;
mod reactor;
#[cfg(feature = "resolver")]
pub mod resolver;
#[cfg(feature = "resolver")]
mod runtime;
mod selector;
mod serve;
mod sink;
mod table;
mod timer;
mod token;
mod transport;
mod waiter;
#[cfg(unix)]
mod watcher;

pub mod guide;

pub use connection::{ConnectionId, Transport};
pub use error::Error;
pub use event_loop::EventLoop;
pub use handle::{LoopHandle, Server, TimerId};
#[cfg(unix)]
pub use miolo_mmsg::Message;
pub use protocol::Protocol;
pub use reactor::{Options, Reactor};
pub use selector::Waker;
pub use sink::{Event, Sink};
pub use timer::{TimerKey, Timers};
pub use token::Token;
pub use waiter::{Interrupter, Waiter};
