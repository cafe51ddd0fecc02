//! What is in a prompt beside text: images by their size, sound and files by their bytes. Never as text: a photo as
//! base64 would be a hundred thousand tokens of gibberish.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::domain::{Image, ImageDetail, ImageSource, Piece, Prompt, TokenCount};

/// How much of an image's base64 is looked at for its width and height.
const HEAD: usize = 64 * 1024;
/// A model that cuts images into tiles charges this for the picture as a whole …
const BASE: u64 = 85;
/// … and this for each tile of 512 by 512 pixels.
const TILE: u64 = 170;
/// Models with cheaper tiles charge this share of it.
const CHEAP_TILES: f64 = 0.8;
/// Models that cut images into patches may charge this much for the largest.
const PATCHES_AT_MOST: u64 = 4784;
/// The tiles of the largest image after scaling: 768 by 2048 pixels.
const TILES_AT_MOST: u64 = 8;
/// Speech is charged at about 10 tokens a second in, and takes between 2 KB (compressed) and 48 KB (PCM) a second.
const SOUND_BYTES_PER_TOKEN: (u64, u64, u64) = (200, 1600, 4800);
/// A file's text cannot be seen; PDFs run from densely packed text to scans.
const FILE_BYTES_PER_TOKEN: (u64, u64, u64) = (4, 40, 400);

/// Adds what an image, a sound or a file costs. A text or a tool call adds nothing.
pub(super) fn add(count: &mut TokenCount, prompt: &Prompt, piece: &Piece) {
    let cost = match piece {
        Piece::Image(image) => of_image(prompt, image),
        Piece::Audio(span) => by_bytes(span.len(), SOUND_BYTES_PER_TOKEN),
        Piece::Other(span) => by_bytes(span.len(), FILE_BYTES_PER_TOKEN),
        Piece::Text(_) | Piece::ToolCalls(_) => return,
    };
    count.low += cost.low;
    count.expected += cost.expected;
    count.high += cost.high;
}

fn by_bytes(base64_bytes: usize, (dense, usual, sparse): (u64, u64, u64)) -> TokenCount {
    let bytes = base64_bytes as u64 * 3 / 4;
    TokenCount { low: bytes / sparse, expected: bytes / usual, high: bytes / dense + 1 }
}

fn of_image(prompt: &Prompt, image: &Image) -> TokenCount {
    if image.detail == ImageDetail::Low {
        return TokenCount { low: BASE * 4 / 5, expected: BASE, high: BASE * 4 };
    }
    let size = match image.source {
        ImageSource::Inline(span) => size_of(prompt.bytes(span)),
        ImageSource::Url => None,
    };
    let tiles = size.map_or(TILES_AT_MOST, |(width, height)| tiles(width, height));
    let expected = BASE + TILE * tiles;
    // Without its size an image may be as small as one tile.
    let least = if size.is_some() { expected } else { BASE + TILE };
    TokenCount { low: (least as f64 * CHEAP_TILES) as u64, expected, high: PATCHES_AT_MOST.max(expected) }
}

/// How many tiles an image is cut into: it is scaled into 2048 by 2048 pixels, then its short side to 768.
fn tiles(width: u64, height: u64) -> u64 {
    let (width, height) = (width.max(1) as f64, height.max(1) as f64);
    let fit = (2048.0 / width.max(height)).min(1.0);
    let scale = fit * (768.0 / (width.min(height) * fit)).min(1.0);
    let across = |side: f64| ((side * scale / 512.0).ceil() as u64).max(1);
    across(width) * across(height)
}

/// Width and height as the first bytes of an image say; `None` if they are not there.
fn size_of(base64_text: &[u8]) -> Option<(u64, u64)> {
    let head = &base64_text[..base64_text.len().min(HEAD) / 4 * 4];
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient.with_decode_allow_trailing_bits(true));
    let size = imagesize::blob_size(&bytes.decode(head).ok()?).ok()?;
    Some((size.width as u64, size.height as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::sample;

    /// The first bytes of a PNG file of that size, as base64.
    fn png(width: u32, height: u32) -> String {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes.resize(96, 0);
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    #[test]
    fn an_image_is_counted_by_its_tiles() {
        assert_eq!(size_of(png(640, 480).as_bytes()), Some((640, 480)));
        assert_eq!((tiles(100, 100), tiles(640, 480), tiles(1024, 1024), tiles(4000, 2000)), (1, 2, 4, 6));
        assert_eq!(tiles(1, 100_000), 4);
    }

    #[test]
    fn a_large_photo_costs_its_tiles_and_not_its_bytes() {
        let mut photo = png(1024, 1024);
        photo.push_str(&"Zm9vYmFy".repeat(60_000));
        let prompt = sample::with_image(&photo, ImageDetail::Auto);
        let tokens = super::super::estimate(&prompt);
        assert!(tokens.expected > 765 && tokens.expected < 800, "{tokens:?}");
    }

    #[test]
    fn an_image_of_unknown_size_is_taken_for_the_largest() {
        let prompt = sample::with_image("AAAA", ImageDetail::High);
        let mut count = TokenCount::default();
        add(&mut count, &prompt, &prompt.turns[0].pieces[0]);
        assert_eq!(count.expected, BASE + TILE * TILES_AT_MOST);
        assert!(count.low < 255 && count.high >= count.expected);
    }
}
