use std::io;
use crate::Token;
#[non_exhaustive]
#[derive(Debug)]
pub enum Event {
    Accepted { listener: Token, stream: Token },
    AcceptFailed { listener: Token, error: io::Error },
    Connected { stream: Token },
    Received { stream: Token, len: usize },
    Eof { stream: Token },
    Lost { stream: Token, error: io::Error },
    Drained { stream: Token, backlog: usize },
    Closed { stream: Token },
    Timer { data: u64 },
    Woken,
}
pub trait Sink {
    fn room(&self) -> bool;
    fn buffer(&mut self) -> &mut [u8];
    fn event(&mut self, event: Event);
}
