//! The forms in which attackers write one text: other dashes, UTF-16, Base64 at any offset.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::text::Piece;
use rows::Text;

/// More variants of one value than this are refused.
pub(crate) const VARIANTS_MAX: usize = 700;

/// What stands for the dash before a parameter.
const DASHES: [&str; 5] = ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"];

/// Every way to write the dashes of parameters: a `-` or `/` that begins a word. `None` when there
/// are too many.
pub(crate) fn with_any_dash(pieces: &[Piece]) -> Option<Vec<Vec<Piece>>> {
    let mut variants: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut in_word = false;
    for piece in pieces {
        let Piece::Literal(text) = piece else {
            in_word = false;
            variants.iter_mut().for_each(|variant| variant.push(piece.clone()));
            continue;
        };
        let text = text.to_str_lossy();
        let mut plain = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let begins = !in_word && characters.peek().is_some_and(|next| is_word(*next));
            if matches!(character, '-' | '/') && begins {
                push_all(&mut variants, &std::mem::take(&mut plain));
                if variants.len() * DASHES.len() > VARIANTS_MAX {
                    return None;
                }
                variants = variants.iter().flat_map(|variant| with_each_dash(variant)).collect();
            } else {
                plain.push(character);
            }
            in_word = is_word(character);
        }
        push_all(&mut variants, &plain);
    }
    Some(variants)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn with_each_dash(variant: &[Piece]) -> impl Iterator<Item = Vec<Piece>> {
    DASHES.iter().map(move |dash| {
        let mut longer = variant.to_vec();
        longer.push(Piece::Literal(Text::from(*dash)));
        longer
    })
}

fn push_all(variants: &mut [Vec<Piece>], plain: &str) {
    if !plain.is_empty() {
        let piece = Piece::Literal(Text::from(plain));
        variants.iter_mut().for_each(|variant| variant.push(piece.clone()));
    }
}

/// How UTF-16 is laid out in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Utf16 {
    Little,
    Big,
    /// Little, behind a byte order mark.
    Marked,
}

/// The text as UTF-16.
pub(crate) fn utf16(text: &[u8], layout: Utf16) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mark = matches!(layout, Utf16::Marked).then_some(0xFEFF_u16);
    let units = mark.into_iter().chain(text.encode_utf16());
    units
        .flat_map(|unit| match layout {
            Utf16::Big => unit.to_be_bytes(),
            Utf16::Little | Utf16::Marked => unit.to_le_bytes(),
        })
        .collect()
}

/// The text as Base64.
pub(crate) fn base64(text: &[u8]) -> String {
    STANDARD.encode(text)
}

/// The part of the text's Base64 that does not depend on its neighbours, for each of the three
/// offsets at which it may stand in something larger.
pub(crate) fn base64_at_offsets(text: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(text.iter().copied()).collect();
        let encoded = STANDARD.encode(&padded);
        // The first characters hold bits of what comes before, the last ones of what follows.
        let start = [0, 2, 3][offset];
        let end = match padded.len() % 3 {
            0 => encoded.len(),
            1 => encoded.len() - 3,
            _ => encoded.len() - 2,
        };
        encoded.get(start..end).unwrap_or("").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{pieces, plain};

    #[test]
    fn a_dash_before_a_word_has_five_forms() {
        let written = |text: &str| -> Vec<String> {
            let variants = with_any_dash(&pieces(text)).unwrap();
            let plain = |variant: &Vec<Piece>| String::from_utf8(plain(variant).unwrap()).unwrap();
            variants.iter().map(plain).collect()
        };
        assert_eq!(
            written("x -f y-z"),
            ["x -f y-z", "x /f y-z", "x –f y-z", "x —f y-z", "x ―f y-z"]
        );
        assert_eq!(written("a - b"), ["a - b"]);
        assert_eq!(written("/a /b").len(), 25);
        assert_eq!(with_any_dash(&pieces("-a -b -c -d -e")), None);
    }

    #[test]
    fn every_offset_is_found_in_the_base64_of_something_larger() {
        for before in ["", "a", "ab", "abc"] {
            let whole = base64(format!("{before}secret text{before}").as_bytes());
            let parts = base64_at_offsets(b"secret text");
            assert!(parts.iter().any(|part| whole.contains(part.as_str())), "{before} {whole}");
        }
        assert_eq!(base64_at_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
    }

    #[test]
    fn utf16_has_three_layouts() {
        assert_eq!(utf16(b"a", Utf16::Little), [0x61, 0]);
        assert_eq!(utf16(b"a", Utf16::Big), [0, 0x61]);
        assert_eq!(utf16(b"a", Utf16::Marked), [0xFF, 0xFE, 0x61, 0]);
    }
}
