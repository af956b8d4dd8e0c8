//! The peer: an echo server on tokio, a task a connection, on the runtime of one thread.
//!
//! `tokio-echo [PORT] [--pieces N]`; prints `ready PORT`. What is received at once is answered by N writes (1).

use std::error::Error;
use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const READ_BYTES: usize = 64 * 1024;
const BACKLOG: u32 = 4096;

async fn serve(mut stream: TcpStream, pieces: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        for piece in buffer[..count].chunks(count.div_ceil(pieces)) {
            stream.write_all(piece).await?;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut port, mut pieces) = (0, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--pieces" {
            pieces = arguments.next().ok_or("--pieces needs a value")?.parse::<usize>()?.max(1);
        } else {
            port = argument.parse()?;
        }
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    // As the other servers have it: thousands of clients come at once.
    let listener = socket.listen(BACKLOG)?;
    println!("ready {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is the client's leaving.
        tokio::spawn(async move { drop(serve(stream, pieces).await) });
    }
}
