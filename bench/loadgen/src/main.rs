//! A closed-loop echo client: C connections with P messages of S bytes in flight each.
//!
//! `miolo-loadgen --port N [--connections C] [--pipeline P] [--size S] [--warmup s] [--seconds s] [--pid SERVER]
//! [--verify] [--connect]`
//!
//! Talks to the loopback address only, for a bounded time. Prints one line of JSON: messages a second, latency in
//! microseconds, and the server's CPU time a message as the operating system accounts it. With `--connect` a message is
//! a connection of its own: connect, echo, close.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use miolo_loadgen::cpu_time;

/// Seconds that a run may take at most.
const LONGEST: f64 = 120.0;

/// How long the warm-up goes on for connections that have had no answer yet: of ten thousand, the last ones wait.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
struct Settings {
    address: SocketAddr,
    connections: usize,
    pipeline: usize,
    size: usize,
    warmup: Duration,
    seconds: Duration,
    pid: Option<u32>,
    verify: bool,
    connect: bool,
}

impl Settings {
    fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut settings = Self {
            address: ([127, 0, 0, 1], 0).into(),
            connections: 128,
            pipeline: 1,
            size: 64,
            warmup: Duration::from_millis(200),
            seconds: Duration::from_secs(1),
            pid: None,
            verify: false,
            connect: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--port" => settings.address.set_port(value()?.parse()?),
                "--connections" => settings.connections = value()?.parse()?,
                "--pipeline" => settings.pipeline = value()?.parse()?,
                "--size" => settings.size = value()?.parse()?,
                "--warmup" => {
                    settings.warmup = Duration::try_from_secs_f64(value()?.parse::<f64>()?.min(LONGEST))?
                }
                "--seconds" => {
                    settings.seconds = Duration::try_from_secs_f64(value()?.parse::<f64>()?.min(LONGEST))?
                }
                "--pid" => settings.pid = Some(value()?.parse()?),
                "--verify" => settings.verify = true,
                "--connect" => settings.connect = true,
                _ => return Err(format!("unknown argument {name}").into()),
            }
        }
        if settings.address.port() == 0 || settings.size == 0 || settings.pipeline == 0 {
            return Err("--port, --size and --pipeline must not be 0".into());
        }
        Ok(settings)
    }
}

/// Byte `at` of what connection `number` sends.
fn pattern(number: usize, at: u64) -> u8 {
    let mixed = (at ^ (number as u64).wrapping_mul(0x9e37_79b9)).wrapping_mul(0x2545_f491_4f6c_dd1d);
    (mixed >> 56).to_le_bytes()[0]
}

struct Connection {
    number: usize,
    stream: TcpStream,
    /// When each message in flight was sent.
    sent: VecDeque<Instant>,
    written: u64,
    received: u64,
    /// Bytes that are to be written.
    due: u64,
}

struct Client {
    settings: Settings,
    poll: Poll,
    connections: Vec<Connection>,
    plain: Vec<u8>,
    buffer: Vec<u8>,
    /// In tenths of a microsecond.
    latencies: Vec<u32>,
    messages: u64,
    /// Which connections have had an answer, and how many have not.
    answered: Vec<bool>,
    waiting: usize,
    /// Whether the warm-up is over.
    measuring: bool,
}

impl Client {
    fn new(settings: Settings) -> io::Result<Self> {
        let mut client = Self {
            poll: Poll::new()?,
            connections: Vec::new(),
            plain: vec![b'x'; 256 * 1024],
            buffer: vec![0; 256 * 1024],
            latencies: Vec::new(),
            messages: 0,
            answered: vec![false; settings.connections],
            waiting: settings.connections,
            measuring: false,
            settings,
        };
        for number in 0..client.settings.connections {
            let connection = client.connect(number)?;
            client.connections.push(connection);
        }
        Ok(client)
    }

    fn connect(&self, number: usize) -> io::Result<Connection> {
        // Blocking, so that a thousand connections do not overflow the server's backlog.
        let stream = std::net::TcpStream::connect(self.settings.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        let now = Instant::now();
        let pipeline = self.settings.pipeline;
        Ok(Connection {
            number,
            stream,
            sent: std::iter::repeat_n(now, pipeline).collect(),
            written: 0,
            received: 0,
            due: (pipeline * self.settings.size) as u64,
        })
    }

    fn write(&mut self, number: usize) -> io::Result<()> {
        let connection = &mut self.connections[number];
        while connection.due > 0 {
            let count = usize::try_from(connection.due).unwrap_or(usize::MAX).min(self.plain.len());
            if self.settings.verify {
                for (byte, at) in self.plain[..count].iter_mut().zip(connection.written..) {
                    *byte = pattern(connection.number, at);
                }
            }
            match connection.stream.write(&self.plain[..count]) {
                Ok(sent) => {
                    connection.due -= sent as u64;
                    connection.written += sent as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<(), Box<dyn Error>> {
        loop {
            let connection = &mut self.connections[number];
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if self.settings.verify {
                for (&byte, at) in self.buffer[..count].iter().zip(connection.received..) {
                    if byte != pattern(connection.number, at) {
                        return Err(format!("connection {number}: wrong byte at {at}").into());
                    }
                }
            }
            let size = self.settings.size as u64;
            let before = connection.received / size;
            connection.received += count as u64;
            let complete = connection.received / size - before;
            if complete > 0 {
                if !std::mem::replace(&mut self.answered[number], true) {
                    self.waiting -= 1;
                }
                let now = Instant::now();
                for _ in 0..complete {
                    let sent = connection.sent.pop_front().ok_or("more came back than was sent")?;
                    if self.measuring {
                        self.messages += 1;
                        self.latencies.push(u32::try_from((now - sent).as_nanos() / 100).unwrap_or(u32::MAX));
                    }
                    connection.sent.push_back(now);
                }
                connection.due += complete * size;
                if self.settings.connect {
                    // Dropping closes; the next message has a connection of its own.
                    self.connections[number] = self.connect(number)?;
                    return self.write(number).map_err(Into::into);
                }
                self.write(number)?;
            }
            if count < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn warm_up(&mut self) -> Result<(), Box<dyn Error>> {
        self.run(self.settings.warmup)?;
        let end = Instant::now() + PATIENCE;
        while self.waiting > 0 && Instant::now() < end {
            self.run(Duration::from_millis(10))?;
        }
        Ok(())
    }

    fn run(&mut self, duration: Duration) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + duration;
        let mut events = Events::with_capacity(1024);
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                if event.is_writable() {
                    self.write(event.token().0)?;
                }
                if event.is_readable() {
                    self.read(event.token().0)?;
                }
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_arguments()?;
    let mut client = Client::new(settings.clone())?;
    client.warm_up()?;
    client.measuring = true;
    let before = settings.pid.map(cpu_time).transpose()?;
    let own_before = cpu_time(std::process::id())?;
    let start = Instant::now();
    client.run(settings.seconds)?;
    let seconds = start.elapsed().as_secs_f64();
    let own = cpu_time(std::process::id())? - own_before;
    let server = match (settings.pid, before) {
        (Some(pid), Some(before)) => Some(cpu_time(pid)? - before),
        _ => None,
    };
    if client.messages == 0 {
        return Err("no message came back".into());
    }
    client.latencies.sort_unstable();
    // Microseconds.
    let percentile = |thousandths: usize| {
        f64::from(client.latencies[(client.latencies.len() - 1) * thousandths / 1000]) / 10.0
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (messages, own) = (client.messages as f64, own as f64);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_message = server.map_or("null".into(), |nanos| format!("{:.1}", nanos as f64 / messages));
    println!(
        "{{\"rate\":{:.1},\"cpu\":{per_message},\"p50\":{:.1},\"p99\":{:.1},\"p999\":{:.1},\"busy\":{:.3},\"messages\":{}}}",
        messages / seconds,
        percentile(500),
        percentile(990),
        percentile(999),
        own / 1e9 / seconds,
        client.messages,
    );
    Ok(())
}
