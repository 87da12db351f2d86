//! 64 bytes of JSON at a time: which of them are quotes, brackets, or within a string.
//!
//! The method is that of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019, sections 3.1.1 and 3.1.2).

use wide::u8x16;

/// Bytes in a block: as many as a mask has bits.
pub const BLOCK: usize = 64;

/// One bit a byte of a block; the lowest is that of the first.
pub type Mask = u64;

/// The bytes at even places.
const EVEN: Mask = 0x5555_5555_5555_5555;

/// The brackets of a block that stand outside of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brackets {
    /// `{` and `[`.
    pub open: Mask,
    /// `}` and `]`.
    pub close: Mask,
}

/// What must be known of the blocks before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocks {
    /// Whether the first byte of the next block is escaped: 0 or 1.
    escaped: Mask,
    /// All bits set if the next block begins within a string, else none.
    in_string: Mask,
}

impl Blocks {
    /// The brackets of the next block.
    pub fn next(&mut self, block: &[u8; BLOCK]) -> Brackets {
        let lanes = lanes(block);
        let quotes = mask(&lanes, |lane| lane.simd_eq(u8x16::splat(b'"')));
        let backslashes = mask(&lanes, |lane| lane.simd_eq(u8x16::splat(b'\\')));
        // The two pairs of brackets differ in one bit.
        let curly = lanes.map(|lane| lane | u8x16::splat(b'{' ^ b'['));
        let open = mask(&curly, |lane| lane.simd_eq(u8x16::splat(b'{')));
        let close = mask(&curly, |lane| lane.simd_eq(u8x16::splat(b'}')));
        let unescaped = quotes & !self.escaped(backslashes);
        let strings = self.strings(unescaped);
        Brackets { open: open & !strings, close: close & !strings }
    }

    /// The bytes that a backslash before them escapes: those after an odd number of backslashes.
    fn escaped(&mut self, backslashes: Mask) -> Mask {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let backslashes = backslashes & !self.escaped;
        let after = (backslashes << 1) | self.escaped;
        let odd_starts = backslashes & !EVEN & !after;
        let (ends_of_even, carry) = odd_starts.overflowing_add(backslashes);
        self.escaped = Mask::from(carry);
        (EVEN ^ (ends_of_even << 1)) & after
    }

    /// The bytes from a quote up to the next.
    fn strings(&mut self, quotes: Mask) -> Mask {
        let mut within = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            within ^= within << shift;
        }
        within ^= self.in_string;
        self.in_string = match within >> (BLOCK - 1) {
            0 => 0,
            _ => Mask::MAX,
        };
        within
    }
}

fn lanes(block: &[u8; BLOCK]) -> [u8x16; 4] {
    let (lanes, _) = block.as_chunks::<16>();
    [0, 1, 2, 3].map(|i| u8x16::from(lanes[i]))
}

fn mask(lanes: &[u8x16; 4], is: impl Fn(u8x16) -> u8x16) -> Mask {
    let [a, b, c, d] = lanes.map(|lane| Mask::from(is(lane).to_bitmask()));
    a | b << 16 | c << 32 | d << 48
}
