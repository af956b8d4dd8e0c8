//! Opens connections and holds them: `hold PORT COUNT`. Prints `held COUNT` and ends with its standard input.
//!
//! Talks to the loopback address only, which has ports for some 28,000 connections.

use std::error::Error;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("PORT is missing")?.parse()?;
    let count: usize = arguments.next().ok_or("COUNT is missing")?.parse()?;
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
    }
    println!("held {count}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
