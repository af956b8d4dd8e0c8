//! Timers, a cancelled one, and a call from another thread: `cargo run -p miolo --example timer`.

use std::thread;
use std::time::Duration;

use miolo::EventLoop;

fn tick(event_loop: &mut EventLoop, left: u32) {
    println!("{:4} ms: {left} to go", event_loop.time().as_millis());
    if left > 0 {
        event_loop.call_later(Duration::from_millis(100), move |event_loop| tick(event_loop, left - 1));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut event_loop = EventLoop::new()?;
    event_loop.call_soon(|event_loop| tick(event_loop, 3));
    let never = event_loop.call_later(Duration::from_millis(150), |_| println!("never"));
    event_loop.call_later(Duration::from_millis(50), move |event_loop| {
        event_loop.cancel(never);
    });
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(400));
        handle.call_soon(|event_loop| {
            println!("{:4} ms: another thread says stop", event_loop.time().as_millis());
            event_loop.stop();
        })
    });
    event_loop.run()?;
    thread.join().expect("the thread does not panic")?;
    Ok(())
}
