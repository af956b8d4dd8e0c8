//! The Rust half of the regression guard: `miolo-guard CASE ROUNDS [PLANT]`.
//!
//! Fixed work through the reactor, to be counted by callgrind: the difference of two runs with different ROUNDS is the
//! work itself. Client and server take turns in one thread, so that no other process and no scheduler has a say in how
//! many turns there are.
//!
//! PLANT makes each message dearer, to show that the guard would notice: `instructions`, `allocation` or `call`.

mod batch;
mod datagrams;
mod streams;
mod timers;

use std::error::Error;
use std::hint::black_box;
use std::net::TcpStream;

use socket2::SockRef;

type Outcome = Result<(), Box<dyn Error>>;

/// What each message costs beside what it has to.
#[derive(Clone, Copy)]
enum Plant {
    Nothing,
    Instructions,
    Allocation,
    Call,
}

impl Plant {
    fn named(name: Option<&str>) -> Result<Self, Box<dyn Error>> {
        match name {
            None => Ok(Self::Nothing),
            Some("instructions") => Ok(Self::Instructions),
            Some("allocation") => Ok(Self::Allocation),
            Some("call") => Ok(Self::Call),
            Some(other) => Err(format!("no such plant: {other}").into()),
        }
    }

    fn spend(self, stream: &TcpStream) -> Outcome {
        match self {
            Self::Nothing => {}
            Self::Instructions => (0..100).for_each(|number: u64| _ = black_box(number)),
            Self::Allocation => drop(black_box(Box::new(0_u64))),
            Self::Call => drop(SockRef::from(stream).tcp_nodelay()?),
        }
        Ok(())
    }
}

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().ok_or("which case?")?;
    let rounds = arguments.next().ok_or("how many rounds?")?.parse()?;
    let plant = Plant::named(arguments.next().as_deref())?;
    match case.as_str() {
        "single" => streams::echo(1, 64, rounds, plant),
        "small" => streams::echo(16, 64, rounds, plant),
        "pipelined" => streams::echo(16, 16 * 1024, rounds, plant),
        "large" => streams::echo(4, 16 * 1024, rounds, plant),
        "short" => streams::short(rounds),
        #[cfg(unix)]
        "datagrams" => datagrams::echo(rounds),
        "cancelled" => timers::cancelled(rounds),
        "due" => timers::due(rounds),
        other => Err(format!("no such case: {other}").into()),
    }
}
