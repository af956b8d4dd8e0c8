use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey { index: u32, generation: u32 }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry { deadline: u64, age: u64, key_index: u32, key_generation: u32 }
impl Ord for Entry { fn cmp(&self, o: &Self) -> Ordering { o.deadline.cmp(&self.deadline).then(o.age.cmp(&self.age)) } }
impl PartialOrd for Entry { fn partial_cmp(&self, o: &Self) -> Option<Ordering> { Some(self.cmp(o)) } }
#[derive(Debug, Default)]
pub struct Timers { heap: BinaryHeap<Entry>, slots: Vec<(u32, u64)>, free: Vec<u32>, age: u64, live: usize }
impl Timers {
    pub fn add(&mut self, deadline: Duration, data: u64) -> TimerKey {
        let deadline = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        let index = self.free.pop().unwrap_or_else(|| { self.slots.push((0, 0)); (self.slots.len() - 1) as u32 });
        let slot = &mut self.slots[index as usize];
        slot.1 = data;
        let generation = slot.0;
        self.heap.push(Entry { deadline, age: self.age, key_index: index, key_generation: generation });
        self.age += 1; self.live += 1;
        TimerKey { index, generation }
    }
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        match self.slots.get_mut(key.index as usize) {
            Some(slot) if slot.0 == key.generation => { slot.0 = slot.0.wrapping_add(1); self.free.push(key.index); self.live -= 1; true }
            _ => false,
        }
    }
    pub(crate) fn purge(&mut self) {
        let cancelled = self.heap.len() - self.live;
        if self.heap.len() > 100 && cancelled * 2 > self.heap.len() {
            let slots = &self.slots;
            self.heap.retain(|e| slots[e.key_index as usize].0 == e.key_generation);
        } else {
            while let Some(e) = self.heap.peek() && self.slots[e.key_index as usize].0 != e.key_generation { self.heap.pop(); }
        }
    }
    pub fn next_deadline(&mut self) -> Option<Duration> {
        while let Some(e) = self.heap.peek() { if self.slots[e.key_index as usize].0 == e.key_generation { return Some(Duration::from_nanos(e.deadline)); } self.heap.pop(); }
        None
    }
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<u64> {
        let deadline = self.next_deadline()?;
        if deadline > now { return None; }
        let e = self.heap.pop()?;
        let slot = &mut self.slots[e.key_index as usize];
        slot.0 = slot.0.wrapping_add(1);
        let data = slot.1;
        self.free.push(e.key_index); self.live -= 1;
        Some(data)
    }
    pub const fn len(&self) -> usize { self.live }
}
