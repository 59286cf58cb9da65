//! Known secrets, cut out of a text.

use memchr::memmem;

/// What stands in the place of a secret.
pub(super) const CUT: &str = "[...]";

/// Of a longer text nothing is kept.
const MAX_TEXT_BYTES: usize = 65_536;

/// How often a text is percent-decoded, as long as that changes it.
const MAX_DECODINGS: usize = 3;

/// A byte of a decoded text, and where it stands in the text as it came.
#[derive(Clone, Copy)]
struct Decoded {
    byte: u8,
    start: usize,
    end: usize,
}

/// The text without these secrets, as they are, percent-encoded, or encoded as in a form.
pub(super) fn without<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> String {
    if text.len() > MAX_TEXT_BYTES {
        return CUT.to_owned();
    }
    let secrets: Vec<&str> = secrets.filter(|secret| !secret.is_empty()).collect();
    let mut is_cut = vec![false; text.len()];
    let positions = (0..).zip(1..).zip(text.bytes());
    let mut bytes: Vec<Decoded> =
        positions.map(|((start, end), byte)| Decoded { byte, start, end }).collect();
    for _ in 0..=MAX_DECODINGS {
        mark(&bytes, &secrets, &mut is_cut);
        // In a form a plus sign is a blank, and a form may itself have been encoded.
        let blank = |decoded: &Decoded| Decoded {
            byte: if decoded.byte == b'+' { b' ' } else { decoded.byte },
            ..*decoded
        };
        let of_a_form: Vec<Decoded> = bytes.iter().map(blank).collect();
        mark(&of_a_form, &secrets, &mut is_cut);
        mark(&percent_decoded(&of_a_form), &secrets, &mut is_cut);
        let decoded = percent_decoded(&bytes);
        if decoded.len() == bytes.len() {
            break;
        }
        bytes = decoded;
    }
    rest(text, &is_cut)
}

/// Marks where a secret stands, also where two occurrences overlap.
fn mark(bytes: &[Decoded], secrets: &[&str], is_cut: &mut [bool]) {
    let text: Vec<u8> = bytes.iter().map(|decoded| decoded.byte).collect();
    for secret in secrets {
        let finder = memmem::Finder::new(secret.as_bytes());
        let mut from = 0_usize;
        while let Some(found) = text.get(from..).and_then(|rest| finder.find(rest)) {
            let start = from.saturating_add(found);
            let occurrence = bytes.get(start..start.saturating_add(secret.len())).unwrap_or_default();
            if let (Some(first), Some(last)) = (occurrence.first(), occurrence.last()) {
                is_cut.get_mut(first.start..last.end).unwrap_or_default().fill(true);
            }
            from = start.saturating_add(1);
        }
    }
}

fn percent_decoded(bytes: &[Decoded]) -> Vec<Decoded> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|digit| char::from(digit.byte).to_digit(16));
        let octet = match (first.byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high.saturating_mul(16).saturating_add(low)).ok(),
            _ => None,
        };
        rest = match (octet, behind.get(1)) {
            (Some(byte), Some(last)) => {
                decoded.push(Decoded { byte, start: first.start, end: last.end });
                behind.get(2..).unwrap_or_default()
            }
            _ => {
                decoded.push(*first);
                behind
            }
        };
    }
    decoded
}

/// The characters of which nothing is marked, with one sign for each run of the others.
fn rest(text: &str, is_cut: &[bool]) -> String {
    let mut shown = String::new();
    let mut in_cut = false;
    for (start, character) in text.char_indices() {
        let bytes = is_cut.get(start..start.saturating_add(character.len_utf8())).unwrap_or_default();
        let cut = bytes.contains(&true);
        if !cut {
            shown.push(character);
        } else if !in_cut {
            shown.push_str(CUT);
        }
        in_cut = cut;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out() {
        let secrets = ["caller-toke", "p+q/r=s t%", ""];
        for (text, expected) in [
            ("token caller-toke is bad", "token [...] is bad"),
            ("xcaller-tokex", "x[...]x"),
            ("caller-tokecaller-toke", "[...]"),
            ("%63aller%2Dtoke, %2563aller-toke and %252563aller-toke", "[...], [...] and [...]"),
            ("%63aller-tok%", "%63aller-tok%"),
            ("p%2Bq%2Fr%3Ds+t%25 p+q/r=s t% p%2bq%2fr%3ds%20t%25", "[...] [...] [...]"),
            ("\u{e9}caller-toke\u{e9}", "\u{e9}[...]\u{e9}"),
            ("p%252Bq%252Fr%253Ds%2Bt%2525", "[...]"),
            ("invalid_grant", "invalid_grant"),
            ("", ""),
        ] {
            assert_eq!(without(text, secrets.into_iter()), expected, "{text}");
        }
    }

    #[test]
    fn occurrences_that_overlap_are_cut_out_whole() {
        assert_eq!(without("twice abcabcabc", ["abcabc"].into_iter()), "twice [...]");
        assert_eq!(without("s4s4s4s4", ["s4s4s"].into_iter()), "[...]4");
    }

    #[test]
    fn a_part_of_a_character_is_all_of_it() {
        assert_eq!(without("%C3%A9 \u{e9}", ["\u{e9}"].into_iter()), "[...] [...]");
    }

    #[test]
    fn a_text_without_end_is_cut_out_whole() {
        assert_eq!(without(&"a".repeat(MAX_TEXT_BYTES + 1), ["b"].into_iter()), CUT);
        assert_eq!(without(&"a".repeat(9), ["b"].into_iter()), "a".repeat(9));
    }
}
