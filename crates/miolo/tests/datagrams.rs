//! Datagrams through real sockets: batches, order, errors, and sockets that cannot send.
#![cfg(unix)]

mod support;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;

use miolo::{Message, Options, Reactor, Token};
use socket2::{SockAddr, Socket};
use support::{Log, SHORT, turn_until};

const EMSGSIZE: i32 = 90;
const ENOENT: i32 = 2;

fn reactor() -> Reactor {
    Reactor::new(Options::default()).unwrap()
}

fn udp(reactor: &mut Reactor) -> (Token, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let token = reactor.adopt_datagrams(Socket::from(socket)).unwrap();
    (token, address)
}

/// Sends each to `to`. Returns the backlog and the errors' numbers.
fn send(
    reactor: &mut Reactor,
    token: Token,
    texts: &[Vec<u8>],
    to: Option<&SockAddr>,
) -> (usize, Vec<Option<i32>>) {
    let mut errors = Vec::new();
    let mut failed = |error: io::Error| errors.push(error.raw_os_error());
    let messages: Vec<Message<'_>> = texts.iter().map(|bytes| Message { bytes, to }).collect();
    let backlog = reactor.send_datagrams(token, &messages, &mut failed).unwrap();
    (backlog, errors)
}

/// `count` texts of these lengths, in turn, each of its own bytes.
fn texts(count: usize, lengths: &[usize]) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number.to_le_bytes()[0]; lengths[number % lengths.len()]]).collect()
}

fn received(log: &Log) -> Vec<Vec<u8>> {
    log.datagrams.iter().map(|(bytes, _)| bytes.clone()).collect()
}

#[test]
fn datagrams_of_every_length_come_whole_and_in_order_with_their_sender() {
    let mut reactor = reactor();
    let (one, from) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    reactor.resume(other);
    let mut log = Log::new();
    for lengths in [&[64_usize][..], &[0, 1, 1919, 1920, 1921, 9000], &[65_507], &[3, 65_507, 5]] {
        // What lies in a socket's buffer is less than that holds.
        for _ in 0..5 {
            let texts = texts(lengths.len().max(2), lengths);
            let (before, count) = (log.datagrams.len(), texts.len());
            assert_eq!(send(&mut reactor, one, &texts, Some(&to.into())), (0, vec![]));
            turn_until(&mut reactor, &mut log, |log| log.datagrams.len() >= before + count);
            assert_eq!(received(&log)[before..], texts);
        }
    }
    assert!(log.datagrams.iter().all(|(_, sender)| sender.as_socket() == Some(from)));
    let many = texts(150, &[64, 0, 300]);
    let before = log.datagrams.len();
    assert_eq!(send(&mut reactor, one, &many, Some(&to.into())), (0, vec![]));
    reactor.turn(SHORT, &mut log).unwrap();
    assert_eq!(received(&log)[before..], many, "one turn takes them all");
}

#[test]
fn a_batch_ends_with_its_budget_and_the_next_turn_goes_on() {
    let mut options = Options::default();
    options.budget = 10_000;
    let mut reactor = Reactor::new(options).unwrap();
    let (one, _) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    reactor.resume(other);
    let texts = texts(60, &[1000]);
    send(&mut reactor, one, &texts, Some(&to.into()));
    let mut log = Log::new();
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(log.datagrams.len() < 60 && reactor.has_pending());
    turn_until(&mut reactor, &mut log, |log| log.datagrams.len() >= 60);
    assert_eq!(received(&log), texts);
}

#[test]
fn no_more_are_received_than_the_sink_has_room_for() {
    let mut reactor = reactor();
    let (one, _) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    reactor.resume(other);
    let texts = texts(20, &[10, 3000]);
    send(&mut reactor, one, &texts, Some(&to.into()));
    let mut log = Log::new();
    for _ in 0..20 {
        log.room = 3;
        reactor.turn(SHORT, &mut log).unwrap();
        assert!(log.lines.len() <= 3, "{:?}", log.lines);
        log.lines.clear();
    }
    assert_eq!(received(&log), texts);
}

#[test]
fn nothing_comes_while_paused() {
    let mut reactor = reactor();
    let (one, _) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    let mut log = Log::new();
    send(&mut reactor, one, &texts(2, &[5]), Some(&to.into()));
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(log.lines.is_empty(), "{:?}", log.lines);
    reactor.resume(other);
    turn_until(&mut reactor, &mut log, |log| log.datagrams.len() == 2);
}

#[test]
fn what_is_longer_than_a_whole_buffer_is_cut_to_it_and_no_other_suffers() {
    let mut reactor = reactor();
    let (one, _) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    reactor.resume(other);
    let mut log = Log::new();
    log.buffer.truncate(1128);
    send(&mut reactor, one, &texts(4, &[10, 5000]), Some(&to.into()));
    turn_until(&mut reactor, &mut log, |log| log.datagrams.len() == 4);
    assert_eq!(received(&log).iter().map(Vec::len).collect::<Vec<_>>(), [10, 1000, 10, 1000]);
}

#[test]
fn one_that_cannot_be_sent_is_told_of_and_those_around_it_arrive() {
    let mut reactor = reactor();
    let (one, _) = udp(&mut reactor);
    let (other, to) = udp(&mut reactor);
    reactor.resume(other);
    let mut batch = texts(40, &[10]);
    batch[17] = vec![0; 70_000];
    batch[39] = vec![0; 70_000];
    let (backlog, errors) = send(&mut reactor, one, &batch, Some(&to.into()));
    assert_eq!((backlog, errors), (0, vec![Some(EMSGSIZE); 2]));
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| log.datagrams.len() >= 38);
    batch.retain(|text| text.len() == 10);
    assert_eq!(received(&log), batch);
}

#[test]
fn each_refusal_of_a_connected_peer_is_told_once_and_the_socket_stays() {
    let mut reactor = reactor();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(nobody).unwrap();
    let token = reactor.adopt_datagrams(Socket::from(socket)).unwrap();
    assert_eq!(reactor.peer(token).and_then(SockAddr::as_socket), Some(nobody));
    reactor.resume(token);
    let mut log = Log::new();
    for round in 1..4 {
        assert_eq!(send(&mut reactor, token, &texts(1, &[4]), None), (0, vec![]));
        turn_until(&mut reactor, &mut log, |log| log.lines.len() >= round);
    }
    reactor.turn(SHORT, &mut log).unwrap();
    assert_eq!(log.lines, ["receive failed ConnectionRefused"; 3]);
    // Of several at once, every second send is told of what the one before it met.
    let (backlog, errors) = send(&mut reactor, token, &texts(4, &[4]), None);
    assert_eq!((backlog, errors.len()), (0, 2));
}

#[test]
fn unix_sockets_have_paths_or_no_names_and_long_datagrams() {
    let folder = std::env::temp_dir().join(format!("miolo-datagrams-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("here");
    let mut reactor = reactor();
    let here = reactor.adopt_datagrams(Socket::from(UnixDatagram::bind(&path).unwrap())).unwrap();
    let unnamed = UnixDatagram::unbound().unwrap();
    reactor.resume(here);
    let mut log = Log::new();
    for len in [0, 5, 5000, 150_000] {
        unnamed.send_to(&vec![1; len], &path).unwrap();
        unnamed.send_to(b"behind", &path).unwrap();
        let before = log.datagrams.len();
        turn_until(&mut reactor, &mut log, |log| log.datagrams.len() >= before + 2);
        assert_eq!(received(&log)[before..], [vec![1; len], b"behind".to_vec()]);
    }
    assert!(log.datagrams.iter().all(|(_, from)| from.len() == 0));
    let named = UnixDatagram::bind(folder.join("there")).unwrap();
    named.send_to(b"me", &path).unwrap();
    turn_until(&mut reactor, &mut log, |log| log.datagrams.len() == 9);
    assert_eq!(log.datagrams[8].1.as_pathname(), Some(folder.join("there").as_path()));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Fills a Unix socket that nobody reads from, then reads it: everything must come, in order, and be told of.
fn fill(reactor: &mut Reactor, sender: Token, receiver: Token, to: Option<&SockAddr>) {
    let mut log = Log::new();
    reactor.set_low_mark(sender, 500);
    let texts = texts(600, &[100]);
    let (backlog, errors) = send(reactor, sender, &texts, to);
    assert!(errors.is_empty() && backlog > 1000 && backlog % 108 == 0, "{backlog} {errors:?}");
    let (more, _) = send(reactor, sender, &[b"last".to_vec()], to);
    assert_eq!((more, reactor.backlog(sender)), (backlog + 12, backlog + 12));
    reactor.turn(SHORT, &mut log).unwrap();
    assert!(log.lines.is_empty(), "{:?}", log.lines);
    reactor.resume(receiver);
    turn_until(reactor, &mut log, |log| log.datagrams.len() == 601);
    assert_eq!(received(&log)[..600], texts);
    assert_eq!(log.datagrams[600].0, b"last");
    turn_until(reactor, &mut log, |log| log.lines.iter().any(|line| line == "drained 0"));
    assert_eq!(reactor.backlog(sender), 0);
}

#[test]
fn what_a_unix_socket_of_a_pair_has_no_room_for_waits_for_it() {
    let mut reactor = reactor();
    let (one, other) = UnixDatagram::pair().unwrap();
    let one = reactor.adopt_datagrams(Socket::from(one)).unwrap();
    let other = reactor.adopt_datagrams(Socket::from(other)).unwrap();
    fill(&mut reactor, one, other, None);
}

#[test]
fn what_a_connected_unix_peer_has_no_room_for_waits_for_it() {
    let path = std::env::temp_dir().join(format!("miolo-connected-{}", std::process::id()));
    let mut reactor = reactor();
    let other = reactor.adopt_datagrams(Socket::from(UnixDatagram::bind(&path).unwrap())).unwrap();
    let one = UnixDatagram::unbound().unwrap();
    one.connect(&path).unwrap();
    let one = reactor.adopt_datagrams(Socket::from(one)).unwrap();
    fill(&mut reactor, one, other, None);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn an_unconnected_unix_socket_tries_again_though_nobody_tells_it_of_room() {
    let path = std::env::temp_dir().join(format!("miolo-full-{}", std::process::id()));
    let mut reactor = reactor();
    let other = reactor.adopt_datagrams(Socket::from(UnixDatagram::bind(&path).unwrap())).unwrap();
    let one = reactor.adopt_datagrams(Socket::from(UnixDatagram::unbound().unwrap())).unwrap();
    let to = SockAddr::unix(&path).unwrap();
    fill(&mut reactor, one, other, Some(&to));
    // A peer that goes away costs what was for it, and strands nothing.
    let (backlog, _) = send(&mut reactor, one, &texts(1, &[10]), Some(&to));
    assert_eq!(backlog, 0);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(send(&mut reactor, one, &texts(2, &[10]), Some(&to)), (0, vec![Some(ENOENT); 2]));
}

#[test]
fn errors_of_what_waited_are_told_and_the_rest_goes_on() {
    let path = std::env::temp_dir().join(format!("miolo-error-{}", std::process::id()));
    let mut reactor = reactor();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let one = reactor.adopt_datagrams(Socket::from(UnixDatagram::unbound().unwrap())).unwrap();
    let to = SockAddr::unix(&path).unwrap();
    let (backlog, _) = send(&mut reactor, one, &texts(100, &[10]), Some(&to));
    let waiting = backlog / 18;
    assert!(waiting > 0);
    drop(receiver);
    std::fs::remove_file(&path).unwrap();
    let mut log = Log::new();
    turn_until(&mut reactor, &mut log, |log| log.lines.iter().any(|line| line == "drained 0"));
    assert_eq!(log.lines.len(), waiting + 1);
    assert!(log.lines[..waiting].iter().all(|line| line == "send failed Some(2)"), "{:?}", log.lines);
}

#[test]
fn a_released_socket_is_closed_and_its_token_stale() {
    let mut reactor = reactor();
    let (token, address) = udp(&mut reactor);
    reactor.release(token);
    reactor.release(token);
    assert!(reactor.send_datagrams(token, &[], &mut |_| {}).is_err());
    UdpSocket::bind(address).expect("the port is free");
}
