//! What is sent, also while connecting, and how failures are told.

mod support;

use std::io::{IoSlice, Read};
use std::net::TcpListener;

use miolo::{Options, Reactor, Token};
use socket2::Socket;
use support::{Log, SHORT, connected, turn_until};

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
fn a_low_mark_that_is_raised_above_the_backlog_is_told_with_the_next_bytes_that_leave() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    let sent = vec![5_u8; 32 << 20];
    let backlog = reactor.send(token, &[IoSlice::new(&sent)]).unwrap();
    reactor.set_low_mark(token, backlog);
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(log.lines.is_empty(), "nothing has left: {:?}", log.lines);
    let reader = std::thread::spawn(move || {
        let mut some = vec![0; 16 << 20];
        peer.read_exact(&mut some).map(|()| peer)
    });
    turn_until(&mut reactor, &mut log, |log| !log.lines.is_empty());
    assert!(log.lines[0].starts_with("drained ") && log.lines[0] != "drained 0", "{:?}", log.lines);
    // The other half is never read; the reader needs its own.
    let reading = std::time::Instant::now();
    while !reader.is_finished() && reading.elapsed().as_secs() < 60 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    drop(reader.join().unwrap().unwrap());
    assert_eq!(log.lines.len(), 1, "{:?}", log.lines);
}

#[test]
fn a_reset_that_a_write_meets_first_does_not_look_like_the_end_of_the_stream() {
    let (mut reactor, token, peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.resume(token);
    socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    let error = reactor.send(token, &[IoSlice::new(b"late")]).unwrap_err();
    assert_eq!(error.errno(), Some(104), "ECONNRESET");
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(log.lines.is_empty(), "the failure was told: {:?}", log.lines);
}

#[test]
fn the_end_that_a_peer_has_sent_before_its_reset_is_told_after_a_broken_pipe() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    std::io::Write::write_all(&mut peer, b"answer").unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    socket2::SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    let error = reactor.send(token, &[IoSlice::new(b"late")]).unwrap_err();
    assert_eq!(error.errno(), Some(32), "EPIPE");
    reactor.resume(token);
    turn_until(&mut reactor, &mut log, |log| log.lines.iter().any(|line| line == "eof"));
    assert_eq!(log.lines, ["received 6", "eof"]);
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

/// A listener, and the token of a socket that is connecting to it. No turn has been made yet.
fn connecting() -> (Reactor, Token, TcpListener) {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let token = reactor.connect(socket, &address.into()).unwrap();
    (reactor, token, listener)
}

#[test]
fn what_is_sent_and_ended_while_connecting_arrives_once_the_connection_stands() {
    let (mut reactor, token, listener) = connecting();
    assert_eq!(reactor.send(token, &[IoSlice::new(b"early "), IoSlice::new(b"bird")]).unwrap(), 10);
    reactor.shutdown_write(token).unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| log.lines.len() >= 2);
    assert!(log.lines[0].starts_with("Connected"), "{:?}", log.lines);
    assert_eq!(log.lines[1], "drained 0");
    let mut received = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"early bird");
}

#[test]
fn an_end_of_writes_asked_for_while_connecting_needs_no_bytes_to_arrive() {
    let (mut reactor, token, listener) = connecting();
    reactor.shutdown_write(token).unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| !log.lines.is_empty());
    assert_eq!(listener.accept().unwrap().0.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_failed_attempt_to_connect_is_told_once_although_bytes_were_waiting() {
    let (mut reactor, token, listener) = connecting();
    // The attempt is aborted by the listener's end: its connection was never accepted.
    reactor.send(token, &[IoSlice::new(b"lost")]).unwrap();
    drop(listener);
    reactor.resume(token);
    let mut log = Log::new();
    for _ in 0..10 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert_eq!(log.lines.iter().filter(|line| line.starts_with("lost")).count(), 1, "{:?}", log.lines);
    assert_eq!(reactor.backlog(token), 0);
}

#[test]
fn a_reset_while_bytes_wait_to_be_sent_is_told_once_also_when_reading_is_paused() {
    for paused in [true, false] {
        let (mut reactor, token, peer) = connected(Options::default());
        let mut log = Log::new();
        let big = vec![1_u8; 16 << 20];
        assert!(reactor.send(token, &[IoSlice::new(&big)]).unwrap() > 0);
        if !paused {
            reactor.resume(token);
        }
        drop(peer);
        for _ in 0..10 {
            reactor.turn(SHORT, &mut log).unwrap();
        }
        assert_eq!(log.lines.len(), 1, "{:?}", log.lines);
        assert!(log.lines[0].starts_with("lost"), "{:?}", log.lines);
        assert_eq!(reactor.backlog(token), 0);
    }
}

#[test]
fn more_parts_than_a_gathered_write_takes_arrive_in_order() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let bytes: Vec<u8> = (0..5000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    let mut parts = vec![IoSlice::new(&[])];
    parts.extend(bytes.chunks(1).map(IoSlice::new));
    assert_eq!(reactor.send(token, &parts).unwrap(), 0);
    reactor.release(token);
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, bytes);
}
