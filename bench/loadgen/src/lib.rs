//! What the programs of the load generator share.

use std::{fs, io};

/// Nanoseconds of CPU that a process has used, all its threads together.
///
/// # Errors
///
/// Where there is no such process, or no `/proc`.
pub fn cpu_time(pid: u32) -> io::Result<u64> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(total)
}
