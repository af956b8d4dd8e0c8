//! Threads for what blocks: one tokio runtime a process, made when it is needed first. It runs no tasks.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Threads that block at a time; further jobs wait for one.
const MOST_THREADS: usize = 64;

/// Never dropped: a thread that blocks for good would have to be waited for.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

fn runtime() -> io::Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made =
        Builder::new_current_thread().max_blocking_threads(MOST_THREADS).thread_name("miolo").build()?;
    // Of two that were made at the same time one stays; the other has no threads yet.
    Ok(RUNTIME.get_or_init(|| made))
}

/// Runs `job` on a thread of its own. A panic of it ends there.
pub fn spawn(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    runtime()?.spawn_blocking(job);
    Ok(())
}
