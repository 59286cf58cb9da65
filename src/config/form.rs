//! What a text must look like, by what it is.

use crate::scope::is_scope_token;
use crate::text::is_field_name;
use url::Url;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// Any text but the empty one.
    Text,
    /// A credential; never shown.
    Secret,
    /// A value that may hold a credential, and may be empty; never shown.
    PrivateText,
    /// Lines of text, such as PEM or JSON, that may hold a key; never shown.
    Document,
    /// The value of a header field (RFC 9110 section 5.5), which may be a credential; never shown.
    HeaderValue,
    /// The name of a header field (RFC 9110 section 5.1).
    HeaderName,
    /// An absolute http or https URL that requests can be sent to, without a fragment.
    Url,
    /// An absolute URI without a fragment (RFC 3986 section 4.3).
    Uri,
    /// The same, or the empty text to leave a parameter out.
    UriOrNothing,
    /// The path of a URL.
    Path,
    /// One scope (RFC 6749 section 3.3).
    Scope,
    /// Scopes with a space between them.
    Scopes,
    /// Printable ASCII that needs no escaping within quotes.
    Quotable,
    /// Host and port, `idp.example.com:443`.
    Authority,
}

impl TextFormat {
    /// Whether a text of this form must never be shown.
    pub fn is_private(self) -> bool {
        matches!(
            self,
            TextFormat::Secret | TextFormat::PrivateText | TextFormat::Document | TextFormat::HeaderValue
        )
    }

    /// Checks `text`.
    ///
    /// # Errors
    /// What to write instead, without a word of the text.
    pub(super) fn check(self, text: &str) -> Result<(), &'static str> {
        match self {
            TextFormat::Text => require(!text.is_empty(), EMPTY)
                .and_then(|()| require(!text.chars().any(char::is_control), CONTROL)),
            TextFormat::Secret => {
                require(!text.is_empty(), "the secret is empty: write it, or leave the field out")
                    .and_then(|()| require(!text.chars().any(char::is_control), CONTROL))
            }
            TextFormat::PrivateText => require(!text.chars().any(char::is_control), CONTROL),
            TextFormat::Document => require(!text.is_empty(), EMPTY),
            TextFormat::HeaderValue => require(is_field_value(text), FIELD_VALUE),
            TextFormat::HeaderName => require(is_field_name(text.as_bytes()), FIELD_NAME),
            TextFormat::Url => check_url(text),
            TextFormat::Uri => require(is_absolute_uri(text), URI),
            TextFormat::UriOrNothing => require(text.is_empty() || is_absolute_uri(text), URI),
            TextFormat::Path => require(is_path(text), PATH),
            TextFormat::Scope => require(is_scope_token(text), SCOPE),
            TextFormat::Scopes => require(is_scopes(text), SCOPES),
            TextFormat::Quotable => require(!text.is_empty() && text.bytes().all(is_quotable), QUOTABLE),
            TextFormat::Authority => require(authority(text).is_some(), AUTHORITY),
        }
    }
}

const EMPTY: &str = "the text is empty: write a value, or leave the field out";
const CONTROL: &str = "take out the line end or other control character";
const FIELD_VALUE: &str = "write the value of a header field: visible ASCII characters, with single spaces or tabs only between them";
const FIELD_NAME: &str = "write the name of a header field: ASCII letters, digits and -, like X-User-Id";
const URI: &str = "write an absolute URI, like https://api.example.com or urn:example:api, without a fragment (#), \
                   spaces or control characters";
const PATH: &str =
    "write a path that begins with /, without a query (?), a fragment (#), spaces or control characters";
const SCOPE: &str = "write one scope: visible ASCII characters without spaces, quotes or backslashes";
const SCOPES: &str = "write one scope or several with a space between them: visible ASCII characters without quotes \
                      or backslashes";
const QUOTABLE: &str = "write printable ASCII characters without quotes or backslashes";
const AUTHORITY: &str = "write host:port, as in idp.example.com:443";
const URL: &str = "write an absolute URL, like https://idp.example.com/path";
const URL_CHARACTERS: &str = "take the spaces, control characters and other characters that no URL may hold out of \
                              this URL; percent-encode them where they are meant (RFC 3986)";
const URL_CREDENTIALS: &str = "take the user name and password (everything up to the @) out of the URL: credentials \
                               have fields of their own";
const URL_FRAGMENT: &str = "take the fragment (# and what follows) out of the URL";
const URL_PORT: &str = "write a port from 1 to 65535";

fn require(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// What the URL library would repair in silence is refused: the operator's text and the URL that is
/// called must be the same.
fn check_url(text: &str) -> Result<(), &'static str> {
    require(text.bytes().all(is_uri_character), URL_CHARACTERS)?;
    let (_, rest) = text.split_once("://").ok_or(URL)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    require(!authority.is_empty(), URL)?;
    require(!authority.contains('@'), URL_CREDENTIALS)?;
    let url = Url::parse(text).map_err(|_| URL)?;
    require(matches!(url.scheme(), "http" | "https"), URL)?;
    require(!text.contains('#'), URL_FRAGMENT)?;
    require(url.port() != Some(0), URL_PORT)
}

fn is_absolute_uri(text: &str) -> bool {
    text.bytes().all(is_uri_character) && !text.contains('#') && Url::parse(text).is_ok()
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| is_uri_character(byte) && !matches!(byte, b'?' | b'#'))
}

fn is_scopes(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(is_scope_token)
}

/// Unreserved, reserved and `%` (RFC 3986 section 2).
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// `field-value` (RFC 9110 section 5.5), ASCII only and not empty.
fn is_field_value(text: &str) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let edges = [text.as_bytes().first(), text.as_bytes().last()];
    edges.into_iter().all(|edge| edge.is_some_and(|byte| !is_blank(byte)))
        && text.bytes().all(|byte| byte.is_ascii_graphic() || is_blank(&byte))
}

fn is_quotable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')
}

/// Host and port in the spelling of [`crate::http::Endpoint::authority`].
pub(super) fn authority(text: &str) -> Option<String> {
    let (host, port) = text.rsplit_once(':')?;
    let host = url::Host::parse(host).ok()?;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| is_number && *port != 0)?;
    Some(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(form: TextFormat, texts: &[&str]) {
        for text in texts {
            assert_eq!(form.check(text), Ok(()), "{form:?} {text:?}");
        }
    }

    fn refused(form: TextFormat, texts: &[&str]) {
        for text in texts {
            assert!(form.check(text).is_err(), "{form:?} {text:?}");
        }
    }

    #[test]
    fn urls() {
        accepted(
            TextFormat::Url,
            &[
                "https://api.example.com/mcp?x=1",
                "HTTPS://api.example.com",
                "http://[::1]:8080/",
                "https://a/b%20c",
            ],
        );
        for (text, why) in [
            ("", URL),
            ("api.example.com/mcp", URL),
            ("https:api.example.com", URL),
            ("https:///api.example.com", URL),
            ("https://", URL),
            ("ftp://api.example.com/", URL),
            ("https://a:b/", URL),
            ("https://u:p@api.example.com/", URL_CREDENTIALS),
            ("https://@api.example.com/", URL_CREDENTIALS),
            ("https://api.example.com/mcp#f", URL_FRAGMENT),
            ("https://api.example.com/#", URL_FRAGMENT),
            ("https://api.example.com/\r\n", URL_CHARACTERS),
            (" https://api.example.com/", URL_CHARACTERS),
            ("https://api.example.com/a\tb", URL_CHARACTERS),
            ("https://api.example.com\\@evil.example.net/", URL_CHARACTERS),
            ("https://\u{e9}.example.com/", URL_CHARACTERS),
            ("https://api.example.com:0/", URL_PORT),
        ] {
            assert_eq!(TextFormat::Url.check(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn uris_and_paths() {
        accepted(
            TextFormat::Uri,
            &["urn:ietf:params:oauth:token-type:access_token", "https://a.example.com/", "api://x"],
        );
        refused(TextFormat::Uri, &["", "access_token", "https://a.example.com/#f", "urn:a b", "/mcp"]);
        accepted(TextFormat::UriOrNothing, &["", "urn:x:y"]);
        refused(TextFormat::UriOrNothing, &[" ", "x"]);
        accepted(TextFormat::Path, &["/", "/.well-known/oauth-protected-resource/mcp"]);
        refused(TextFormat::Path, &["", "mcp", "/a?b", "/a#b", "/a b", "/a\n", "https://a.example.com/"]);
    }

    #[test]
    fn header_fields() {
        accepted(TextFormat::HeaderName, &["X-User-Id", "x_user"]);
        refused(TextFormat::HeaderName, &["", ":path", "x user", "x:", "x\r\n", "\u{e9}"]);
        accepted(TextFormat::HeaderValue, &["a", "Basic abc==", "a\tb"]);
        refused(TextFormat::HeaderValue, &["", " a", "a ", "a\r\nb: c", "\u{e9}", "a\u{7f}"]);
    }

    #[test]
    fn scopes_and_quoted_text() {
        accepted(TextFormat::Scope, &["mcp:read", "https://api.example.com/.default"]);
        refused(TextFormat::Scope, &["", "a b", "a\"", "a\\", "\u{e9}"]);
        accepted(TextFormat::Scopes, &["a", "a b"]);
        refused(TextFormat::Scopes, &["", "a  b", " a", "a\tb"]);
        accepted(TextFormat::Quotable, &["my realm"]);
        refused(TextFormat::Quotable, &["", "a\"b", "a\\b", "a\nb", "\u{e9}"]);
    }

    #[test]
    fn secrets_and_plain_text() {
        accepted(TextFormat::Secret, &["***", "p+q/r=s t%\u{e9}"]);
        refused(TextFormat::Secret, &["", "a\nb"]);
        accepted(TextFormat::PrivateText, &["", "a b"]);
        refused(TextFormat::PrivateText, &["a\0"]);
        refused(TextFormat::Text, &["", "a\n"]);
    }

    #[test]
    fn authorities_are_spelt_as_endpoints_spell_them() {
        for (text, expected) in [
            ("idp.example.com:443", Some("idp.example.com:443")),
            ("IdP.Example.com:8443", Some("idp.example.com:8443")),
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("idp.example.com", None),
            ("idp.example.com:", None),
            ("idp.example.com:0", None),
            ("idp.example.com:+1", None),
            ("idp.example.com:99999", None),
            ("https://idp.example.com:443", None),
            ("::1:80", None),
            (":80", None),
            ("", None),
        ] {
            assert_eq!(authority(text).as_deref(), expected, "{text}");
            assert_eq!(TextFormat::Authority.check(text).is_ok(), expected.is_some(), "{text}");
        }
    }
}
