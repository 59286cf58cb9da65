//! The keys of a JWK Set that are not used, in a few words.

use super::text::Quoted;
use crate::jose::jwk::LeftOut;
use std::fmt;

/// Reasons with the number of keys, and the `kid` of those that are named: `2 malformed ("a" and 1 more)`.
#[derive(Clone, Copy, Debug)]
pub struct LeftOutKeys<'a>(pub &'a [LeftOut]);

impl fmt::Display for LeftOutKeys<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, LeftOut { reason, count, key_ids }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{count} {}", reason.as_str())?;
            if key_ids.is_empty() {
                continue;
            }
            for (index, key_id) in key_ids.iter().enumerate() {
                let separator = if index == 0 { " (" } else { ", " };
                write!(formatter, "{separator}{}", Quoted(key_id))?;
            }
            match count.saturating_sub(key_ids.len()) {
                0 => formatter.write_str(")")?,
                more => write!(formatter, " and {more} more)")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::Unusable;

    #[test]
    fn a_key_is_named_by_its_kid_on_one_line() {
        let left_out = |reason, count, key_ids: &[&str]| LeftOut {
            reason,
            count,
            key_ids: key_ids.iter().map(|&key_id| key_id.to_owned()).collect(),
        };
        for (left_out, expected) in [
            (vec![left_out(Unusable::Malformed, 2, &[])], "2 malformed"),
            (vec![left_out(Unusable::Malformed, 2, &["a", "b"])], r#"2 malformed ("a", "b")"#),
            (
                vec![
                    left_out(Unusable::Malformed, 3, &["a"]),
                    left_out(Unusable::Private, 1, &["x\"\r\nlevel=error"]),
                ],
                r#"3 malformed ("a" and 2 more), 1 published private key ("x\"\r\nlevel=error")"#,
            ),
            (vec![left_out(Unusable::Symmetric, 1, &[""])], r#"1 published secret ("")"#),
            (vec![], ""),
        ] {
            assert_eq!(LeftOutKeys(&left_out).to_string(), expected);
        }
        let long = [left_out(Unusable::Malformed, 1, &[&"k".repeat(20_000)])];
        assert!(LeftOutKeys(&long).to_string().len() < 150);
    }
}
