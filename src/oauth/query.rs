//! Access tokens in the query of a request (RFC 6750 section 2.3, which MCP forbids).

use crate::text::any_percent_decoding;

/// The parameter's name.
const ACCESS_TOKEN: &[u8] = b"access_token";

/// Whether a query has a parameter that some server reads as `access_token`: languages and frameworks differ in
/// what separates parameters, in the letter case of names, and in what they make of blanks, dots, brackets
/// and zero bytes in them.
pub fn has_access_token(query: &[u8]) -> bool {
    query.split(|byte| matches!(byte, b'&' | b';')).any(|parameter| {
        let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name: Vec<u8> = name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        any_percent_decoding(&name, is_access_token)
    })
}

/// Whether a decoded name is read as `access_token`: up to a zero byte or without it, without blanks around it,
/// up to the index of an array.
fn is_access_token(name: &[u8]) -> bool {
    let until_zero = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let without_zeros: Vec<u8> = name.iter().copied().filter(|byte| *byte != 0).collect();
    [until_zero, &without_zeros].into_iter().any(|name| {
        // `[access_token]` is that to some readers of brackets, and a vertical tab is white space to some.
        let is_edge = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0x0b | b'[' | b']');
        let name = name.get(name.iter().take_while(|byte| is_edge(byte)).count()..).unwrap_or_default();
        // An index follows the name; a bracket that is not closed counts as the underscore.
        let variable = match name.iter().position(|byte| *byte == b'[' || *byte == b']') {
            Some(bracket) if name.contains(&b']') => name.get(..bracket).unwrap_or_default(),
            _ => name,
        };
        let folded = |byte: &u8| match byte {
            b'.' | b'[' => b'_',
            byte if byte.is_ascii_whitespace() => b'_',
            byte => byte.to_ascii_lowercase(),
        };
        variable.trim_ascii().iter().map(folded).eq(ACCESS_TOKEN.iter().copied())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_servers_read_as_access_token() {
        for name in [
            "access_token",
            "ACCESS_Token",
            "access%5Ftoken",
            "access%255Ftoken",
            "access+token",
            "access%20token",
            "access.token",
            "access%2etoken",
            "+access_token",
            "%20access_token%09",
            "access_token[]",
            "access_token%5B%5D",
            "access_token[a][b]",
            "access_token+[0]",
            "access[token",
            "[access_token]",
            "%5Baccess_token%5D",
            "[]access_token",
            "access_token]",
            "%0Baccess_token",
            "access_token%00",
            "access_token%00x",
            "%00access_token",
            "access%00_token",
        ] {
            for query in
                [format!("{name}=x"), format!("a=1&{name}"), format!("a=1;{name}=;b"), format!("&{name}&")]
            {
                assert!(has_access_token(query.as_bytes()), "{query}");
            }
        }
    }

    #[test]
    fn other_names() {
        for query in [
            "",
            "=access_token",
            "q=access_token",
            "my_access_token=T",
            "access_tokens=1",
            "access__token=1",
            "accesstoken=1",
            "access=token",
            "a[access_token]=1",
            "token=1",
            "%00",
            "access%5token",
        ] {
            assert!(!has_access_token(query.as_bytes()), "{query}");
        }
    }
}
