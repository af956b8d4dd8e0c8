//! Waiting in the reactor's place.

mod support;

use std::io::Write;
use std::thread;
use std::time::Duration;

use miolo::{Options, Reactor};
use support::{Log, SHORT, connected};

const NOW: Option<Duration> = Some(Duration::ZERO);
/// Longer than any test takes.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

#[test]
fn what_a_waiter_found_is_taken_by_the_next_turn_and_by_no_other() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.resume(token);
    reactor.turn(NOW, &mut log).unwrap();
    let waiter = reactor.waiter();
    let thread = thread::spawn(move || {
        assert!(waiter.wait(None).unwrap());
        // Not taken yet: there is nothing to wait for.
        assert!(waiter.wait(None).unwrap());
        waiter
    });
    peer.write_all(b"hello").unwrap();
    let waiter = thread.join().unwrap();
    // A turn that may wait takes it as well, and does not wait.
    reactor.turn(LONG, &mut log).unwrap();
    assert_eq!(log.bytes, b"hello");
    waiter.interrupter().interrupt().unwrap();
    assert!(!waiter.wait(None).unwrap(), "it was taken");
    assert_eq!(log.lines, ["received 5"]);
}

#[test]
fn a_turn_that_waits_ends_the_wait_of_a_waiter_and_polls_itself() {
    let (mut reactor, token, mut peer) = connected(Options::default());
    let mut log = Log::new();
    reactor.resume(token);
    reactor.turn(NOW, &mut log).unwrap();
    let waiter = reactor.waiter();
    let thread = thread::spawn(move || waiter.wait(None).unwrap());
    while !thread.is_finished() {
        reactor.turn(SHORT, &mut log).unwrap();
    }
    assert!(!thread.join().unwrap());
    peer.write_all(b"hello").unwrap();
    reactor.turn(LONG, &mut log).unwrap();
    assert_eq!(log.lines, ["received 5"]);
}

#[test]
fn an_interruption_ends_the_next_wait_too_even_if_a_turn_came_between_and_the_reactor_does_not_notice() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let mut log = Log::new();
    let waiter = reactor.waiter();
    waiter.interrupter().interrupt().unwrap();
    assert!(!waiter.wait(None).unwrap());
    waiter.interrupter().interrupt().unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert!(!waiter.wait(None).unwrap());
    reactor.turn(NOW, &mut log).unwrap();
    assert!(log.lines.is_empty());
}

#[test]
fn the_waker_ends_a_waiters_wait_and_the_next_turn_reports_it_once() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let mut log = Log::new();
    let (waiter, waker) = (reactor.waiter(), reactor.waker());
    let thread = thread::spawn(move || waiter.wait(None).unwrap());
    waker.wake().unwrap();
    assert!(thread.join().unwrap());
    reactor.turn(NOW, &mut log).unwrap();
    reactor.turn(NOW, &mut log).unwrap();
    assert_eq!(log.lines, ["woken"]);
}

#[test]
fn a_waiter_waits_for_timers_and_for_the_hosts_own_deadline_and_is_never_early() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let mut log = Log::new();
    let waiter = reactor.waiter();
    let mut wait = |reactor: &mut Reactor, limit| {
        let rest = reactor.arm(limit).unwrap().map(|at| at.saturating_sub(reactor.now()));
        assert!(waiter.wait(rest).unwrap());
        let now = reactor.now();
        reactor.turn(NOW, &mut log).unwrap();
        (now, log.lines.len())
    };
    let start = reactor.now();
    let deadline = start + Duration::from_micros(1500);
    reactor.timers().add(deadline, 1);
    assert_eq!(wait(&mut reactor, Some(start + Duration::from_micros(500))).1, 0, "before the timer");
    let (now, count) = wait(&mut reactor, None);
    assert!(now >= deadline);
    assert_eq!(count, 1);
    let limit = now + Duration::from_micros(700);
    assert!(wait(&mut reactor, Some(limit)).0 >= limit, "without a timer");
    assert!(waiter_limit(&reactor) >= Duration::from_micros(1200));
}

/// How long a wait with a limit of its own lasts.
fn waiter_limit(reactor: &Reactor) -> Duration {
    let start = reactor.now();
    assert!(reactor.waiter().wait(Some(Duration::from_micros(1200))).unwrap());
    reactor.now() - start
}
