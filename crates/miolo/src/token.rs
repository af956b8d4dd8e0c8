#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u32);
impl Token {
    pub(crate) fn new(index: usize, generation: u32) -> Self { Self(index as u32 | ((generation & 0x7ff) << 20)) }
    pub const fn from_raw(raw: u32) -> Self { Self(raw) }
    pub const fn raw(self) -> u32 { self.0 }
    pub const fn index(self) -> usize { (self.0 & 0xf_ffff) as usize }
    pub(crate) const fn generation(self) -> u32 { (self.0 >> 20) & 0x7ff }
}
