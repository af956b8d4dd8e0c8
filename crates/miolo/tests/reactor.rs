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
        reactor.arm().unwrap();
        reactor.arm().unwrap();
        host.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        assert!(!events.is_empty());
        reactor.turn(Some(Duration::ZERO), &mut log).unwrap();
        assert_eq!(log.lines, ["received 1", "timer 5"]);
    }
}
