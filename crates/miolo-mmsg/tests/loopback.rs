//! Datagrams through real sockets.
#![cfg(unix)]

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use miolo_mmsg::{Message, Receiver, Sender};
use socket2::SockAddr;

/// Receives what is there into slots of 4 + 60 bytes. Returns each with its sender's port.
fn drain(receiver: &mut Receiver, socket: &UdpSocket) -> Vec<(Vec<u8>, u16)> {
    let mut got = Vec::new();
    loop {
        let mut memory = [[0_u8; 64]; 8];
        let slots = memory.iter_mut().map(|slot| {
            let (first, second) = slot.split_at_mut(4);
            [first, second]
        });
        match receiver.receive(socket.as_fd(), slots) {
            Ok(count) => {
                for (index, slot) in memory.iter().enumerate().take(count) {
                    let message = receiver.received(index);
                    assert!(!message.cut);
                    got.push((slot[..message.len].to_vec(), message.from.as_socket().unwrap().port()));
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return got,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn datagrams_come_whole_and_in_order_with_their_senders() {
    let (one, other) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = SockAddr::from(other.local_addr().unwrap());
    let texts: Vec<Vec<u8>> = (0..20_u8).map(|number| vec![number; usize::from(number) * 3]).collect();
    let messages: Vec<Message<'_>> =
        texts.iter().map(|text| Message { bytes: text, to: Some(&to) }).collect();
    let mut sender = Sender::new(6);
    let mut sent = 0;
    while sent < messages.len() {
        sent += sender.send(one.as_fd(), &messages[sent..]).unwrap();
    }
    let got = drain(&mut Receiver::new(7), &other);
    let port = one.local_addr().unwrap().port();
    assert_eq!(got, texts.into_iter().map(|text| (text, port)).collect::<Vec<_>>());
}

#[test]
fn what_there_is_no_memory_for_is_cut_and_said_to_be() {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.send(b"too long").unwrap();
    one.send(b"").unwrap();
    let mut receiver = Receiver::new(1);
    let mut memory = [0_u8; 5];
    let (first, second) = memory.split_at_mut(2);
    receiver.receive(other.as_fd(), [[first, second]].into_iter()).unwrap();
    let message = receiver.received(0);
    assert_eq!((message.len, message.cut, message.from.len()), (5, true, 0));
    assert_eq!(&memory, b"too l");
    let (first, second) = memory.split_at_mut(2);
    assert_eq!(receiver.receive(other.as_fd(), [[first, second]].into_iter()).unwrap(), 1);
    assert_eq!((receiver.received(0).len, receiver.received(0).cut), (0, false));
}

#[test]
fn a_message_that_cannot_be_sent_ends_the_call_and_fails_the_next() {
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = SockAddr::from(one.local_addr().unwrap());
    let huge = vec![0; 70_000];
    let messages = [&b"fits"[..], &huge, b"fits too"].map(|bytes| Message { bytes, to: Some(&to) });
    let mut sender = Sender::new(8);
    assert_eq!(sender.send(one.as_fd(), &messages).unwrap(), 1);
    assert_eq!(sender.send(one.as_fd(), &messages[1..]).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(sender.send(one.as_fd(), &messages[2..]).unwrap(), 1);
    assert_eq!(drain(&mut Receiver::new(4), &one).len(), 2);
}
