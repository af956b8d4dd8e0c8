//! Tokens, listeners, timers, the waker and hosts.

mod support;

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use miolo::{Error, Options, Reactor, Token};
use socket2::Socket;
use support::{Log, SHORT, connected, turn_until};

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

#[test]
fn options_of_zero_still_make_progress() {
    let mut options = Options::default();
    options.budget = 0;
    options.max_receive = 0;
    options.accepts = 0;
    options.events = 0;
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    reactor.listen(Socket::from(listener)).unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| !log.accepted.is_empty());
    reactor.resume(log.accepted[0]);
    peer.write_all(b"one by one").unwrap();
    turn_until(&mut reactor, &mut log, |log| log.bytes == b"one by one");
}

#[test]
fn numbers_that_are_no_tokens_are_stale() {
    let (mut reactor, token, _peer) = connected(Options::default());
    for raw in [u32::MAX, 1 << 31, token.raw() | (1 << 31), token.raw() + 1, token.raw() | (1 << 20)] {
        let wrong = Token::from_raw(raw);
        assert!(matches!(reactor.send(wrong, &[]), Err(Error::Stale)), "{raw:#x}");
        assert!(matches!(reactor.shutdown_write(wrong), Err(Error::Stale)), "{raw:#x}");
        assert!(reactor.socket(wrong).is_none());
        assert!(reactor.peer(wrong).is_none());
        reactor.release(wrong);
        reactor.resume(wrong);
    }
    assert!(reactor.socket(token).is_some(), "the true one is still there");
}

#[test]
fn a_busy_listener_takes_a_limited_number_a_turn_and_forgets_nobody() {
    let mut options = Options::default();
    options.accepts = 2;
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _clients: Vec<_> = (0..7).map(|_| TcpStream::connect(address).unwrap()).collect();
    let token = reactor.listen(Socket::from(listener)).unwrap();
    let mut log = Log::new();
    let mut counts = Vec::new();
    while log.accepted.len() < 7 {
        reactor.turn(SHORT, &mut log).unwrap();
        counts.push(log.accepted.len());
    }
    assert_eq!(counts, [2, 4, 6, 7]);
    for &stream in &log.accepted {
        assert!(reactor.socket(stream).unwrap().tcp_nodelay().unwrap());
        assert!(reactor.peer(stream).unwrap().is_ipv4());
    }
    reactor.release(token);
    assert!(TcpStream::connect(address).is_err(), "a released listener is closed");
}

#[test]
fn a_listener_may_have_a_number_of_its_own_and_the_reactor_counts_its_sockets() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    assert_eq!(reactor.sockets(), 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
    let token = reactor.listen(Socket::from(listener)).unwrap();
    reactor.set_accepts(token, 0);
    let mut log = Log::new();
    let mut counts = Vec::new();
    while log.accepted.len() < 4 {
        reactor.turn(SHORT, &mut log).unwrap();
        counts.push(log.accepted.len());
    }
    assert_eq!(counts, [1, 2, 3, 4], "0 counts as 1");
    assert_eq!(reactor.sockets(), 5);
    for &stream in log.accepted.iter().chain([&token, &token]) {
        reactor.release(stream);
    }
    assert_eq!(reactor.sockets(), 0);
    drop(clients);
}

#[test]
fn a_stream_that_is_released_while_its_event_is_queued_is_served_no_more() {
    let mut options = Options::default();
    options.budget = 1;
    let mut reactor = Reactor::new(options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tokens = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.write_all(b"abc").unwrap();
        peers.push(peer);
        tokens.push(reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap());
        reactor.resume(*tokens.last().unwrap());
    }
    let mut log = Log::new();
    reactor.turn(SHORT, &mut log).unwrap();
    assert_eq!(log.lines, ["received 3"]);
    tokens.iter().for_each(|&token| reactor.release(token));
    // The slots are used again at once, by streams that have nothing to read.
    let next = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let token = reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap();
    reactor.resume(token);
    for _ in 0..5 {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert_eq!(log.lines, ["received 3"]);
    drop(next);
}

#[cfg(unix)]
#[test]
fn a_host_that_watches_the_descriptor_sees_sockets_and_armed_timers() {
    use std::os::fd::AsRawFd;
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.resume(token);
    reactor.turn(Some(Duration::ZERO), &mut log).unwrap();
    let fd = reactor.as_raw_fd();
    let mut host = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(4);
    let mut source = mio::unix::SourceFd(&fd);
    host.registry().register(&mut source, mio::Token(0), mio::Interest::READABLE).unwrap();
    host.poll(&mut events, SHORT).unwrap();
    assert!(events.is_empty());
    peer.write_all(b"x").unwrap();
    host.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
    assert!(!events.is_empty());
    reactor.turn(Some(Duration::ZERO), &mut log).unwrap();
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let deadline = reactor.now() + Duration::from_micros(700);
        reactor.timers().add(deadline, 5);
        reactor.arm(None).unwrap();
        reactor.arm(None).unwrap();
        host.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        assert!(!events.is_empty());
        reactor.turn(Some(Duration::ZERO), &mut log).unwrap();
        assert_eq!(log.lines, ["received 1", "timer 5"]);
    }
}
