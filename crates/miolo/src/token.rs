/// Bits of a token that are the index of its slot.
const INDEX_BITS: u32 = 20;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u32 = (1 << 11) - 1;

/// The name of a socket in a [`Reactor`](crate::Reactor).
///
/// A slot's index and a generation: when a slot is used again its token differs, so that what is meant for the
/// former socket is recognised as stale. Never negative as an `i32`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u32);

impl Token {
    /// Slots that a reactor can have.
    pub(crate) const MAX_SLOTS: usize = 1 << INDEX_BITS;

    pub(crate) fn new(index: usize, generation: u32) -> Self {
        debug_assert!(index < Self::MAX_SLOTS, "a slot's index has 20 bits");
        #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_SLOTS")]
        let index = index as u32 & INDEX_MASK;
        Self(index | ((generation & GENERATION_MASK) << INDEX_BITS))
    }

    /// The generation that follows `generation`.
    pub(crate) const fn next_generation(generation: u32) -> u32 {
        (generation + 1) & GENERATION_MASK
    }

    /// A token of the number that [`Token::raw`] gave. Any other number makes a token that is stale.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The token as a number.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The index of the token's slot, for tables beside the reactor's.
    pub const fn index(self) -> usize {
        (self.0 & INDEX_MASK) as usize
    }

    /// Not masked, so that a number which is no token's equals no slot's generation.
    pub(crate) const fn generation(self) -> u32 {
        self.0 >> INDEX_BITS
    }
}
