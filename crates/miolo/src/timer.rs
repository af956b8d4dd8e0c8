//! Deadlines.
//!
//! # Invariants
//!
//! 1. An entry of the heap is live if its slot has the entry's generation; each live slot has one entry.
//! 2. `live` is the number of live entries; the others are cancelled and leave with [`Timers::purge`] at the
//!    latest, which keeps them below half of the heap (or below a hundred).
//! 3. Order is by deadline, then by age: of equal deadlines the first added comes first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// Cancelled entries that are not worth a rebuild.
const FEW: usize = 100;

/// Names a timer, until it has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Nanoseconds since the epoch.
    deadline: u64,
    age: u64,
    key: TimerKey,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deadline.cmp(&other.deadline).then(self.age.cmp(&other.age))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    generation: u32,
    data: u64,
}

/// The timers of a reactor, in seconds since its epoch.
///
/// Adding costs the logarithm of their number, cancelling is constant.
///
/// ```
/// use std::time::Duration;
/// use miolo::Timers;
///
/// let mut timers = Timers::default();
/// let key = timers.add(Duration::from_secs(2), 7);
/// timers.add(Duration::from_secs(1), 8);
/// assert_eq!(timers.next_deadline(), Some(Duration::from_secs(1)));
/// assert!(timers.cancel(key));
/// assert!(!timers.cancel(key));
/// ```
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    age: u64,
    live: usize,
}

impl Timers {
    /// Adds a timer that fires at `deadline` with `data`.
    ///
    /// # Panics
    ///
    /// With 2^32 timers.
    pub fn add(&mut self, deadline: Duration, data: u64) -> TimerKey {
        let deadline = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, data: 0 });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
        });
        let slot = &mut self.slots[index as usize];
        slot.data = data;
        let key = TimerKey { index, generation: slot.generation };
        self.heap.push(Reverse(Entry { deadline, age: self.age, key }));
        self.age += 1;
        self.live += 1;
        key
    }

    /// Cancels a timer. False if it has fired or was cancelled before.
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        if !self.is_live(key) {
            return false;
        }
        self.free(key);
        true
    }

    /// The earliest deadline.
    pub fn next_deadline(&mut self) -> Option<Duration> {
        self.drop_cancelled_heads();
        self.heap.peek().map(|Reverse(entry)| Duration::from_nanos(entry.deadline))
    }

    /// Number of timers that have neither fired nor been cancelled.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The data of the earliest timer, if it is due at `now`.
    pub fn pop_due(&mut self, now: Duration) -> Option<u64> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        let data = self.slots[entry.key.index as usize].data;
        self.free(entry.key);
        Some(data)
    }

    /// Drops cancelled timers: all when they are the greater part, else those in front.
    pub(crate) fn purge(&mut self) {
        let cancelled = self.heap.len() - self.live;
        if cancelled > FEW && cancelled * 2 > self.heap.len() {
            let slots = &self.slots;
            self.heap
                .retain(|Reverse(entry)| slots[entry.key.index as usize].generation == entry.key.generation);
        } else {
            self.drop_cancelled_heads();
        }
    }

    fn drop_cancelled_heads(&mut self) {
        while let Some(Reverse(entry)) = self.heap.peek()
            && !self.is_live(entry.key)
        {
            self.heap.pop();
        }
    }

    fn is_live(&self, key: TimerKey) -> bool {
        self.slots.get(key.index as usize).is_some_and(|slot| slot.generation == key.generation)
    }

    fn free(&mut self, key: TimerKey) {
        let slot = &mut self.slots[key.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        self.live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn timers_fire_by_deadline_and_equal_ones_by_age() {
        let mut timers = Timers::default();
        for (deadline, data) in [(3, 1), (1, 2), (2, 3), (1, 4), (1, 5)] {
            timers.add(seconds(deadline), data);
        }
        let fired: Vec<u64> = std::iter::from_fn(|| timers.pop_due(seconds(9))).collect();
        assert_eq!(fired, [2, 4, 5, 3, 1]);
    }

    #[test]
    fn a_timer_is_never_early() {
        let mut timers = Timers::default();
        timers.add(Duration::from_nanos(1_000_001), 1);
        assert_eq!(timers.pop_due(Duration::from_nanos(1_000_000)), None);
        assert_eq!(timers.pop_due(Duration::from_nanos(1_000_001)), Some(1));
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_and_its_key_is_stale_when_the_slot_is_used_again() {
        let mut timers = Timers::default();
        let first = timers.add(seconds(1), 1);
        assert!(timers.cancel(first));
        let second = timers.add(seconds(1), 2);
        assert!(!timers.cancel(first), "a stale key must not reach the new timer");
        assert_eq!(timers.pop_due(seconds(1)), Some(2));
        assert!(!timers.cancel(second));
        assert!(timers.is_empty());
    }

    #[test]
    fn cancelled_timers_do_not_pile_up() {
        let mut timers = Timers::default();
        for round in 0..1_000_000_u64 {
            let key = timers.add(seconds(3600), round);
            timers.cancel(key);
            if round % 1000 == 0 {
                timers.purge();
            }
        }
        assert!(timers.heap.len() <= 2000, "{} entries are left", timers.heap.len());
        assert!(timers.slots.len() <= 1, "slots are used again");
    }

    #[test]
    fn a_million_timers_fire_in_order() {
        let mut timers = Timers::default();
        let mut random = 88_172_645_463_325_252_u64;
        for data in 0..1_000_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            timers.add(Duration::from_nanos(random % 1_000_000_000), data);
        }
        let mut last = Duration::ZERO;
        let mut count = 0;
        while let Some(deadline) = timers.next_deadline() {
            assert!(deadline >= last);
            last = deadline;
            assert!(timers.pop_due(deadline).is_some());
            count += 1;
        }
        assert_eq!(count, 1_000_000);
    }
}
