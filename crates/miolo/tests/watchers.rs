//! Watched descriptors: pipes, sockets of others, and numbers that are used again.
#![cfg(unix)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use miolo::{Error, Event, Options, Reactor, Sink, Token};
use socket2::Socket;
use support::{Log, SHORT, turn_until};

/// Keeps what was ready.
#[derive(Default)]
struct Ready(Vec<(Token, bool, bool)>);

impl Sink for Ready {
    fn room(&self) -> bool {
        true
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut []
    }

    fn event(&mut self, event: Event) {
        if let Event::Ready { watcher, readable, writable } = event {
            self.0.push((watcher, readable, writable));
        }
    }
}

fn turn(reactor: &mut Reactor) -> Vec<(Token, bool, bool)> {
    let mut ready = Ready::default();
    reactor.turn(SHORT, &mut ready).unwrap();
    ready.0
}

fn reactor() -> Reactor {
    Reactor::new(Options::default()).unwrap()
}

#[test]
fn a_descriptor_is_reported_in_every_turn_until_it_is_read() {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let mut reactor = reactor();
    let token = reactor.watch(ours.as_raw_fd(), true, false).unwrap().unwrap();
    assert!(turn(&mut reactor).is_empty());
    theirs.write_all(b"ab").unwrap();
    for _ in 0..3 {
        assert_eq!(turn(&mut reactor), [(token, true, false)]);
    }
    ours.read_exact(&mut [0]).unwrap();
    assert_eq!(turn(&mut reactor), [(token, true, false)], "one byte is left");
    ours.read_exact(&mut [0]).unwrap();
    assert!(turn(&mut reactor).is_empty());
}

#[test]
fn reading_and_writing_are_watched_apart_and_a_watch_keeps_its_token_while_it_changes() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let fd = ours.as_raw_fd();
    let mut reactor = reactor();
    theirs.write_all(b"x").unwrap();
    let token = reactor.watch(fd, false, true).unwrap().unwrap();
    assert_eq!(turn(&mut reactor), [(token, false, true)]);
    assert_eq!(reactor.watch(fd, true, true).unwrap(), Some(token));
    assert_eq!(turn(&mut reactor), [(token, true, true)]);
    assert_eq!(reactor.watch(fd, true, false).unwrap(), Some(token));
    assert_eq!(turn(&mut reactor), [(token, true, false)]);
    assert_eq!(reactor.watch(fd, false, false).unwrap(), None);
    assert!(turn(&mut reactor).is_empty());
    assert_eq!(reactor.watch(fd, false, false).unwrap(), None, "ending twice is harmless");
}

#[test]
fn the_end_of_a_peer_makes_both_ready() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut reactor = reactor();
    let token = reactor.watch(ours.as_raw_fd(), true, true).unwrap().unwrap();
    drop(theirs);
    assert_eq!(turn(&mut reactor), [(token, true, true)]);
}

#[test]
fn regular_files_and_closed_descriptors_are_refused() {
    let mut reactor = reactor();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let error = reactor.watch(file.as_raw_fd(), true, false).unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == ErrorKind::PermissionDenied));
    }
    let gone: RawFd = 1_000_000;
    assert_eq!(reactor.watch(gone, true, false).unwrap_err().errno(), Some(9));
    assert_eq!(reactor.watch(gone, false, false).unwrap(), None);
}

#[test]
fn a_socket_of_the_reactor_is_not_watched_as_well() {
    let (mut reactor, stream, _peer) = support::connected(Options::default());
    let fd = reactor.socket(stream).unwrap().as_raw_fd();
    assert!(matches!(reactor.watch(fd, true, false), Err(Error::Owned(token)) if token == stream));
    assert!(matches!(reactor.watch(fd, false, false), Err(Error::Owned(token)) if token == stream));
    assert_eq!(reactor.owner(fd), Some(stream));
    reactor.release(stream);
    assert_eq!(reactor.owner(fd), None);
}

#[test]
fn a_number_that_is_used_again_is_watched_anew() {
    let mut reactor = reactor();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let fd = ours.as_raw_fd();
    let token = reactor.watch(fd, true, false).unwrap().unwrap();
    // The number is closed and used again without a word to the reactor.
    let (mut next, next_peer) = UnixStream::pair().unwrap();
    let _next_ours = dup_onto(&next_peer, ours);
    next.write_all(b"x").unwrap();
    assert!(turn(&mut reactor).is_empty(), "the closed one was watched, not this one");
    assert_eq!(reactor.watch(fd, true, true).unwrap(), Some(token));
    assert_eq!(turn(&mut reactor), [(token, true, true)]);
}

#[test]
fn ending_the_watch_of_a_closed_descriptor_does_not_disturb_the_socket_that_has_its_number_now() {
    let mut reactor = reactor();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (watched, _peer) = UnixStream::pair().unwrap();
    let fd = watched.as_raw_fd();
    let stale = reactor.watch(fd, true, false).unwrap().unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let stream = reactor.adopt(Socket::from(dup_onto(&server, watched))).unwrap();
    assert_eq!(reactor.owner(fd), Some(stream));
    reactor.release(stale);
    assert!(matches!(reactor.watch(fd, false, false), Err(Error::Owned(_))));
    reactor.resume(stream);
    client.write_all(b"still heard").unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"still heard");
}

/// Closes `old` and gives its number to a duplicate of `source`, in one step.
fn dup_onto(source: &impl AsFd, old: UnixStream) -> OwnedFd {
    let mut number = OwnedFd::from(old);
    rustix::io::dup2(source, &mut number).unwrap();
    number
}

#[test]
fn a_unix_listener_accepts_and_its_streams_are_read_past_short_reads() {
    let mut reactor = reactor();
    let path = std::env::temp_dir().join(format!("miolo-watchers-{}.sock", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    reactor.listen(Socket::from(listener)).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| log.accepted.len() == 1);
    reactor.resume(log.accepted[0]);
    client.write_all(b"hello").unwrap();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"hello");
    drop(client);
    turn_until(&mut reactor, &mut log, |log| log.lines.iter().any(|line| line == "eof"));
    std::fs::remove_file(&path).unwrap();
}
