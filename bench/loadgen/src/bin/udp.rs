//! A closed-loop client of a UDP echo server: `udp PORT SIZE IN_FLIGHT SECONDS PID`.
//!
//! Talks to the loopback address only, for a bounded time. Keeps so many datagrams in flight; one that is lost is
//! replaced after a tenth of a second. Prints one line of JSON: datagrams a second, and the nanoseconds of processor time
//! a datagram that the operating system accounts to the server.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use miolo_loadgen::cpu_time;

/// Seconds that a run may take at most.
const LONGEST: f64 = 60.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, size, in_flight, seconds, pid] = &arguments[..] else {
        return Err("usage: udp PORT SIZE IN_FLIGHT SECONDS PID".into());
    };
    let (in_flight, pid) = (in_flight.parse::<usize>()?, pid.parse::<u32>()?);
    let payload = vec![b'x'; size.parse()?];
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, port.parse()?))?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut buffer = vec![0; 65536];
    let limit = Duration::try_from_secs_f64(seconds.parse::<f64>()?.min(LONGEST))?;

    for _ in 0..in_flight {
        socket.send(&payload)?;
    }
    let (mut echoes, mut lost) = (0u64, 0u64);
    let used = cpu_time(pid)?;
    let start = Instant::now();
    while start.elapsed() < limit {
        match socket.recv(&mut buffer) {
            Ok(_) => {
                echoes += 1;
                socket.send(&payload)?;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                // All that were in flight are gone.
                for _ in 0..in_flight {
                    lost += 1;
                    socket.send(&payload)?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    let used = cpu_time(pid)? - used;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (echoes, used) = (echoes.max(1) as f64, used as f64);
    println!("{{\"rate\":{},\"cpu\":{},\"lost\":{lost}}}", echoes / elapsed, used / echoes);
    Ok(())
}
