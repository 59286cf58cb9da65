//! Texts that stand for another: `{vault://env/NAME}`, and what an editor left behind a secret.

use crate::report::text::Quoted;

/// What a text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// The text as written.
    AsWritten(String),
    /// The value of an environment variable.
    FromEnvironment(String),
}

/// Reads a reference to Kong's environment vault; any other text is itself.
///
/// Kong's rule makes a variable of the name: letters in upper case, `-` becomes `_`. References
/// are whole values; text that only contains one is itself.
///
/// # Errors
/// What to set or write, where the reference leads nowhere.
pub(super) fn resolve(
    text: String,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Resolved, String> {
    if is_placeholder(&text) {
        let sentence = "this is a placeholder that decK has not filled in: let decK send this file, with the variable \
                        set in its environment, or write the value";
        return Err(sentence.to_owned());
    }
    let Some(reference) = text.strip_prefix("{vault://") else { return Ok(Resolved::AsWritten(text)) };
    let name = reference.strip_prefix("env/").and_then(|rest| rest.strip_suffix('}'));
    let Some(name) = name.filter(|name| is_name(name)) else {
        return Err(format!(
            "a Wasm filter can read no vault but the process environment: write {{vault://env/NAME}} as the \
             whole value instead of {}, or the value itself",
            Quoted(&text)
        ));
    };
    let variable = name.to_ascii_uppercase().replace('-', "_");
    match environment(&variable) {
        Some(value) => Ok(Resolved::FromEnvironment(value)),
        None => Err(format!(
            "the environment variable {variable} is not set for the filter: set it and let the gateway pass it on \
             (nginx_main_env on Kong, environment_variables of the VM on Envoy)"
        )),
    }
}

/// Whether decK would put a variable into `text`, as into `${{ env "DECK_NAME" }}`.
fn is_placeholder(text: &str) -> bool {
    // A hyphen takes off the spaces before a placeholder, and parentheses may stand around a function.
    let opening = |letter: char| letter.is_whitespace() || matches!(letter, '-' | '(');
    text.split("${{")
        .skip(1)
        .any(|rest| rest.trim_start_matches(opening).starts_with("env") && rest.contains("}}"))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The text without a line end at its end, where it has one.
pub(super) fn without_line_end(text: &str) -> Option<&str> {
    let trimmed = text.trim_end_matches(['\r', '\n']);
    (trimmed.len() < text.len()).then_some(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<Resolved, String> {
        resolve(text.to_owned(), &|name| (name == "GATEWAY_SECRET_1").then(|| "s3".to_owned()))
    }

    #[test]
    fn references_are_read_by_kongs_rule() {
        for text in [
            "{vault://env/gateway-secret-1}",
            "{vault://env/GATEWAY_SECRET_1}",
            "{vault://env/Gateway-Secret_1}",
        ] {
            assert_eq!(resolved(text), Ok(Resolved::FromEnvironment("s3".to_owned())), "{text}");
        }
        for text in ["", "s3", "x{vault://env/a}", "{vault:", "{env}"] {
            assert_eq!(resolved(text), Ok(Resolved::AsWritten(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_placeholder_of_decks_is_no_value() {
        for text in [
            "${{ env \"DECK_A\" }}",
            "https://${{env `DECK_A`}}/x",
            "${{ x }} ${{ env \"A\" | toInt }}",
            "${{- env \"DECK_A\" -}}",
            "${{ (env \"DECK_A\") | indent 2 }}",
        ] {
            let sentence = resolved(text).unwrap_err();
            assert!(sentence.contains("decK") && !sentence.contains("DECK_A"), "{text}: {sentence}");
        }
        for text in ["${env}", "${{", "${{ env", "{{ env \"A\" }}", "${{ other }}", "}}${{ env "] {
            assert_eq!(resolved(text), Ok(Resolved::AsWritten(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_reference_that_leads_nowhere_says_what_to_set() {
        let unset = resolved("{vault://env/other}").unwrap_err();
        assert!(unset.contains("OTHER") && unset.contains("nginx_main_env"), "{unset}");
        for text in [
            "{vault://hcv/a}",
            "{vault://env/a",
            "{vault://env/}",
            "{vault://env/a/b}",
            "{vault://env/a?prefix=x}",
            "{vault://env/a}\n",
            "{vault://",
        ] {
            assert!(resolved(text).unwrap_err().contains("{vault://env/NAME}"), "{text}");
        }
    }

    #[test]
    fn line_ends_are_found_at_the_end_only() {
        assert_eq!(without_line_end("s3\r\n\n"), Some("s3"));
        assert_eq!(without_line_end("s\n3"), None);
        assert_eq!(without_line_end("s3 "), None);
    }
}
