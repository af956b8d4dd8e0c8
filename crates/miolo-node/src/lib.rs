//! The Node-API binding of miolo's core: the rings, the drivers, conversions. No logic of a loop.
//!
//! `ring` is where JavaScript and Rust meet; its head states the invariants.

mod address;
mod bytes;
pub mod constants;
mod core;
pub mod descriptor;
mod guest;
mod guest_thread;
mod hosted;
mod message;
pub mod names;
mod options;
pub mod packed;
mod pin;
mod ring;
mod signals;
pub mod socket;
mod uncaught;
mod uv;
