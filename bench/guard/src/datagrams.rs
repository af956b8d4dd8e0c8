//! Datagrams through the loopback interface.
#![cfg(unix)]

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use miolo::{Message, Options, Reactor};
use socket2::Socket;

use crate::Outcome;
use crate::batch::Batch;

/// Datagrams a round.
const DATAGRAMS: usize = 16;

/// Each round a client sends datagrams and gets them back.
pub fn echo(rounds: usize) -> Outcome {
    let mut reactor = Reactor::new(Options::default())?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.connect(socket.local_addr()?)?;
    let token = reactor.adopt_datagrams(Socket::from(socket))?;
    reactor.resume(token);
    let mut batch = Batch::new();
    let mut returned = [0; 64];
    let mut failure = None;
    let mut failed = |error: io::Error| failure = Some(error);
    for _ in 0..rounds {
        for _ in 0..DATAGRAMS {
            client.send(&[1; 64])?;
        }
        let mut left = DATAGRAMS;
        while left > 0 {
            reactor.turn(None, &mut batch)?;
            let came = &batch.datagrams[..batch.datagrams.len().min(left)];
            if let Some((start, len, from)) = came.first() {
                let first = Message { bytes: batch.bytes(*start, *len), to: Some(from) };
                let mut messages = [first; DATAGRAMS];
                for (message, (start, len, from)) in messages.iter_mut().zip(came) {
                    *message = Message { bytes: batch.bytes(*start, *len), to: Some(from) };
                }
                reactor.send_datagrams(token, &messages[..came.len()], &mut failed)?;
            }
            left -= came.len();
            batch.clear()?;
        }
        for _ in 0..DATAGRAMS {
            client.recv(&mut returned)?;
        }
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}
