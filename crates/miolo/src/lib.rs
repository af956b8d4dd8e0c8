mod error; mod reactor; mod timer; mod token; mod sink;
pub use error::Error; pub use reactor::{Options, Reactor, Waker}; pub use timer::{TimerKey, Timers}; pub use token::Token; pub use sink::{Event, Sink};
