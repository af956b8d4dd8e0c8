//! The rings over plain memory, with real sockets: each test names the invariant it is about.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use miolo::Options;
use socket2::Socket;

use super::*;

const SHORT: Option<Duration> = Some(Duration::from_millis(20));

/// What JavaScript has: the buffers, and what it does with them.
struct Script {
    control: Vec<i32>,
    submissions: Vec<i32>,
    completions: Vec<i32>,
    outgoing: Vec<u8>,
    arena: Vec<u8>,
    used: usize,
}

impl Script {
    fn new(entries: usize) -> Self {
        Self {
            control: vec![0; 16],
            submissions: vec![0; entries * WORDS],
            completions: vec![0; entries * WORDS],
            outgoing: vec![0; 1 << 16],
            arena: vec![0; 320 << 10],
            used: 0,
        }
    }

    fn ring(&mut self) -> Ring {
        fn memory<T: Copy>(vec: &mut Vec<T>) -> Memory<T> {
            // SAFETY: the vector is not resized and outlives the ring, in every test; the test uses it only
            // between crossings.
            unsafe { Memory::new(NonNull::new(vec.as_mut_ptr()).unwrap(), vec.len()) }
        }
        Ring::new(Buffers {
            control: memory(&mut self.control),
            submissions: memory(&mut self.submissions),
            completions: memory(&mut self.completions),
            outgoing: memory(&mut self.outgoing),
            arena: memory(&mut self.arena),
        })
    }

    fn submit(&mut self, entry: Entry) {
        let count = usize::try_from(self.control[control::SUBMITTED]).unwrap();
        self.submissions[count * WORDS..(count + 1) * WORDS].copy_from_slice(&entry);
        self.control[control::SUBMITTED] += 1;
    }

    fn send(&mut self, token: Token, bytes: &[u8]) {
        if self.control[control::SUBMITTED] == 0 {
            self.used = 0;
        }
        let (start, len) = (self.used, bytes.len());
        self.outgoing[start..start + len].copy_from_slice(bytes);
        self.used += len;
        self.submit([op::SEND, token.raw().cast_signed(), saturate(start), saturate(len)]);
    }

    fn take(&mut self) -> Vec<Entry> {
        let count = usize::try_from(self.control[control::COMPLETED]).unwrap();
        self.control[control::COMPLETED] = 0;
        self.completions[..count * WORDS].chunks(WORDS).map(|entry| entry.try_into().unwrap()).collect()
    }
}

struct Pair {
    script: Box<Script>,
    ring: Ring,
    reactor: Reactor,
    token: Token,
    peer: TcpStream,
}

fn stream(reactor: &mut Reactor) -> (Token, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (reactor.adopt(Socket::from(listener.accept().unwrap().0)).unwrap(), peer)
}

fn pair(entries: usize) -> Pair {
    let mut script = Box::new(Script::new(entries));
    let ring = script.ring();
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let (token, peer) = stream(&mut reactor);
    Pair { script, ring, reactor, token, peer }
}

impl Pair {
    fn op(&mut self, operation: i32) {
        let raw = self.token.raw().cast_signed();
        self.script.submit([operation, raw, 0, 0]);
    }

    fn enter(&mut self) -> Vec<Entry> {
        self.ring.enter(&mut self.reactor, SHORT).unwrap();
        self.script.take()
    }

    /// Turns until a completion of `kind` comes, and returns it.
    fn until(&mut self, kind: i32) -> Entry {
        for _ in 0..100 {
            if let Some(found) = self.enter().into_iter().find(|entry| entry[0] == kind) {
                return found;
            }
        }
        panic!("no completion of kind {kind} came");
    }
}

#[test]
fn pieces_of_one_stream_leave_in_order_whatever_lies_between_them() {
    let mut pair = pair(64);
    let (other, mut other_peer) = stream(&mut pair.reactor);
    let token = pair.token;
    for round in 0..10_u8 {
        pair.script.send(token, &[round, b'a']);
        pair.script.send(other, &[round, b'b']);
    }
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    let (mut first, mut second) = ([0; 20], [0; 20]);
    pair.peer.read_exact(&mut first).unwrap();
    other_peer.read_exact(&mut second).unwrap();
    for round in 0..10_u8 {
        assert_eq!(first[usize::from(round) * 2..][..2], [round, b'a']);
        assert_eq!(second[usize::from(round) * 2..][..2], [round, b'b']);
    }
}

#[test]
fn a_direct_send_goes_behind_what_waits_for_its_stream() {
    let mut pair = pair(64);
    pair.script.send(pair.token, b"first ");
    let backlog = pair.ring.submit(&mut pair.reactor, Some((pair.token, b"second"))).unwrap();
    assert_eq!(backlog, 0);
    let mut received = [0; 12];
    pair.peer.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"first second");
}

#[test]
fn more_than_sixteen_pieces_are_gathered_as_well() {
    let mut pair = pair(256);
    let (other, _other_peer) = stream(&mut pair.reactor);
    for round in 0..100_u8 {
        pair.script.send(pair.token, &[round]);
        pair.script.send(other, &[0]);
    }
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    let mut received = [0; 100];
    pair.peer.read_exact(&mut received).unwrap();
    assert!(received.iter().enumerate().all(|(at, &byte)| usize::from(byte) == at));
}

#[test]
fn what_was_sent_before_release_still_leaves() {
    let mut pair = pair(64);
    pair.script.send(pair.token, b"farewell");
    pair.op(op::SHUTDOWN);
    pair.op(op::RELEASE);
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    let mut received = Vec::new();
    pair.peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"farewell");
}

#[test]
fn a_full_completion_ring_loses_nothing_and_keeps_the_order() {
    let mut pair = pair(4);
    for number in 0..20 {
        let deadline = (f64::from(number) * 1e-9).to_bits();
        pair.script.submit([
            op::TIMER_ADD,
            number,
            u32::try_from(deadline & 0xffff_ffff).unwrap().cast_signed(),
            u32::try_from(deadline >> 32).unwrap().cast_signed(),
        ]);
        pair.ring.submit(&mut pair.reactor, None).unwrap();
    }
    let mut fired = Vec::new();
    while fired.len() < 20 {
        let entries = pair.enter();
        assert!(!entries.is_empty() && entries.len() <= 4);
        fired.extend(entries.iter().map(|entry| entry[1]));
    }
    assert_eq!(fired, (0..20).collect::<Vec<_>>());
}

#[test]
fn what_flushes_report_overflows_without_loss() {
    let mut pair = pair(4);
    let mut tokens = vec![pair.token];
    let mut peers = Vec::new();
    for _ in 0..9 {
        let (token, peer) = stream(&mut pair.reactor);
        tokens.push(token);
        peers.push(peer);
    }
    let chunk = vec![1; 60_000];
    for &token in &tokens {
        // Until the kernel refuses some.
        while pair.reactor.backlog(token) == 0 {
            pair.script.send(token, &chunk);
            pair.ring.submit(&mut pair.reactor, None).unwrap();
        }
    }
    let mut told = Vec::new();
    for _ in 0..20 {
        told.extend(pair.enter().into_iter().filter(|entry| entry[0] == kind::BACKLOG).map(|entry| entry[1]));
    }
    let wanted: Vec<i32> = tokens.iter().map(|token| token.raw().cast_signed()).collect();
    assert_eq!(told, wanted);
}

#[test]
fn more_submissions_than_the_ring_holds_are_refused() {
    let mut pair = pair(4);
    pair.script.control[control::SUBMITTED] = 5;
    assert!(pair.ring.submit(&mut pair.reactor, None).is_err());
}

#[test]
fn wrong_entries_are_errors_and_the_others_are_still_taken() {
    for wrong in [
        [99, 0, 0, 0],
        [op::SEND, 0, -1, 4],
        [op::SEND, 0, 0, -1],
        [op::SEND, 0, 65_530, 100],
        [op::SEND, 0, i32::MAX, i32::MAX],
        [op::TIMER_ADD, -1, 0, 0],
    ] {
        let mut pair = pair(64);
        pair.script.submit(wrong);
        pair.script.send(pair.token, b"kept");
        assert!(pair.ring.submit(&mut pair.reactor, None).is_err(), "{wrong:?}");
        let mut received = [0; 4];
        pair.peer.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"kept");
    }
}

#[test]
fn a_stale_token_has_no_effect_and_its_successor_is_not_touched() {
    let mut pair = pair(64);
    let stale = pair.token;
    pair.op(op::RELEASE);
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    let (next, mut peer) = stream(&mut pair.reactor);
    assert_eq!(next.index(), stale.index());
    pair.script.send(stale, b"to nobody");
    for operation in [op::PAUSE, op::RESUME, op::SHUTDOWN, op::LOW_MARK, op::RELEASE] {
        pair.op(operation);
    }
    pair.script.send(next, b"mine");
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    assert!(pair.script.take().is_empty());
    let mut received = [0; 4];
    peer.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"mine");
}

#[test]
fn a_stream_released_while_its_completion_is_queued_is_told_apart_by_its_token() {
    let mut pair = pair(64);
    pair.peer.write_all(b"late").unwrap();
    pair.op(op::RESUME);
    let received = pair.until(kind::RECEIVED);
    pair.op(op::RELEASE);
    pair.ring.submit(&mut pair.reactor, None).unwrap();
    let (next, _peer) = stream(&mut pair.reactor);
    assert_eq!(received[1], pair.token.raw().cast_signed());
    assert_ne!(next.raw().cast_signed(), received[1]);
}

#[test]
fn bytes_stay_in_the_arena_until_the_completions_are_taken() {
    let mut pair = pair(64);
    pair.op(op::RESUME);
    pair.peer.write_all(b"first").unwrap();
    while pair.script.control[control::COMPLETED] == 0 {
        pair.ring.enter(&mut pair.reactor, SHORT).unwrap();
    }
    pair.peer.write_all(b"SECOND").unwrap();
    for _ in 0..5 {
        pair.ring.enter(&mut pair.reactor, SHORT).unwrap();
    }
    let entries = pair.script.take();
    assert_eq!(entries.len(), 1, "nothing is received over bytes that nobody has seen");
    let (offset, len) = (entries[0][2].cast_unsigned() as usize, entries[0][3].cast_unsigned() as usize);
    assert_eq!(&pair.script.arena[offset..offset + len], b"first");
    let next = pair.until(kind::RECEIVED);
    assert_eq!(&pair.script.arena[..next[3].cast_unsigned() as usize], b"SECOND");
}

#[test]
fn a_replaced_arena_is_the_one_that_is_received_into() {
    let mut pair = pair(64);
    let mut other = vec![0_u8; 1 << 16];
    // SAFETY: not resized, and used here only after the last crossing.
    let memory = unsafe { Memory::new(NonNull::new(other.as_mut_ptr()).unwrap(), other.len()) };
    pair.ring.set_arena(memory);
    pair.op(op::RESUME);
    pair.peer.write_all(b"moved").unwrap();
    pair.until(kind::RECEIVED);
    assert_eq!(&other[..5], b"moved");
}

#[test]
fn the_end_follows_the_bytes_that_came_with_it() {
    let mut pair = pair(64);
    pair.op(op::RESUME);
    pair.peer.write_all(b"last").unwrap();
    pair.peer.shutdown(std::net::Shutdown::Write).unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        kinds.extend(pair.enter().into_iter().map(|entry| entry[0]));
    }
    assert_eq!(kinds, [kind::RECEIVED, kind::EOF]);
}

#[test]
fn a_cancelled_timer_does_not_fire_and_its_number_can_be_used_again() {
    let mut pair = pair(64);
    for (number, operation) in
        [(0, op::TIMER_ADD), (0, op::TIMER_CANCEL), (0, op::TIMER_ADD), (1, op::TIMER_ADD)]
    {
        pair.script.submit([operation, number, 0, 0]);
    }
    pair.script.submit([op::TIMER_CANCEL, 1, 0, 0]);
    pair.script.submit([op::TIMER_CANCEL, 77, 0, 0]);
    pair.script.submit([op::TIMER_CANCEL, -1, 0, 0]);
    let fired: Vec<i32> = pair.enter().into_iter().map(|entry| entry[1]).collect();
    assert_eq!(fired, [0]);
}

#[test]
fn every_byte_of_pipelined_large_echoes_is_right() {
    let mut pair = pair(64);
    let mut writer = pair.peer.try_clone().unwrap();
    let mut reader = pair.peer.try_clone().unwrap();
    let sent: Vec<u8> =
        (0..5_000_000_u32).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect();
    let wanted = sent.clone();
    let sender = std::thread::spawn(move || writer.write_all(&sent));
    let receiver = std::thread::spawn(move || {
        let mut received = vec![0; wanted.len()];
        reader.read_exact(&mut received).map(|()| received == wanted)
    });
    pair.op(op::RESUME);
    let mut total = 0;
    let mut paused = false;
    while total < 5_000_000 || pair.reactor.backlog(pair.token) > 0 {
        for [kind, _, first, second] in pair.enter() {
            match kind {
                kind::RECEIVED => {
                    let (offset, len) = (first.cast_unsigned() as usize, second.cast_unsigned() as usize);
                    total += len;
                    let bytes = pair.script.arena[offset..offset + len].to_vec();
                    let backlog = pair.ring.submit(&mut pair.reactor, Some((pair.token, &bytes))).unwrap();
                    if backlog > 65_536 && !paused {
                        paused = true;
                        pair.op(op::PAUSE);
                    }
                }
                kind::BACKLOG if paused && first <= 16_384 => {
                    paused = false;
                    pair.op(op::RESUME);
                }
                _ => {}
            }
        }
    }
    sender.join().unwrap().unwrap();
    assert!(receiver.join().unwrap().unwrap());
}

#[test]
fn a_watched_descriptor_is_reported_with_what_it_is_ready_for_as_long_as_it_is() {
    use std::os::fd::AsRawFd;
    let mut pair = pair(2);
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let watch = pair.reactor.watch(ours.as_raw_fd(), true, true).unwrap().unwrap();
    let raw = watch.raw().cast_signed();
    assert_eq!(pair.until(kind::READY), [kind::READY, raw, 2, 0]);
    theirs.write_all(b"x").unwrap();
    assert_eq!(pair.until(kind::READY), [kind::READY, raw, 3, 0]);
    assert_eq!(pair.until(kind::READY), [kind::READY, raw, 3, 0], "nothing was read");
    pair.reactor.watch(ours.as_raw_fd(), false, false).unwrap();
    assert!(pair.enter().iter().all(|entry| entry[0] != kind::READY));
}

mod datagrams;
