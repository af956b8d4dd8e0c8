//! The loop of a Rust user, on real sockets.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use miolo::{Error, EventLoop, Protocol, Transport};

type Log = Rc<RefCell<Vec<String>>>;

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

fn pattern(connection: usize, at: usize) -> u8 {
    u8::try_from((connection * 31 + at * 7 + at / 251) % 256).unwrap_or(0)
}

/// Runs the loop until `clients`, which run on threads of their own, are done.
fn serve_until_done(event_loop: &mut EventLoop, clients: Vec<thread::JoinHandle<()>>) {
    let handle = event_loop.handle();
    let waiter = thread::spawn(move || {
        let outcomes: Vec<_> = clients.into_iter().map(thread::JoinHandle::join).collect();
        handle.call_soon(EventLoop::stop).expect("the loop can be woken");
        assert!(outcomes.iter().all(Result::is_ok), "a client failed");
    });
    event_loop.run().expect("the loop runs");
    waiter.join().expect("every client succeeded");
}

#[test]
fn every_byte_of_pipelined_large_echoes_comes_back_in_order() {
    let mut event_loop = EventLoop::new().unwrap();
    let address =
        event_loop.create_server("127.0.0.1:0".parse().unwrap(), || Box::new(Echo)).unwrap().local_addr();
    let clients = (0..8)
        .map(|connection| {
            thread::spawn(move || {
                const SIZE: usize = 3_000_000;
                let mut reader = TcpStream::connect(address).unwrap();
                let mut writer = reader.try_clone().unwrap();
                let sender = thread::spawn(move || {
                    let bytes: Vec<u8> = (0..SIZE).map(|at| pattern(connection, at)).collect();
                    writer.write_all(&bytes).unwrap();
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let mut received = Vec::new();
                reader.read_to_end(&mut received).unwrap();
                sender.join().unwrap();
                assert_eq!(received.len(), SIZE);
                assert!(received.iter().enumerate().all(|(at, &byte)| byte == pattern(connection, at)));
            })
        })
        .collect();
    serve_until_done(&mut event_loop, clients);
}

#[test]
fn a_thousand_connections_are_served_whatever_the_others_send() {
    let mut event_loop = EventLoop::new().unwrap();
    let address =
        event_loop.create_server("127.0.0.1:0".parse().unwrap(), || Box::new(Echo)).unwrap().local_addr();
    let flood = thread::spawn(move || {
        let mut flooder = TcpStream::connect(address).unwrap();
        let mut drain = flooder.try_clone().unwrap();
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            let mut total = 0;
            while total < 64 << 20 {
                total += drain.read(&mut buffer).unwrap();
            }
        });
        flooder.write_all(&vec![7; 64 << 20]).unwrap();
        reader.join().unwrap();
    });
    let many = thread::spawn(move || {
        let mut streams: Vec<_> = (0..1000).map(|_| TcpStream::connect(address).unwrap()).collect();
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&u64::try_from(number).unwrap().to_le_bytes()).unwrap();
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(u64::from_le_bytes(answer), u64::try_from(number).unwrap());
        }
    });
    serve_until_done(&mut event_loop, vec![flood, many]);
}

struct Recorder {
    log: Log,
    keep_open: bool,
}

impl Protocol for Recorder {
    fn connection_made(&mut self, _transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("made".into());
    }

    fn data_received(&mut self, _transport: &mut Transport<'_>, data: &[u8]) {
        self.log.borrow_mut().push(format!("data {}", data.len()));
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) -> bool {
        self.log.borrow_mut().push("eof".into());
        if self.keep_open {
            transport.write(b"farewell");
            transport.close();
        }
        self.keep_open
    }

    fn connection_lost(&mut self, error: Option<std::io::Error>) {
        self.log.borrow_mut().push(format!("lost {:?}", error.map(|error| error.kind())));
    }
}

fn recorded(keep_open: bool, client: impl FnOnce(SocketAddr) + Send + 'static) -> Vec<String> {
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    let its = Rc::clone(&log);
    let address = event_loop
        .create_server("127.0.0.1:0".parse().unwrap(), move || {
            Box::new(Recorder { log: Rc::clone(&its), keep_open })
        })
        .unwrap()
        .local_addr();
    let client = thread::spawn(move || client(address));
    while !log.borrow().iter().any(|line| line.starts_with("lost")) {
        event_loop.run_once().unwrap();
    }
    client.join().unwrap();
    log.take()
}

#[test]
fn data_that_comes_together_with_the_end_is_delivered_before_it() {
    let lines = recorded(false, |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"hello").unwrap();
    });
    assert_eq!(lines, ["made", "data 5", "eof", "lost None"]);
}

#[test]
fn after_the_peers_end_bytes_can_still_be_sent() {
    let lines = recorded(true, |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "farewell");
    });
    assert_eq!(lines, ["made", "eof", "lost None"]);
}

#[test]
fn a_reset_ends_in_connection_lost_with_the_error() {
    let lines = recorded(false, |address| {
        let stream = TcpStream::connect(address).unwrap();
        let socket = socket2::Socket::from(stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    });
    assert_eq!(lines, ["made", "lost Some(ConnectionReset)"]);
}

#[test]
fn a_refused_connection_ends_in_connection_lost() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    event_loop
        .create_connection(unused, Box::new(Recorder { log: Rc::clone(&log), keep_open: false }))
        .unwrap();
    while log.borrow().is_empty() {
        event_loop.run_once().unwrap();
    }
    assert_eq!(*log.borrow(), ["lost Some(ConnectionRefused)"]);
}

struct Flood {
    log: Log,
    wrote: std::sync::mpsc::Sender<()>,
}

impl Protocol for Flood {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let chunk = vec![1_u8; 1 << 16];
        for _ in 0..256 {
            transport.write(&chunk);
        }
        self.log.borrow_mut().push(format!("wrote with backlog {}", transport.write_buffer_size() > 0));
        self.wrote.send(()).unwrap();
        transport.close();
        transport.close();
    }

    fn pause_writing(&mut self, _transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("pause".into());
    }

    fn resume_writing(&mut self, _transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("resume".into());
    }

    fn connection_lost(&mut self, error: Option<std::io::Error>) {
        self.log.borrow_mut().push(format!("lost {error:?}"));
    }
}

#[test]
fn close_sends_everything_that_was_written_first() {
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    let (wrote, has_written) = std::sync::mpsc::channel();
    let its = Rc::clone(&log);
    let address = event_loop
        .create_server("127.0.0.1:0".parse().unwrap(), move || {
            Box::new(Flood { log: Rc::clone(&its), wrote: wrote.clone() })
        })
        .unwrap()
        .local_addr();
    let client = thread::spawn(move || {
        let mut received = Vec::new();
        let mut stream = TcpStream::connect(address).unwrap();
        has_written.recv().unwrap();
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), 16 << 20);
    });
    serve_until_done(&mut event_loop, vec![client]);
    while log.borrow().len() < 4 {
        event_loop.run_once().unwrap();
    }
    assert_eq!(*log.borrow(), ["wrote with backlog true", "pause", "resume", "lost None"]);
}

#[test]
fn callbacks_run_in_order_and_what_they_queue_waits_for_the_next_turn() {
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    let (first, second, third) = (Rc::clone(&log), Rc::clone(&log), Rc::clone(&log));
    event_loop.call_later(Duration::ZERO, move |_| third.borrow_mut().push("timer".into()));
    event_loop.call_soon(move |event_loop| {
        first.borrow_mut().push("one".into());
        event_loop.call_soon(move |event_loop| {
            first.borrow_mut().push("next turn".into());
            event_loop.stop();
        });
    });
    event_loop.call_soon(move |_| second.borrow_mut().push("two".into()));
    event_loop.run().unwrap();
    assert_eq!(*log.borrow(), ["one", "two", "timer", "next turn"]);
}

#[test]
fn a_cancelled_timer_does_not_run() {
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    let its = Rc::clone(&log);
    let timer = event_loop.call_later(Duration::from_millis(1), move |_| its.borrow_mut().push("ran".into()));
    assert!(event_loop.cancel(timer));
    assert!(!event_loop.cancel(timer));
    event_loop.call_later(Duration::from_millis(2), EventLoop::stop);
    event_loop.run().unwrap();
    assert!(log.borrow().is_empty());
}

#[test]
fn a_loop_that_runs_refuses_to_run_inside_of_a_callback() {
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.call_soon(|event_loop| {
        assert!(matches!(event_loop.run(), Err(Error::Running)));
        assert!(matches!(event_loop.run_once(), Err(Error::Running)));
        event_loop.stop();
    });
    event_loop.run().unwrap();
}

#[test]
fn a_timer_that_is_due_can_still_be_cancelled_before_it_runs() {
    let log: Log = Rc::default();
    let mut event_loop = EventLoop::new().unwrap();
    let its = Rc::clone(&log);
    let timer = Rc::new(RefCell::new(None));
    let cancels = Rc::clone(&timer);
    event_loop.call_later(Duration::ZERO, move |event_loop| {
        assert!(event_loop.cancel(cancels.borrow_mut().take().unwrap()));
    });
    *timer.borrow_mut() =
        Some(event_loop.call_later(Duration::ZERO, move |_| its.borrow_mut().push("ran".into())));
    thread::sleep(Duration::from_millis(2));
    event_loop.run_once().unwrap();
    // Its place is used again, and by one timer only.
    let ran = Rc::new(RefCell::new(0));
    for _ in 0..3 {
        let ran = Rc::clone(&ran);
        event_loop.call_later(Duration::ZERO, move |_| *ran.borrow_mut() += 1);
    }
    event_loop.call_later(Duration::from_millis(3), EventLoop::stop);
    event_loop.run().unwrap();
    assert!(log.borrow().is_empty());
    assert_eq!(*ran.borrow(), 3);
}

#[test]
fn calls_from_other_threads_keep_their_order_and_a_loop_that_is_gone_refuses_them() {
    let mut event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        for number in 0..10_000 {
            let sender = sender.clone();
            handle.call_soon(move |_| sender.send(number).unwrap()).unwrap();
        }
        handle.call_soon(EventLoop::stop).unwrap();
        handle
    });
    event_loop.run().unwrap();
    let handle = thread.join().unwrap();
    let numbers: Vec<i32> = receiver.try_iter().collect();
    assert!(numbers.iter().copied().eq(0..10_000));
    drop(event_loop);
    assert!(handle.call_soon(|_| ()).is_err());
}
