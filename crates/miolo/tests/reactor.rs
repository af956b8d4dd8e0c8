//! The reactor alone: readiness, tokens, sinks without room.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use miolo::{Error, Event, Options, Reactor, Sink, Token};
use socket2::Socket;

/// Keeps everything, as text.
struct Log {
    buffer: Vec<u8>,
    lines: Vec<String>,
    bytes: Vec<u8>,
    accepted: Vec<Token>,
    room: usize,
}

impl Log {
    fn new() -> Self {
        Self {
            buffer: vec![0; 320 << 10],
            lines: Vec::new(),
            bytes: Vec::new(),
            accepted: Vec::new(),
            room: 1000,
        }
    }
}

impl Sink for Log {
    fn room(&self) -> bool {
        self.room > 0
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
            Event::Eof { .. } => "eof".into(),
            Event::Lost { error, .. } => format!("lost {:?}", error.kind()),
            Event::Drained { backlog, .. } => format!("drained {backlog}"),
            Event::Woken => "woken".into(),
            Event::Timer { data } => format!("timer {data}"),
            other => format!("{other:?}"),
        });
    }
}

const SHORT: Option<Duration> = Some(Duration::from_millis(20));

/// A reactor with one stream, and its peer.
fn connected(options: Options) -> (Reactor, Token, TcpStream) {
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let token = reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap();
    (reactor, token, peer)
}

/// Turns until `done`; panics after a second of turns that bring nothing.
fn turn_until(reactor: &mut Reactor, log: &mut Log, done: impl Fn(&Log) -> bool) {
    let mut idle = 0;
    while !done(log) {
        let before = log.lines.len();
        reactor.turn(SHORT, log).unwrap();
        idle = if log.lines.len() == before { idle + 1 } else { 0 };
        assert!(idle < 50, "nothing came any more; so far: {:?}", log.lines);
    }
}

#[test]
fn nothing_is_received_before_resume_and_what_arrived_before_is_received_after() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    peer.write_all(b"early").unwrap();
    for _ in 0..3 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert!(log.lines.is_empty());
    reactor.resume(token);
    assert!(reactor.has_pending());
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"early");
}

#[test]
fn the_end_comes_a_turn_after_the_bytes_that_came_with_it() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    peer.write_all(b"last words").unwrap();
    drop(peer);
    reactor.resume(token);
    while log.lines.is_empty() {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert_eq!(log.lines, ["received 10"]);
    turn_until(&mut reactor, &mut log, |log| log.lines.len() == 2);
    assert_eq!(log.lines[1], "eof");
}

#[test]
fn a_budget_that_ends_a_batch_leaves_nothing_behind_although_no_edge_follows() {
    let mut options = Options::default();
    options.budget = 1024;
    options.max_receive = 1024;
    let (mut reactor, token, mut peer) = connected(options);
    let mut log = Log::new();
    let sent: Vec<u8> = (0..40_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    peer.write_all(&sent).unwrap();
    reactor.resume(token);
    turn_until(&mut reactor, &mut log, |log| log.bytes.len() == sent.len());
    assert_eq!(log.bytes, sent);
}

#[test]
fn a_sink_without_room_loses_nothing() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    peer.write_all(b"waits").unwrap();
    reactor.resume(token);
    log.room = 0;
    for _ in 0..3 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert!(log.lines.is_empty());
    assert!(reactor.has_pending());
    log.room = 10;
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"waits");
}

#[test]
fn a_token_is_stale_after_release_and_its_slot_gets_another_one() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    reactor.release(token);
    reactor.release(token);
    assert!(matches!(reactor.send(token, &[IoSlice::new(b"x")]), Err(Error::Stale)));
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0, "the descriptor is closed");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let next = reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap();
    assert_eq!(next.index(), token.index());
    assert_ne!(next, token);
    reactor.resume(token);
    reactor.pause(token);
    let mut log = Log::new();
    reactor.resume(next);
    reactor.pause(token);
    other.write_all(b"for the new one").unwrap();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"for the new one");
}

#[test]
fn a_reset_while_paused_is_told_when_reading_resumes() {
    let (mut reactor, token, peer) = connected(Options::default());
    let mut log = Log::new();
    let socket = Socket::from(peer);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    for _ in 0..3 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert!(log.lines.is_empty());
    reactor.resume(token);
    turn_until(&mut reactor, &mut log, |log| !log.lines.is_empty());
    assert_eq!(log.lines, ["lost ConnectionReset"]);
}

#[test]
fn urgent_data_does_not_keep_later_bytes_from_being_received() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.resume(token);
    for round in 1..=20 {
        peer.write_all(b"abc").unwrap();
        socket2::SockRef::from(&peer).send_out_of_band(b"!").unwrap();
        peer.write_all(b"def").unwrap();
        // The urgent byte itself is not part of the stream.
        turn_until(&mut reactor, &mut log, |log| log.bytes.len() >= 6 * round);
    }
    assert_eq!(log.bytes, b"abcdef".repeat(20));
}

#[test]
fn a_backlog_is_sent_when_the_peer_reads_and_its_sinking_is_told_once_per_mark() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.set_low_mark(token, 1 << 20);
    let sent = vec![5_u8; 12 << 20];
    let backlog = reactor.send(token, &[IoSlice::new(&sent[..1000]), IoSlice::new(&sent[1000..])]).unwrap();
    assert!(backlog > 1 << 20, "the kernel took all of {} bytes", sent.len());
    assert_eq!(reactor.backlog(token), backlog);
    reactor.shutdown_write(token).unwrap();
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).map(|_| received)
    });
    turn_until(&mut reactor, &mut log, |log| log.lines.iter().any(|line| line == "drained 0"));
    assert_eq!(reader.join().unwrap().unwrap(), sent);
    assert!(log.lines.len() <= 2, "{:?}", log.lines);
}

#[test]
fn sending_to_a_peer_that_is_gone_is_an_error_in_the_end() {
    let (mut reactor, token, peer) = connected(Options::default());
    drop(peer);
    let mut log = Log::new();
    let failed = (0..100).any(|_| {
        reactor.turn(SHORT, &mut log).unwrap();
        reactor.send(token, &[IoSlice::new(b"anybody?")]).is_err()
    });
    assert!(failed);
}

#[test]
fn a_paused_listener_accepts_nothing_until_it_is_resumed() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let token = reactor.listen(Socket::from(listener)).unwrap();
    let mut log = Log::new();
    reactor.pause(token);
    let _clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..3 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert!(log.accepted.is_empty());
    reactor.resume(token);
    turn_until(&mut reactor, &mut log, |log| log.accepted.len() == 5);
}

#[test]
fn a_waker_ends_a_wait_from_another_thread_and_calls_before_the_turn_count_as_one() -> io::Result<()> {
    let mut reactor = Reactor::new(Options::default())?;
    let mut log = Log::new();
    let waker = reactor.waker();
    let thread = std::thread::spawn(move || (0..1000).try_for_each(|_| waker.wake()));
    thread.join().expect("the thread ends")?;
    reactor.turn(None, &mut log)?;
    reactor.turn(SHORT, &mut log)?;
    assert_eq!(log.lines, ["woken"]);
    Ok(())
}

#[test]
fn a_wait_ends_at_the_earliest_timer_and_never_before_it() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let mut log = Log::new();
    for micros in [300, 1700, 2900] {
        let deadline = reactor.now() + Duration::from_micros(micros);
        reactor.timers().add(deadline, micros);
        let before = log.lines.len();
        while log.lines.len() == before {
            reactor.turn(None, &mut log).unwrap();
        }
        assert!(reactor.now() >= deadline, "a timer came early");
    }
    assert_eq!(log.lines, ["timer 300", "timer 1700", "timer 2900"]);
}
