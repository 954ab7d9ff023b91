//! Bytes cut in several ways, as a network might deliver them. The bytes themselves choose where.

/// Inputs up to here are also fed byte by byte.
const SHORT: usize = 512;

/// A few ways to cut the bytes, the same ones for the same bytes.
pub(crate) fn ways(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut ways = Vec::new();
    if bytes.len() <= SHORT {
        ways.push(bytes.chunks(1).collect());
    }
    let mut dice = Dice::new(bytes);
    for largest in [5, 61] {
        ways.push(cut(bytes, largest, &mut dice));
    }
    let middle = dice.below(bytes.len() + 1);
    ways.push(vec![&bytes[..middle], &[], &bytes[middle..]]);
    ways
}

fn cut<'a>(mut bytes: &'a [u8], largest: usize, dice: &mut Dice) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + dice.below(largest)).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Numbers without a pattern, from the bytes alone.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mix = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// A number below this one, or nought.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}
