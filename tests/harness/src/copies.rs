//! Copies of a token, found the simplest way there is: what the filter lets through is held against this.

/// How often a text is decoded.
const DECODINGS: usize = 3;

/// Whether a text contains a token as it is, or decoded up to three times.
pub fn has_copy(text: &[u8], token: &str) -> bool {
    let mut text = text.to_vec();
    for _ in 0..DECODINGS {
        if contains(&text, token) {
            return true;
        }
        text = decoded(&text);
    }
    contains(&text, token)
}

/// Every byte percent-encoded, so many times.
pub fn encoded(text: &str, times: usize) -> String {
    let once = |text: String| text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    (0..times).fold(text.to_owned(), |text, _| once(text))
}

fn contains(text: &[u8], token: &str) -> bool {
    text.windows(token.len()).any(|window| window == token.as_bytes())
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap());
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[test]
fn copies_are_found() {
    assert!((0..=3).all(|times| has_copy(encoded("a token", times).as_bytes(), "a token")));
    assert!(!has_copy(encoded("a token", 4).as_bytes(), "a token") && !has_copy(b"a tok", "a token"));
}
