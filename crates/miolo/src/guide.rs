//! A server in three steps.
//!
//! # 1. A protocol
//!
//! A connection is a value with callbacks. The loop calls them; they call the [`Transport`](crate::Transport)
//! they are given.
//!
//! ```
//! use miolo::{Protocol, Transport};
//!
//! struct Upper;
//!
//! impl Protocol for Upper {
//!     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
//!         transport.write(&data.to_ascii_uppercase());
//!     }
//! }
//! ```
//!
//! # 2. A loop that serves it
//!
//! ```
//! # use miolo::{EventLoop, Protocol, Transport};
//! # struct Upper;
//! # impl Protocol for Upper {}
//! # fn main() -> Result<(), miolo::Error> {
//! let mut event_loop = EventLoop::new()?;
//! let server = event_loop.create_server("127.0.0.1:0".parse().unwrap(), || Box::new(Upper))?;
//! assert_ne!(server.local_addr().port(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! # 3. A client, and the end
//!
//! ```
//! use miolo::{EventLoop, Protocol, Transport};
//!
//! struct Upper;
//! impl Protocol for Upper {
//!     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
//!         transport.write(&data.to_ascii_uppercase());
//!     }
//! }
//!
//! struct Client;
//! impl Protocol for Client {
//!     fn connection_made(&mut self, transport: &mut Transport<'_>) {
//!         transport.write(b"hello");
//!     }
//!     fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
//!         assert_eq!(data, b"HELLO");
//!         transport.close();
//!         transport.stop_loop();
//!     }
//! }
//!
//! # fn main() -> Result<(), miolo::Error> {
//! let mut event_loop = EventLoop::new()?;
//! let server = event_loop.create_server("127.0.0.1:0".parse().unwrap(), || Box::new(Upper))?;
//! event_loop.create_connection(server.local_addr(), Box::new(Client))?;
//! event_loop.run()?;
//! # Ok(())
//! # }
//! ```
