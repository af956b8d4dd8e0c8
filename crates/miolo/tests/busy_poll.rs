//! Busy polling, on real sockets. The rule itself is tested where it stands.

mod support;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use miolo::{EventLoop, Options, Protocol, Reactor, Transport};
use support::{Log, connected};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn options(busy_poll: Duration) -> Options {
    let mut options = Options::default();
    options.busy_poll = busy_poll;
    options
}

#[test]
fn a_turn_polls_busily_if_it_may_wait_and_is_told_to() {
    let mut log = Log::new();
    let mut reactor = Reactor::new(options(Duration::from_micros(100))).unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert_eq!(reactor.busy_polls(), 0);
    reactor.turn(Some(Duration::from_millis(1)), &mut log).unwrap();
    assert!(reactor.busy_polls() > 0);

    let mut reactor = Reactor::new(Options::default()).unwrap();
    reactor.turn(Some(Duration::from_millis(1)), &mut log).unwrap();
    assert!(!reactor.should_busy_poll());
    assert_eq!(reactor.busy_polls(), 0);
}

#[test]
fn a_host_is_asked_to_poll_until_the_budget_is_used_up_and_anew_after_a_turn_that_found_something() {
    let mut log = Log::new();
    let mut reactor = Reactor::new(options(Duration::from_micros(100))).unwrap();
    let waker = reactor.waker();
    assert!(reactor.should_busy_poll());
    while reactor.should_busy_poll() {
        // Turns that find nothing do not begin it anew.
        reactor.turn(NOW, &mut log).unwrap();
    }
    let polls = reactor.busy_polls();
    waker.wake().unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert!(!reactor.should_busy_poll(), "the pause after a failure");
    assert_eq!(reactor.busy_polls(), polls);
    waker.wake().unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert!(reactor.should_busy_poll());
}

#[test]
fn what_a_waiter_found_ends_the_wait_of_a_host() {
    let (mut reactor, token, mut peer) = connected(options(Duration::from_micros(100)));
    let mut log = Log::new();
    reactor.resume(token);
    reactor.turn(NOW, &mut log).unwrap();
    while reactor.should_busy_poll() {}
    let waiter = reactor.waiter();
    let thread = thread::spawn(move || waiter.wait(None).unwrap());
    peer.write_all(b"hello").unwrap();
    assert!(thread.join().unwrap());
    reactor.turn(NOW, &mut log).unwrap();
    assert_eq!(log.bytes, b"hello");
    assert!(!reactor.should_busy_poll(), "the pause after a failure: another wait has begun");
    reactor.waker().wake().unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert!(reactor.should_busy_poll());
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn a_loop_that_polls_busily_echoes_keeps_its_timers_in_order_and_hears_other_threads() {
    let mut event_loop = EventLoop::with_options(options(Duration::from_millis(1))).unwrap();
    let address =
        event_loop.create_server("127.0.0.1:0".parse().unwrap(), || Box::new(Echo)).unwrap().local_addr();
    let fired = Rc::new(RefCell::new(Vec::new()));
    // From one moment on, however long it takes to add them. Within the budget, and beyond it.
    let began = event_loop.time();
    for micros in [3000, 10, 500, 2000, 0] {
        let (fired, due) = (Rc::clone(&fired), began + Duration::from_micros(micros));
        event_loop.call_at(due, move |event_loop| {
            assert!(event_loop.time() >= due);
            fired.borrow_mut().push(micros);
        });
    }
    let handle = event_loop.handle();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answer = [0; 8];
        for round in 0..1000_u64 {
            stream.write_all(&round.to_le_bytes()).unwrap();
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(u64::from_le_bytes(answer), round);
        }
        handle
            .call_soon(|event_loop| {
                event_loop.call_later(Duration::from_millis(3), EventLoop::stop);
            })
            .unwrap();
    });
    event_loop.run().unwrap();
    client.join().unwrap();
    assert_eq!(*fired.borrow(), [0, 10, 500, 2000, 3000]);
}
