//! Passing over an object or an array.

use super::block::{BLOCK, Blocks, Brackets, Mask};

/// The length of the object or array at the beginning of `text`; none if it has no end.
pub fn container(text: &[u8]) -> Option<usize> {
    let mut blocks = Blocks::default();
    let mut depth = 0;
    let (whole, rest) = text.as_chunks::<BLOCK>();
    for (i, block) in whole.iter().enumerate() {
        if let Some(end) = end_in(blocks.next(block), &mut depth) {
            return Some(i * BLOCK + end);
        }
    }
    let mut last = [b' '; BLOCK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    end_in(blocks.next(&last), &mut depth).map(|end| whole.len() * BLOCK + end)
}

/// Where in a block all that is open is closed; else `depth` is what is open after it.
fn end_in(Brackets { open, close }: Brackets, depth: &mut u32) -> Option<usize> {
    let closed = close.count_ones();
    if closed >= *depth {
        let mut left = close;
        let mut before = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            before += 1;
            let opened = (open & ((1 as Mask) << at).wrapping_sub(1)).count_ones();
            if *depth + opened <= before {
                return Some(at as usize + 1);
            }
            left &= left - 1;
        }
    }
    *depth = *depth + open.count_ones() - closed;
    None
}
