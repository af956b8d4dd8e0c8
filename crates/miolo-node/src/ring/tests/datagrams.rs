//! Datagrams through the rings: order, places in the arena, wrong entries.

use std::net::{SocketAddr, UdpSocket};

use super::*;
use crate::packed::{pack, unpack};

struct Endpoint {
    script: Box<Script>,
    ring: Ring,
    reactor: Reactor,
    token: Token,
    peer: UdpSocket,
    /// The endpoint's own.
    address: SocketAddr,
}

fn endpoint(entries: usize) -> Endpoint {
    let mut script = Box::new(Script::new(entries));
    let ring = script.ring();
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let token = reactor.adopt_datagrams(Socket::from(socket)).unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    Endpoint { script, ring, reactor, token, peer, address }
}

impl Endpoint {
    fn raw(&self) -> i32 {
        self.token.raw().cast_signed()
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.script.control[control::SUBMITTED] == 0 {
            self.script.used = 0;
        }
        let packed = pack(&self.peer.local_addr().unwrap().into());
        let message = [packed.as_bytes(), bytes].concat();
        let start = self.script.used;
        self.script.outgoing[start..start + message.len()].copy_from_slice(&message);
        self.script.used = (start + message.len()).next_multiple_of(8);
        let raw = self.raw();
        self.script.submit([op::SEND_TO, raw, saturate(start), saturate(message.len())]);
    }

    fn enter(&mut self) -> Vec<Entry> {
        self.ring.enter(&mut self.reactor, SHORT).unwrap();
        self.script.take()
    }

    /// The bytes that an entry names, and their sender's port.
    fn datagram(&self, entry: Entry) -> (Vec<u8>, u16) {
        assert_eq!((entry[0], entry[1]), (kind::DATAGRAM, self.raw()));
        let bytes = &self.script.arena[usize::try_from(entry[2]).unwrap()..];
        let (from, len) = unpack(bytes).unwrap();
        let port = from.unwrap().as_socket().unwrap().port();
        (bytes[len..][..usize::try_from(entry[3]).unwrap()].to_vec(), port)
    }
}

#[test]
fn datagrams_go_out_in_order_and_come_in_behind_their_senders_addresses() {
    let mut end = endpoint(256);
    let raw = end.raw();
    end.script.submit([op::RESUME, raw, 0, 0]);
    let texts: Vec<Vec<u8>> = (0..60_u8)
        .map(|number| vec![number; [64, 0, 1920, 1919, 7, 2500][usize::from(number) % 6]])
        .collect();
    for text in &texts {
        end.send(text);
        assert_eq!(end.script.control[control::COMPLETED], 0);
    }
    end.enter();
    let mut buffer = [0; 4096];
    for text in &texts {
        let (len, from) = end.peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&text[..], end.address));
        end.peer.send_to(&buffer[..len], end.address).unwrap();
    }
    let port = end.peer.local_addr().unwrap().port();
    let mut got = Vec::new();
    while got.len() < texts.len() {
        let entries = end.enter();
        assert!(!entries.is_empty(), "only {} came", got.len());
        got.extend(entries.into_iter().map(|entry| end.datagram(entry)));
    }
    assert_eq!(got, texts.into_iter().map(|text| (text, port)).collect::<Vec<_>>());
}

#[test]
fn a_small_completion_ring_takes_as_many_as_it_holds_and_loses_none() {
    let mut end = endpoint(4);
    let raw = end.raw();
    end.script.submit([op::RESUME, raw, 0, 0]);
    for number in 0..30_u8 {
        end.peer.send_to(&[number; 9], end.address).unwrap();
    }
    let mut got = Vec::new();
    while got.len() < 30 {
        let entries = end.enter();
        assert!(!entries.is_empty() && entries.len() <= 4);
        got.extend(entries.into_iter().map(|entry| end.datagram(entry).0[0]));
    }
    assert_eq!(got, (0..30).collect::<Vec<_>>());
}

#[test]
fn what_is_released_sends_what_was_written_before_and_nothing_after() {
    let mut end = endpoint(16);
    let raw = end.raw();
    end.send(b"before");
    end.script.submit([op::RELEASE, raw, 0, 0]);
    end.send(b"after");
    assert!(end.enter().is_empty());
    let mut buffer = [0; 16];
    assert_eq!(end.peer.recv(&mut buffer).unwrap(), 6);
    end.peer.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert!(end.peer.recv(&mut buffer).is_err());
}

#[test]
fn errors_of_sends_are_completions_and_a_direct_send_goes_behind_what_waits() {
    let mut end = endpoint(16);
    end.send(b"one");
    let packed = pack(&end.peer.local_addr().unwrap().into());
    let (ring, reactor) = (&mut end.ring, &mut end.reactor);
    assert_eq!(ring.send_datagram(reactor, end.token, packed.as_bytes(), b"two").unwrap(), 0);
    assert_eq!(ring.send_datagram(reactor, end.token, packed.as_bytes(), &[0; 70_000]).unwrap(), 0);
    assert_eq!(end.script.take(), [[kind::SEND_FAILED, end.raw(), libc::EMSGSIZE, 0]]);
    let mut buffer = [0; 16];
    for text in ["one", "two"] {
        assert_eq!(end.peer.recv(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], text.as_bytes());
    }
}

#[test]
fn wrong_entries_are_errors_and_the_others_are_sent() {
    for entry in [[-1, 8], [0, -1], [0, i32::MAX], [i32::MAX, 8], [65_000, 1000], [4096, 8]] {
        let mut end = endpoint(16);
        let raw = end.raw();
        end.send(b"good");
        end.script.outgoing[4096..4104].fill(9);
        end.script.submit([op::SEND_TO, raw, entry[0], entry[1]]);
        end.send(b"good as well");
        assert!(end.ring.enter(&mut end.reactor, SHORT).is_err(), "{entry:?}");
        let mut buffer = [0; 16];
        assert_eq!(end.peer.recv(&mut buffer).unwrap(), 4);
        assert_eq!(end.peer.recv(&mut buffer).unwrap(), 12);
    }
}
