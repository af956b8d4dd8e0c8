//! Timers, ten a round beside a thousand that never come.

use std::array;
use std::time::Duration;

use miolo::{Options, Reactor};

use crate::Outcome;
use crate::batch::Batch;

const NEVER: Duration = Duration::from_secs(1_000_000_000);

fn reactor() -> Result<Reactor, miolo::Error> {
    let mut reactor = Reactor::new(Options::default())?;
    for number in 0..1000 {
        reactor.timers().add(NEVER + Duration::from_secs(number), number);
    }
    Ok(reactor)
}

/// Those of a round are cancelled.
pub fn cancelled(rounds: usize) -> Outcome {
    let mut reactor = reactor()?;
    let mut batch = Batch::new();
    for _ in 0..rounds {
        let keys: [_; 10] = array::from_fn(|_| reactor.timers().add(NEVER, 0));
        for key in keys {
            reactor.timers().cancel(key);
        }
        reactor.turn(Some(Duration::ZERO), &mut batch)?;
    }
    batch.clear()
}

/// Those of a round are due.
pub fn due(rounds: usize) -> Outcome {
    let mut reactor = reactor()?;
    let mut batch = Batch::new();
    for _ in 0..rounds {
        for number in 0..10 {
            reactor.timers().add(Duration::from_nanos(number), number);
        }
        reactor.turn(Some(Duration::ZERO), &mut batch)?;
        if batch.timers != 10 {
            return Err(format!("{} of 10 timers came", batch.timers).into());
        }
        batch.clear()?;
    }
    Ok(())
}
