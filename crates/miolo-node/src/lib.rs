//! The Node-API binding of miolo's core: the rings, the drivers, conversions. No logic of a loop.
//!
//! `ring` is where JavaScript and Rust meet; its head states the invariants.

pub mod core;
pub mod hosted;
pub mod pin;
pub mod ring;
pub mod socket;
pub mod uv;
