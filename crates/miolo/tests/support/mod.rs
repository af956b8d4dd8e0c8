//! What the tests of the reactor share.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use miolo::{Event, Options, Reactor, Sink, Token};
use socket2::{SockAddr, Socket};

pub const SHORT: Option<Duration> = Some(Duration::from_millis(20));

/// Keeps everything, as text.
pub struct Log {
    pub buffer: Vec<u8>,
    pub lines: Vec<String>,
    pub bytes: Vec<u8>,
    pub accepted: Vec<Token>,
    pub datagrams: Vec<(Vec<u8>, SockAddr)>,
    pub room: usize,
}

impl Log {
    pub fn new() -> Self {
        Self {
            buffer: vec![0; 320 << 10],
            lines: Vec::new(),
            bytes: Vec::new(),
            accepted: Vec::new(),
            datagrams: Vec::new(),
            room: 10_000,
        }
    }
}

impl Sink for Log {
    fn room(&self) -> bool {
        self.room > 0
    }

    fn spare(&self) -> usize {
        self.room
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn event(&mut self, event: Event) {
        self.room = self.room.saturating_sub(1);
        self.lines.push(match event {
            Event::Accepted { stream, .. } => {
                self.accepted.push(stream);
                "accepted".into()
            }
            Event::Received { len, .. } => {
                self.bytes.extend_from_slice(&self.buffer[..len]);
                format!("received {len}")
            }
            Event::Datagram { start, len, from, .. } => {
                self.datagrams.push((self.buffer[start..start + len].to_vec(), from));
                format!("datagram {len}")
            }
            Event::ReceiveFailed { error, .. } => format!("receive failed {:?}", error.kind()),
            Event::SendFailed { error, .. } => format!("send failed {:?}", error.raw_os_error()),
            Event::Eof { .. } => "eof".into(),
            Event::Lost { error, .. } => format!("lost {:?}", error.kind()),
            Event::Drained { backlog, .. } => format!("drained {backlog}"),
            Event::Woken => "woken".into(),
            Event::Timer { data } => format!("timer {data}"),
            other => format!("{other:?}"),
        });
    }
}

/// A reactor with one stream, and its peer.
pub fn connected(options: Options) -> (Reactor, Token, TcpStream) {
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let token = reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap();
    (reactor, token, peer)
}

/// Turns until `done`; panics after a second of turns that bring nothing.
pub fn turn_until(reactor: &mut Reactor, log: &mut Log, done: impl Fn(&Log) -> bool) {
    let mut idle = 0;
    while !done(log) {
        let before = log.lines.len();
        reactor.turn(SHORT, log).unwrap();
        idle = if log.lines.len() == before { idle + 1 } else { 0 };
        assert!(idle < 50, "nothing came any more; so far: {:?}", log.lines);
    }
}
