//! What is read, when, and in which order.

mod support;

use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use miolo::{Event, Options, Reactor, Sink, Token};
use socket2::Socket;
use support::{Log, SHORT, connected, turn_until};

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
fn every_connection_gets_its_turn_before_any_gets_a_second_one() {
    const STREAMS: usize = 20;
    let mut options = Options::default();
    options.budget = 1;
    options.max_receive = 100;
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peers = Vec::new();
    let mut order = Vec::new();
    for _ in 0..STREAMS {
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.write_all(&[1; 1000]).unwrap();
        peers.push(peer);
        let token = reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap();
        reactor.resume(token);
    }

    struct Order<'a>(Vec<u8>, &'a mut Vec<Token>);
    impl Sink for Order<'_> {
        fn room(&self) -> bool {
            true
        }
        fn buffer(&mut self) -> &mut [u8] {
            &mut self.0
        }
        fn event(&mut self, event: Event) {
            if let Event::Received { stream, .. } = event {
                self.1.push(stream);
            }
        }
    }
    let mut sink = Order(vec![0; 100], &mut order);
    while sink.1.len() < STREAMS * 10 {
        reactor.turn(SHORT, &mut sink).unwrap();
    }
    for (round, tokens) in order.chunks(STREAMS).enumerate() {
        let mut seen: Vec<u32> = tokens.iter().map(|token| token.raw()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), STREAMS, "round {round}: somebody was served twice");
    }
}

#[test]
fn timers_are_due_also_while_sockets_keep_every_turn_busy() {
    let mut options = Options::default();
    options.budget = 1;
    options.max_receive = 1;
    let (mut reactor, token, mut peer) = connected(options);
    peer.write_all(&[1; 100_000]).unwrap();
    reactor.resume(token);
    let deadline = reactor.now() + Duration::from_millis(2);
    reactor.timers().add(deadline, 9);
    let mut log = Log::new();
    log.room = usize::MAX;
    while reactor.now() < deadline + Duration::from_millis(5) {
        reactor.turn(None, &mut log).unwrap();
    }
    assert!(log.bytes.len() < 100_000, "the socket was not busy all the time");
    assert!(log.lines.iter().any(|line| line == "timer 9"));
}

#[cfg(unix)]
#[test]
fn a_unix_stream_is_read_until_it_would_have_to_wait() {
    use std::os::unix::net::UnixStream;
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let (mut peer, ours) = UnixStream::pair().unwrap();
    let token = reactor.adopt(Socket::from(std::os::fd::OwnedFd::from(ours))).unwrap();
    reactor.resume(token);
    let mut log = Log::new();
    peer.write_all(b"first").unwrap();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"first");
    assert!(reactor.has_pending(), "a short receive proves nothing here");
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(!reactor.has_pending());
    assert_eq!(reactor.send(token, &[IoSlice::new(b"answer")]).unwrap(), 0);
    peer.write_all(b" second").unwrap();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"first second");
    let mut answer = [0; 6];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(peer);
    turn_until(&mut reactor, &mut log, |log| log.lines.last().is_some_and(|line| line == "eof"));
}
