//! Busy polling: polls that do not wait, before one that does.
//!
//! Falling asleep and being woken takes longer than many a peer takes to answer. Who polls without a pause instead has
//! the answer at once, and a processor that is busy for nothing if none comes. So it is done for a budget of time a
//! wait, and only as long as it pays.
//!
//! # The rule
//!
//! A wait is *busy* (it begins by polling) or not. A busy wait that took longer than the budget has failed: waits follow
//! that are not busy, one at first, and four times as many after each failure, up to [`LONGEST_PAUSE`]. One that ended
//! within the budget has succeeded: the next one is busy as well, and the pause after the next failure is half as long.
//! So one failure among many successes costs one wait, and where fewer than two of three busy waits succeed they become
//! rare: one in [`LONGEST_PAUSE`] in the end, which finds out when it pays again.
//!
//! Two things are no evidence, since a peer on the same processor brings them about, which answers only when we let
//! go of it: that a wait was short which was not busy, and that something was there at once ([`AT_ONCE`]).

use std::io;
use std::time::{Duration, Instant};

/// No budget is greater: a mistaken unit would stop everything else on the thread.
const LARGEST_BUDGET: Duration = Duration::from_millis(10);

/// Waits that are not busy, between two that are, when none succeeds.
const LONGEST_PAUSE: u32 = 256;

/// What so few polls find was there already, as good as: who blocks would not have slept. (Two: of a host that asks
/// before each look at its own loop, the first question comes right after the turn.)
const AT_ONCE: u32 = 2;

/// The wait under way.
#[derive(Debug, Clone, Copy)]
struct Wait {
    began: Instant,
    busy: bool,
    polls: u32,
}

/// Decides for each wait whether to poll first, by what the last ones brought.
#[derive(Debug)]
pub struct BusyPoll {
    budget: Duration,
    wait: Option<Wait>,
    /// Waits to come that are not busy.
    pausing: u32,
    /// How many they will be after the next failure.
    pause: u32,
    /// All polls so far.
    polls: u64,
}

impl BusyPoll {
    /// With a budget of time a wait; `None` if that is none.
    pub fn new(budget: Duration) -> Option<Self> {
        (!budget.is_zero()).then(|| Self {
            budget: budget.min(LARGEST_BUDGET),
            wait: None,
            pausing: 0,
            pause: 1,
            polls: 0,
        })
    }

    /// Whether to poll once more before blocking. The first call after [`Self::observe`] begins a wait.
    pub fn should_spin(&mut self, now: Instant) -> bool {
        let next = Wait { began: now, busy: self.pausing == 0, polls: 0 };
        if self.wait.is_none() {
            self.pausing = self.pausing.saturating_sub(1);
        }
        let wait = self.wait.get_or_insert(next);
        let spins = wait.busy && now.saturating_duration_since(wait.began) < self.budget;
        if spins {
            wait.polls += 1;
            self.polls += 1;
        }
        spins
    }

    /// Something was found: the wait, if one was under way, is over.
    pub fn observe(&mut self, now: Instant) {
        let Some(Wait { began, busy: true, polls }) = self.wait.take() else {
            return;
        };
        if now.saturating_duration_since(began) > self.budget {
            self.pausing = self.pause;
            self.pause = (self.pause * 4).min(LONGEST_PAUSE);
        } else if polls > AT_ONCE {
            self.pause = (self.pause / 2).max(1);
        }
    }

    /// A whole wait up to `limit` (`None`: without), by `poll`, which takes how long it may block, and says whether it
    /// found something.
    pub fn wait(
        &mut self,
        limit: Option<Duration>,
        clock: impl Fn() -> Instant,
        mut poll: impl FnMut(Option<Duration>) -> io::Result<bool>,
    ) -> io::Result<()> {
        if limit == Some(Duration::ZERO) {
            return poll(limit).map(drop);
        }
        let mut now = clock();
        // A limit beyond the clock's end is none.
        let end = limit.and_then(|limit| now.checked_add(limit));
        // Of a host's wait before.
        self.wait = None;
        let mut outcome = Ok(false);
        while matches!(outcome, Ok(false)) && end.is_none_or(|end| now < end) && self.should_spin(now) {
            outcome = poll(Some(Duration::ZERO));
            now = clock();
        }
        if matches!(outcome, Ok(false)) {
            outcome = poll(end.map(|end| end.saturating_duration_since(now)));
            now = clock();
        }
        self.observe(now);
        outcome.map(drop)
    }

    /// How often it was said to poll once more.
    pub const fn polls(&self) -> u64 {
        self.polls
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const BUDGET: Duration = Duration::from_micros(100);
    const QUICK: Duration = Duration::from_micros(20);
    const SLOW: Duration = Duration::from_millis(1);

    /// Waits that take as long as they are told.
    struct Waits {
        busy_poll: BusyPoll,
        now: Instant,
    }

    impl Waits {
        fn new() -> Self {
            Self { busy_poll: BusyPoll::new(BUDGET).unwrap(), now: Instant::now() }
        }

        /// Makes a wait, with a poll every 5 us as long as it is busy; says whether it was.
        fn wait(&mut self, takes: Duration) -> bool {
            let end = self.now + takes;
            let mut busy = false;
            while self.now < end && self.busy_poll.should_spin(self.now) {
                busy = true;
                self.now += Duration::from_micros(5);
            }
            self.now = end;
            self.busy_poll.observe(end);
            busy
        }

        /// How many of so many waits are busy.
        fn busy_ones(&mut self, count: usize, mut takes: impl FnMut(usize) -> Duration) -> usize {
            (0..count).filter(|&number| self.wait(takes(number))).count()
        }
    }

    #[test]
    fn without_a_budget_there_is_no_busy_polling_and_too_great_a_one_is_cut() {
        assert!(BusyPoll::new(Duration::ZERO).is_none());
        assert_eq!(BusyPoll::new(Duration::MAX).unwrap().budget, LARGEST_BUDGET);
    }

    #[test]
    fn a_wait_polls_until_its_budget_is_used_up() {
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        let began = Instant::now();
        assert!(busy_poll.should_spin(began));
        assert!(busy_poll.should_spin(began + BUDGET - Duration::from_nanos(1)));
        assert!(!busy_poll.should_spin(began + BUDGET));
        assert!(!busy_poll.should_spin(began + SLOW));
        assert_eq!(busy_poll.polls(), 2);
    }

    #[test]
    fn while_answers_come_within_the_budget_every_wait_is_busy() {
        assert_eq!(Waits::new().busy_ones(1000, |_| QUICK), 1000);
        assert_eq!(Waits::new().busy_ones(1000, |_| BUDGET), 1000);
    }

    #[test]
    fn when_nothing_comes_in_time_busy_waits_become_rare() {
        let mut waits = Waits::new();
        let busy: Vec<usize> = (0..1000).filter(|_| waits.wait(SLOW)).collect();
        assert_eq!(busy, [0, 2, 7, 24, 89, 346, 603, 860]);
    }

    #[test]
    fn after_a_long_silence_quick_answers_make_all_waits_busy_again() {
        let mut waits = Waits::new();
        waits.busy_ones(10_000, |_| SLOW);
        let until_first = (0..).take_while(|_| !waits.wait(QUICK)).count();
        assert!(until_first <= 256, "{until_first} waits");
        assert_eq!(waits.busy_ones(1000, |_| QUICK), 1000);
    }

    #[test]
    fn a_failure_among_successes_costs_one_wait() {
        let mut waits = Waits::new();
        let late = |number| if number % 20 == 0 { SLOW } else { QUICK };
        assert_eq!(waits.busy_ones(2000, late), 1900);
    }

    #[test]
    fn where_most_busy_waits_fail_they_become_rare_though_some_succeed() {
        let mut waits = Waits::new();
        let busy = waits.busy_ones(30_000, |number| if number % 3 == 0 { QUICK } else { SLOW });
        assert!(busy < 600, "{busy} busy waits");
    }

    #[test]
    fn short_waits_that_are_not_busy_are_no_evidence() {
        // A peer on the same processor: nothing while we poll, an answer when we sleep.
        let mut waits = Waits::new();
        let mut busy = 0;
        for _ in 0..10_000 {
            let spins = waits.busy_poll.should_spin(waits.now);
            busy += usize::from(spins);
            waits.now += if spins { BUDGET + QUICK } else { QUICK };
            waits.busy_poll.observe(waits.now);
        }
        assert!(busy < 60, "{busy} busy waits");
    }

    #[test]
    fn what_is_there_at_once_is_no_evidence_and_no_reason_to_pause() {
        let at_once = Duration::from_micros(10);
        assert_eq!(Waits::new().busy_ones(100, |_| at_once), 100);
        // It does not shorten the pauses either, of which 21,000 waits have room for some eighty.
        let mut waits = Waits::new();
        let mut failed = 0;
        for _ in 0..1000 {
            failed += waits.busy_ones(1, |_| SLOW);
            waits.busy_ones(20, |_| at_once);
        }
        assert!(failed < 100, "{failed} failures");
    }

    /// Runs a wait whose polls take 10 us each and find something at the given one; returns what they were given.
    fn polled(busy_poll: &mut BusyPoll, limit: Option<Duration>, finds: usize) -> Vec<Option<Duration>> {
        let now = Cell::new(Instant::now());
        let mut given = Vec::new();
        let poll = |wait: Option<Duration>| {
            now.set(now.get() + Duration::from_micros(10));
            given.push(wait);
            Ok(given.len() == finds)
        };
        busy_poll.wait(limit, || now.get(), poll).unwrap();
        given
    }

    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn a_wait_ends_with_the_poll_that_finds_something_and_blocks_when_the_budget_is_used_up() {
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        assert_eq!(polled(&mut busy_poll, None, 3), [AT_ONCE; 3]);
        let polls = polled(&mut busy_poll, None, 11);
        assert_eq!(polls[..10], [AT_ONCE; 10]);
        assert_eq!(polls[10..], [None]);
        assert_eq!(polled(&mut busy_poll, None, 1), [None], "the pause after a failure");
    }

    #[test]
    fn a_wait_is_not_longer_for_its_busy_part() {
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        let polls = polled(&mut busy_poll, Some(Duration::from_micros(150)), 99);
        assert_eq!(polls[..10], [AT_ONCE; 10]);
        assert_eq!(polls[10..], [Some(Duration::from_micros(50))]);
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        assert_eq!(polled(&mut busy_poll, Some(Duration::from_micros(30)), 99), [AT_ONCE; 4]);
    }

    #[test]
    fn a_poll_that_must_not_wait_is_one_poll() {
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        assert_eq!(polled(&mut busy_poll, AT_ONCE, 99), [AT_ONCE]);
        assert_eq!(busy_poll.polls(), 0);
    }

    #[test]
    fn a_wait_that_fails_is_over() {
        let mut busy_poll = BusyPoll::new(BUDGET).unwrap();
        let failure = busy_poll.wait(None, Instant::now, |_| Err(io::ErrorKind::Interrupted.into()));
        assert_eq!(failure.unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert!(busy_poll.wait.is_none());
    }
}
