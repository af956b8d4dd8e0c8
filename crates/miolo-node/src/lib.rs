//! The Node-API binding of miolo's core: the rings, the drivers, conversions. No logic of a loop.
//!
//! `ring` is where JavaScript and Rust meet; its head states the invariants.

mod core;
mod hosted;
mod pin;
mod ring;
mod socket;
mod uv;
