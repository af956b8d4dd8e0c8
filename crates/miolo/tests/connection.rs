//! Connections of a loop: flow control, closing, and what a panic leaves of them.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use miolo::{ConnectionId, EventLoop, Protocol, Transport};

type Log = Rc<RefCell<Vec<String>>>;
type OnMade = Box<dyn FnMut(&mut Transport<'_>)>;
type OnData = Box<dyn FnMut(&mut Transport<'_>, &[u8])>;

/// Does what it is told, and notes what it is called with.
#[derive(Default)]
struct Scripted {
    log: Log,
    id: Rc<RefCell<Option<ConnectionId>>>,
    on_made: Option<OnMade>,
    on_data: Option<OnData>,
}

impl Protocol for Scripted {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("made".into());
        *self.id.borrow_mut() = Some(transport.id());
        if let Some(action) = &mut self.on_made {
            action(transport);
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.log.borrow_mut().push(format!("data {}", String::from_utf8_lossy(data)));
        if let Some(action) = &mut self.on_data {
            action(transport, data);
        }
    }

    fn eof_received(&mut self, _transport: &mut Transport<'_>) -> bool {
        self.log.borrow_mut().push("eof".into());
        false
    }

    fn pause_writing(&mut self, _transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("pause".into());
    }

    fn resume_writing(&mut self, _transport: &mut Transport<'_>) {
        self.log.borrow_mut().push("resume".into());
    }

    fn connection_lost(&mut self, error: Option<std::io::Error>) {
        self.log.borrow_mut().push(format!("lost {:?}", error.map(|error| error.kind())));
    }
}

/// A loop with one connection that `protocol` has, and its peer.
fn scripted(protocol: Scripted) -> (EventLoop, ConnectionId, TcpStream) {
    let mut event_loop = EventLoop::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let log = Rc::clone(&protocol.log);
    let id = event_loop.create_connection(listener.local_addr().unwrap(), Box::new(protocol)).unwrap();
    assert!(event_loop.with_transport(id, |_| ()).is_none(), "it does not stand yet");
    until(&mut event_loop, || !log.borrow().is_empty());
    (event_loop, id, listener.accept().unwrap().0)
}

/// Turns until `done`, with a timer against endless waits.
fn until(event_loop: &mut EventLoop, done: impl Fn() -> bool) {
    let start = event_loop.time();
    while !done() {
        assert!(event_loop.time() - start < Duration::from_secs(10), "it does not come");
        let timer = event_loop.call_later(Duration::from_millis(5), |_| ());
        event_loop.run_once().unwrap();
        event_loop.cancel(timer);
    }
}

fn turns(event_loop: &mut EventLoop, count: usize) {
    for _ in 0..count {
        event_loop.call_later(Duration::from_millis(2), |_| ());
        event_loop.run_once().unwrap();
    }
}

#[test]
fn nothing_is_delivered_after_pause_reading_not_even_what_was_received_already() {
    let log = Log::default();
    let (mut event_loop, id, mut peer) = scripted(Scripted { log: Rc::clone(&log), ..Scripted::default() });
    log.borrow_mut().clear();
    // The pause is asked for in the run phase of the turn that receives the bytes, before they are delivered.
    for message in ["one", "two"] {
        peer.write_all(message.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(5));
        event_loop.call_soon(move |event_loop| {
            event_loop.with_transport(id, |transport| transport.pause_reading());
        });
        turns(&mut event_loop, 3);
        assert!(log.borrow().is_empty(), "{:?}", log.borrow());
        event_loop.with_transport(id, |transport| transport.resume_reading()).unwrap();
        event_loop.with_transport(id, |transport| transport.resume_reading()).unwrap();
        until(&mut event_loop, || !log.borrow().is_empty());
        assert_eq!(log.take(), [format!("data {message}")]);
    }
    drop(peer);
    thread::sleep(Duration::from_millis(5));
    event_loop.call_soon(move |event_loop| {
        event_loop.with_transport(id, |transport| transport.pause_reading());
    });
    turns(&mut event_loop, 3);
    assert!(log.borrow().is_empty(), "{:?}", log.borrow());
    event_loop.with_transport(id, |transport| transport.resume_reading()).unwrap();
    until(&mut event_loop, || log.borrow().len() == 2);
    assert_eq!(log.take(), ["eof", "lost None"]);
    assert!(event_loop.with_transport(id, |_| ()).is_none(), "it is gone");
}

#[test]
fn pause_and_resume_of_writing_alternate_strictly_and_only_beyond_the_marks() {
    let log = Log::default();
    let (mut event_loop, id, mut peer) = scripted(Scripted { log: Rc::clone(&log), ..Scripted::default() });
    log.borrow_mut().clear();
    // The peer reads only when it is told to, and then more than the kernel's buffers can hold.
    const ROUND: usize = 24 << 20;
    let (go, told) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; ROUND];
        while told.recv().is_ok() {
            peer.read_exact(&mut buffer).unwrap();
        }
        peer.read(&mut buffer).unwrap()
    });
    event_loop
        .with_transport(id, |transport| {
            assert_eq!(transport.write_buffer_limits(), (16 << 10, 64 << 10));
            transport.set_write_buffer_limits(1 << 20, 1 << 10);
        })
        .unwrap();
    let chunk = vec![3; ROUND / 2];
    for round in 1..=3 {
        event_loop.with_transport(id, |transport| transport.write(&chunk)).unwrap();
        event_loop.with_transport(id, |transport| transport.write(&chunk)).unwrap();
        assert_eq!(log.borrow().len(), 2 * round - 1);
        go.send(()).unwrap();
        until(&mut event_loop, || log.borrow().len() >= 2 * round);
        assert_eq!(*log.borrow(), ["pause", "resume"].repeat(round));
    }
    event_loop.with_transport(id, |transport| transport.close()).unwrap();
    until(&mut event_loop, || log.borrow().len() == 7);
    assert_eq!(log.borrow()[6], "lost None");
    drop(go);
    assert_eq!(reader.join().unwrap(), 0);
}

#[test]
fn abort_drops_what_waits_and_tells_it_once() {
    let log = Log::default();
    let (mut event_loop, id, peer) = scripted(Scripted { log: Rc::clone(&log), ..Scripted::default() });
    event_loop
        .with_transport(id, |transport| {
            transport.write(&vec![0; 32 << 20]);
            assert!(transport.write_buffer_size() > 0);
            transport.abort();
            transport.abort();
            transport.write(b"ignored");
            transport.close();
            assert!(transport.is_closing());
        })
        .unwrap();
    turns(&mut event_loop, 3);
    assert_eq!(*log.borrow(), ["made", "lost None"]);
    drop(peer);
}

#[test]
fn a_closed_server_accepts_nobody_and_its_connections_stay() {
    let log = Log::default();
    let mut event_loop = EventLoop::new().unwrap();
    let its = Rc::clone(&log);
    let server = event_loop
        .create_server("[::1]:0".parse().unwrap(), move || {
            Box::new(Scripted {
                log: Rc::clone(&its),
                on_data: Some(Box::new(|transport, data| transport.write(data))),
                ..Scripted::default()
            })
        })
        .unwrap();
    let mut peer = TcpStream::connect(server.local_addr()).unwrap();
    until(&mut event_loop, || !log.borrow().is_empty());
    assert!(event_loop.close_server(server));
    assert!(!event_loop.close_server(server));
    assert!(TcpStream::connect(server.local_addr()).is_err());
    peer.write_all(b"hi").unwrap();
    until(&mut event_loop, || log.borrow().len() == 2);
    let mut answer = [0; 2];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hi");
}

#[test]
fn a_panic_closes_its_own_connection_and_the_others_go_on_with_every_byte() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let its = Rc::clone(&log);
    let address = event_loop
        .create_server("127.0.0.1:0".parse().unwrap(), move || {
            Box::new(Scripted {
                log: Rc::clone(&its),
                on_data: Some(Box::new(|transport, data| {
                    assert_ne!(data, b"bomb", "told to");
                    transport.write(data);
                })),
                ..Scripted::default()
            })
        })
        .unwrap()
        .local_addr();
    let mut peers: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
    until(&mut event_loop, || log.borrow().len() == 10);
    // All of one batch: the panic comes in the middle of it.
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.write_all(if number == 4 { b"bomb" } else { b"good" }).unwrap();
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..10 {
            event_loop.run_once().unwrap();
        }
    }));
    assert!(panicked.is_err());
    until(&mut event_loop, || log.borrow().len() == 20);
    for (number, peer) in peers.iter_mut().enumerate() {
        let mut answer = Vec::new();
        if number == 4 {
            // Closed: at its end or by a reset.
            assert!(!matches!(peer.read(&mut [0; 8]), Ok(1..)));
        } else {
            answer.resize(4, 0);
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(answer, b"good");
        }
    }
    assert!(log.borrow().iter().all(|line| !line.starts_with("lost")));
}

#[test]
fn a_protocol_reaches_the_loop_and_other_connections_through_call_soon() {
    let others = Rc::new(RefCell::new(None));
    let log = Log::default();
    let (mut event_loop, first, mut first_peer) = scripted(Scripted::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let second = Scripted {
        log: Rc::clone(&log),
        id: Rc::clone(&others),
        on_made: Some(Box::new(move |transport| {
            transport.call_soon(move |event_loop| {
                event_loop.with_transport(first, |first| first.write(b"from the second")).unwrap();
                event_loop.call_later(Duration::from_millis(1), EventLoop::stop);
            });
        })),
        ..Scripted::default()
    };
    let id = event_loop.create_connection(listener.local_addr().unwrap(), Box::new(second)).unwrap();
    event_loop.run().unwrap();
    assert_eq!(*others.borrow(), Some(id));
    let mut received = [0; 15];
    first_peer.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"from the second");
}
