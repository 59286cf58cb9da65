//! The reference of every field, as Markdown.

use std::fmt::Write as _;
use token_exchange::config::fields::FIELDS;
use token_exchange::config::form::TextFormat;
use token_exchange::config::table::{Choice, DefaultValue, Field, FieldType, Origin, Support};

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "", FIELDS);
    page.push_str(CLAIMS_IN_HEADERS);
    page
}

const INTRODUCTION: &str = "\
<!-- Written from the table of fields in src/config/fields: change it there, then run `make docs`. -->

# Configuration reference

A configuration is one JSON object. `null` stands for a field that is not written. A field that is \
unknown, misspelt or cannot be honoured is a mistake, and a filter with a mistake in its configuration \
answers every request with 500; its log names each place by a JSON pointer and says what to write.

Any text may be a reference `{vault://env/NAME}` to an environment variable of the gateway: letters in \
upper case, `-` becomes `_`.

*Kong* marks the fields of Kong's plugin `ai-mcp-oauth2`; the others are this filter's own. Secrets are \
never shown in a log line or an answer.
";

/// What `header_value` in `src/flow/rewrite.rs` does.
const CLAIMS_IN_HEADERS: &str = "
## Claims in header fields

How `claim_to_header` and `upstream_headers` write the value of a claim. The request's own field of that name is \
taken off in every case (on Kong, where a field cannot be removed, it arrives empty), so that a field with a value is \
always the filter's. Where there is none, a line at level debug says so.

| claim | field |
| --- | --- |
| string | the text as it is |
| string that begins or ends with a blank, or has nothing else | none: recipients take blanks off, and one user's name \
must not become another's; blanks are SP, HTAB, the other white space of Unicode, and U+180E, U+200B, U+FEFF |
| empty string | a field with an empty value |
| number | as in JSON: `7`, `1.5` |
| whole number beyond 64 bits, other number from 2^53 on | none, as it cannot be read exactly; the same for such a \
number within an array or object |
| boolean | `true` or `false` |
| array, object | JSON on one line, without blanks between its parts, members in the order of their names: \
`[\"a\",\"b\"]`, `{\"a\":1}` |
| null, or no such claim | none |
| longer than 16,384 bytes as written here | none |
| string with a control character (U+0000 to U+001F, U+007F to U+009F) | none; within an array or object JSON escapes \
those below U+0020, and the others mean that there is no field |
| characters beyond ASCII | their bytes in UTF-8, not encoded further; within an array or object, too |
";

/// A table of `fields`, then those of the objects within.
fn section(page: &mut String, at: &str, fields: &[Field]) {
    if !at.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "\n## `{at}`");
    }
    page.push_str("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for field in fields {
        let _ = writeln!(
            page,
            "| `{}`{} | {} | {} | {} |",
            field.name,
            origin(field),
            cell(&kind(field.kind)),
            cell(&default(field)),
            cell(&meaning(field))
        );
    }
    for field in fields {
        let path = if at.is_empty() { field.name.to_owned() } else { format!("{at}.{}", field.name) };
        match field.kind {
            FieldType::Object(inner) => section(page, &path, inner),
            FieldType::Objects(inner) => section(page, &format!("{path}[]"), inner),
            _ => {}
        }
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn origin(field: &Field) -> &'static str {
    if field.origin == Origin::Kong { " *Kong*" } else { "" }
}

fn kind(kind: FieldType) -> String {
    match kind {
        FieldType::Boolean => "`true` or `false`".to_owned(),
        FieldType::Integer { minimum, maximum, .. } => format!("whole number, {minimum} to {maximum}"),
        FieldType::Number => "number".to_owned(),
        FieldType::OneOf(choices) => words(choices),
        FieldType::Text(form) => name_of(form).to_owned(),
        FieldType::List { of, at_least } => list(of, at_least),
        FieldType::TextOrList(form) => format!("{}, or {}", name_of(form), list(form, 0)),
        FieldType::TextMap { names, values } => {
            format!("object: for each {} a {}", name_of(names), name_of(values))
        }
        FieldType::ListMap { names, values } => {
            format!("object: for each {} a {}", name_of(names), list(values, 1))
        }
        FieldType::Object(_) => "object, see below".to_owned(),
        FieldType::Objects(_) => "list of objects, see below".to_owned(),
        FieldType::Jwk => "JWK, as an object or as text".to_owned(),
        FieldType::JwkSet => "JWK Set, as an object or as text".to_owned(),
    }
}

fn list(of: TextFormat, at_least: usize) -> String {
    let at_least = if at_least > 0 { format!(", at least {at_least}") } else { String::new() };
    let texts = match of {
        TextFormat::Scopes => "texts of scopes".to_owned(),
        other => format!("{}s", name_of(other)),
    };
    format!("list of {texts}{at_least}")
}

fn words(choices: &[Choice]) -> String {
    let word = |choice: &Choice| match choice.support {
        Support::Honoured => format!("`{}`", choice.word),
        Support::NotSupportedYet => format!("`{}` (not supported yet)", choice.word),
        Support::HostProvides(_) => format!("`{}` (the gateway's)", choice.word),
    };
    choices.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn name_of(form: TextFormat) -> &'static str {
    match form {
        TextFormat::Text => "text",
        TextFormat::Secret => "secret",
        TextFormat::PrivateText => "text (kept secret)",
        TextFormat::Document => "document (kept secret)",
        TextFormat::HeaderValue => "field value (kept secret)",
        TextFormat::HeaderName => "field name",
        TextFormat::Url => "URL",
        TextFormat::Uri => "URI",
        TextFormat::UriOrNothing => "URI, or empty text",
        TextFormat::Path => "path",
        TextFormat::Scope => "scope",
        TextFormat::Scopes => "scopes",
        TextFormat::Quotable => "printable ASCII",
        TextFormat::Authority => "host:port",
    }
}

/// What is accepted of a field that is not acted on.
fn accepted(field: &Field) -> String {
    let others: Vec<_> = field.other_defaults.iter().map(|other| other.to_json().to_string()).collect();
    match field.waived_by {
        Some(switch) if switch == field.name => "either value is".to_owned(),
        Some(switch) => format!("with `{switch}: true` any value, else only the default is"),
        None if others.is_empty() => "only the default is".to_owned(),
        None => format!("only the default and those of other releases ({}) are", others.join(", ")),
    }
}

fn default(field: &Field) -> String {
    match field.default {
        DefaultValue::Unset if field.required => "**required**".to_owned(),
        DefaultValue::Unset => String::new(),
        DefaultValue::Derived(from) => from.to_owned(),
        other => format!("`{}`", other.to_json()),
    }
}

fn meaning(field: &Field) -> String {
    match field.support {
        Support::Honoured => field.description.to_owned(),
        Support::NotSupportedYet => {
            format!("{} **Not supported yet**: only the default is accepted.", field.description)
        }
        Support::HostProvides(instead) => {
            let accepted = accepted(field);
            format!("{} **The gateway's**, {accepted} accepted: {instead}.", field.description)
        }
    }
}
