use crate::{Event, Sink};

/// Where a turn's bytes are received: a budget's worth and one receive more, so that it stays in the cache.
const ARENA: usize = 320 * 1024;

/// Events and bytes of the turn under way.
pub struct Inbox {
    /// Each with the place of its bytes.
    pub events: Vec<(Event, usize)>,
    arena: Vec<u8>,
    used: usize,
}

impl Inbox {
    pub fn new() -> Self {
        Self { events: Vec::new(), arena: vec![0; ARENA], used: 0 }
    }

    /// Gives up the bytes of the last turn.
    pub const fn clear(&mut self) {
        self.used = 0;
    }

    pub fn bytes(&self, start: usize, len: usize) -> &[u8] {
        &self.arena[start..start + len]
    }
}

impl Sink for Inbox {
    fn room(&self) -> bool {
        true
    }

    fn spare(&self) -> usize {
        usize::MAX
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.arena[self.used..]
    }

    fn event(&mut self, event: Event) {
        let start = self.used;
        if let Event::Received { len, .. } = event {
            self.used += len;
        }
        self.events.push((event, start));
    }
}
