//! An echo server: `cargo run --release -p miolo --example echo -- PORT` (default: a free one).
//!
//! Prints `ready PORT` when it listens. A client that does not read is not read from.

use miolo::{EventLoop, Protocol, Transport};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        transport.resume_reading();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let mut event_loop = EventLoop::new()?;
    let server = event_loop.create_server(([127, 0, 0, 1], port).into(), || Box::new(Echo))?;
    println!("ready {}", server.local_addr().port());
    event_loop.run()?;
    Ok(())
}
