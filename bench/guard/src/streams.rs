//! Messages through streams of the loopback interface.

use std::error::Error;
use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use miolo::{Options, Reactor};
use socket2::Socket;

use crate::batch::Batch;
use crate::{Outcome, Plant};

/// The client's end of a new stream of the reactor's.
fn connection(reactor: &mut Reactor, listener: &TcpListener) -> Result<TcpStream, Box<dyn Error>> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_nodelay(true)?;
    let token = reactor.adopt(Socket::from(listener.accept()?.0))?;
    reactor.resume(token);
    Ok(client)
}

/// Sends back what a turn received. Returns the bytes.
fn send_back(reactor: &mut Reactor, batch: &Batch) -> Result<usize, Box<dyn Error>> {
    let mut bytes = 0;
    for &(token, start, len) in &batch.received {
        if reactor.send(token, &[IoSlice::new(batch.bytes(start, len))])? > 0 {
            return Err("the kernel did not take an echo".into());
        }
        bytes += len;
    }
    Ok(bytes)
}

/// Each round every client sends `size` bytes and gets them back.
pub fn echo(connections: usize, size: usize, rounds: usize, plant: Plant) -> Outcome {
    let mut reactor = Reactor::new(Options::default())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut clients =
        (0..connections).map(|_| connection(&mut reactor, &listener)).collect::<Result<Vec<_>, _>>()?;
    let sent: Vec<u8> = (0..size).map(|at| at.to_le_bytes()[0]).collect();
    let mut returned = vec![0; size];
    let mut batch = Batch::new();
    for round in 0..rounds {
        for client in &mut clients {
            client.write_all(&sent)?;
        }
        let mut left = connections * size;
        while left > 0 {
            reactor.turn(None, &mut batch)?;
            left -= send_back(&mut reactor, &batch)?;
            batch.clear()?;
        }
        for client in &mut clients {
            plant.spend(client)?;
            client.read_exact(&mut returned)?;
            // Once: comparing is none of the work that is guarded.
            if round == 0 && returned != sent {
                return Err("other bytes came back".into());
            }
        }
    }
    Ok(())
}

/// Each round is a connection of its own: accepted, one message, closed by the client.
pub fn short(rounds: usize) -> Outcome {
    let mut reactor = Reactor::new(Options::default())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    reactor.listen(Socket::from(listener))?;
    let mut batch = Batch::new();
    let mut returned = [0; 64];
    for _ in 0..rounds {
        let mut client = TcpStream::connect(address)?;
        client.write_all(&[1; 64])?;
        let mut stream = None;
        let mut left = returned.len();
        while left > 0 {
            reactor.turn(None, &mut batch)?;
            if let Some(token) = batch.accepted {
                reactor.resume(token);
                stream = Some(token);
            }
            left -= send_back(&mut reactor, &batch)?;
            batch.clear()?;
        }
        client.read_exact(&mut returned)?;
        drop(client);
        while !batch.ended {
            batch.clear()?;
            reactor.turn(None, &mut batch)?;
        }
        reactor.release(stream.ok_or("nothing was accepted")?);
        batch.clear()?;
    }
    Ok(())
}
