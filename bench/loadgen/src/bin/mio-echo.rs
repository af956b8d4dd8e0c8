//! The yardstick: the least that an echo server on mio does. `mio-echo PORT`; prints `ready PORT`.
//!
//! One thread and one buffer; what a client does not take is kept and sent when it does. Peers
//! that are asked to answer a message by several writes are measured by the one write that it takes at the least.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

const LISTENER: Token = Token(usize::MAX);
const READ_BYTES: usize = 256 * 1024;
const BACKLOG: i32 = 4096;

struct Connection {
    stream: TcpStream,
    /// Bytes that the kernel has not taken yet.
    rest: Vec<u8>,
}

/// Echoes what is there. False when the connection is over.
fn serve(connection: &mut Connection, buffer: &mut [u8]) -> io::Result<bool> {
    if !connection.rest.is_empty() {
        match connection.stream.write(&connection.rest) {
            Ok(count) => drop(connection.rest.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
        if !connection.rest.is_empty() {
            return Ok(true);
        }
    }
    loop {
        let count = match connection.stream.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let sent = match connection.stream.write(&buffer[..count]) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < count {
            connection.rest.extend_from_slice(&buffer[sent..count]);
            return Ok(true);
        }
        if count < buffer.len() {
            // A short read has drained the socket; asking again would only cost.
            return Ok(true);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    // As the other servers have it: thousands of clients come at once.
    socket.listen(BACKLOG)?;
    let mut listener = TcpListener::from_std(socket.into());
    println!("ready {}", listener.local_addr()?.port());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let index = connections.iter().position(Option::is_none).unwrap_or(connections.len());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(index), interest)?;
                    let connection = Some(Connection { stream, rest: Vec::new() });
                    if index == connections.len() {
                        connections.push(connection);
                    } else {
                        connections[index] = connection;
                    }
                }
                continue;
            }
            let place = &mut connections[event.token().0];
            let Some(connection) = place else { continue };
            if !serve(connection, &mut buffer).unwrap_or(false) {
                *place = None;
            }
        }
    }
}
