//! Scope: a set of case-sensitive words (RFC 6749 section 3.3).

use std::collections::BTreeMap;

/// Scope words in the order they were given, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads words separated by blanks (U+0020). Other white space is part of a word, which then is none that an
    /// operator can ask for.
    pub fn parse(text: &str) -> Scope {
        split(text).collect()
    }

    /// Whether every word of `needed` is here.
    pub fn contains_all(&self, needed: &Scope) -> bool {
        needed.0.iter().all(|word| self.0.contains(word))
    }

    /// These words and all that they imply, transitively, by the operator's `hierarchy`.
    pub fn with_implied(&self, hierarchy: &BTreeMap<String, Scope>) -> Scope {
        let mut all = self.clone();
        let mut next = 0;
        while let Some(word) = all.0.get(next) {
            for implied in hierarchy.get(word).cloned().unwrap_or_default().0 {
                all.insert(implied);
            }
            next = usize::saturating_add(next, 1);
        }
        all
    }

    /// The words, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, word: String) {
        if !self.0.contains(&word) {
            self.0.push(word);
        }
    }
}

impl<T: Into<String>> FromIterator<T> for Scope {
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Scope {
        let mut scope = Scope::default();
        for word in words {
            scope.insert(word.into());
        }
        scope
    }
}

/// The words with one space between them, as the wire has them.
impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join(" "))
    }
}

/// The words of a scope string: blanks stand between them, and nothing else does.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// Whether `word` is a scope-token (RFC 6749 section 3.3): visible ASCII but quote and backslash.
pub fn is_scope_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_repeats_are_dropped() {
        let scope = Scope::parse("  b a  b ");
        assert_eq!(scope.to_string(), "b a");
        assert!(scope.contains_all(&Scope::parse("a b")));
        assert!(!scope.contains_all(&Scope::parse("A")));
        assert!(scope.contains_all(&Scope::default()));
    }

    #[test]
    fn only_blanks_stand_between_words() {
        for white_space in ["\t", "\n", "\r\n", "\u{b}", "\u{c}", "\u{a0}", "\u{2003}", "\u{3000}", "+", ","]
        {
            let scope = Scope::parse(&format!("a{white_space}b c"));
            assert_eq!(scope.words().count(), 2, "{white_space:?}");
            assert!(!scope.contains_all(&Scope::parse("a")) && scope.contains_all(&Scope::parse("c")));
            let edges = Scope::parse(&format!("{white_space}a c{white_space}"));
            assert!(
                ["a", "c"].iter().all(|word| !edges.contains_all(&Scope::parse(word))),
                "{white_space:?}"
            );
        }
        assert!(Scope::parse("").is_empty() && Scope::parse("   ").is_empty());
    }

    #[test]
    fn hierarchies_are_followed_to_their_end_even_in_a_circle() {
        let hierarchy = BTreeMap::from([
            ("admin".to_owned(), Scope::parse("write")),
            ("write".to_owned(), Scope::parse("read admin")),
        ]);
        assert_eq!(Scope::parse("admin x").with_implied(&hierarchy).to_string(), "admin x write read");
    }

    #[test]
    fn scope_tokens() {
        assert!(is_scope_token("mcp:read") && is_scope_token("https://x/y"));
        assert!(!is_scope_token("") && !is_scope_token("a b") && !is_scope_token("a\"b"));
    }
}
