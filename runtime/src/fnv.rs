//! FNV-1a of 128 bits: fingerprints that are the same in every program and every version of it. Nobody attacks them.

/// A hash on its way.
#[derive(Clone, Copy)]
pub(crate) struct Fnv(u128);

impl Fnv {
    pub(crate) const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Takes in some bytes and an end, so that what follows is not taken for a part of them. `0xff` is in no text.
    pub(crate) const fn part(mut self, mut bytes: &[u8]) -> Self {
        while let [byte, rest @ ..] = bytes {
            self = self.byte(*byte);
            bytes = rest;
        }
        self.byte(0xff)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u128).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b))
    }

    pub(crate) const fn get(self) -> u128 {
        self.0
    }
}
