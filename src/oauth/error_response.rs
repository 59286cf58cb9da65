//! What an authorization server says when it refuses (RFC 6749 section 5.2).

use serde_json::{Map, Value};

/// An OAuth error. The server's prose is kept for the log alone: no answer to a client repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    /// `error`
    pub error: String,
    /// `error_description`, where it is a string.
    pub error_description: Option<String>,
}

impl ErrorResponse {
    /// Reads the members of an answer; `None` where there is no `error`, or an empty one. An
    /// `error` that is not a string (Google's RPC errors are objects) has the code `""`.
    pub fn from_members(members: &Map<String, Value>) -> Option<ErrorResponse> {
        let error = match members.get("error")? {
            Value::Null => return None,
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => text.clone(),
            _ => String::new(),
        };
        let error_description = members.get("error_description").and_then(Value::as_str).map(str::to_owned);
        Some(ErrorResponse { error, error_description })
    }
}
