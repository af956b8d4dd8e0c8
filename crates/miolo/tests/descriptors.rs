//! A process that runs out of descriptors. In a file, hence a process, of its own: the limit is the process's.
#![cfg(any(target_os = "linux", target_os = "android"))]

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use miolo::{Event, Options, Reactor, Sink, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;

#[derive(Default)]
struct Outcomes {
    accepted: Vec<Token>,
    failed: Vec<Option<i32>>,
}

impl Sink for Outcomes {
    fn room(&self) -> bool {
        true
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut []
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted { stream, .. } => self.accepted.push(stream),
            Event::AcceptFailed { error, .. } => self.failed.push(error.raw_os_error()),
            _ => {}
        }
    }
}

#[test]
fn without_descriptors_accepting_fails_once_and_goes_on_after_resume() {
    let mut reactor = Reactor::new(Options::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let token = reactor.listen(Socket::from(listener)).unwrap();
    let _clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: limit.maximum }).unwrap();
    let mut hogs: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hogs.pop();

    let mut outcomes = Outcomes::default();
    let wait = Some(Duration::from_millis(5));
    for _ in 0..5 {
        reactor.turn(wait, &mut outcomes).unwrap();
    }
    assert_eq!(outcomes.accepted.len(), 1, "one descriptor was left");
    assert_eq!(outcomes.failed, [Some(rustix::io::Errno::MFILE.raw_os_error())]);
    assert!(!reactor.has_pending(), "a paused listener keeps nobody busy");

    drop(hogs);
    reactor.resume(token);
    assert!(reactor.has_pending());
    reactor.turn(wait, &mut outcomes).unwrap();
    assert_eq!(outcomes.accepted.len(), 3);
    assert_eq!(outcomes.failed.len(), 1);
}
