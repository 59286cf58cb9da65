//! The reference of every field, as Markdown.

use std::fmt::Write as _;
use token_exchange::config::fields::FIELDS;
use token_exchange::config::form::Form;
use token_exchange::config::table::{Choice, DefaultValue, Field, Kind, Origin, Support};

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "", FIELDS);
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
            Kind::Object(inner) => section(page, &path, inner),
            Kind::Objects(inner) => section(page, &format!("{path}[]"), inner),
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

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Boolean => "`true` or `false`".to_owned(),
        Kind::Integer { minimum, maximum, .. } => format!("whole number, {minimum} to {maximum}"),
        Kind::Number => "number".to_owned(),
        Kind::OneOf(choices) => words(choices),
        Kind::Text(form) => name_of(form).to_owned(),
        Kind::List { of, at_least } => list(of, at_least),
        Kind::TextOrList(form) => format!("{}, or {}", name_of(form), list(form, 0)),
        Kind::TextMap { names, values } => {
            format!("object: for each {} a {}", name_of(names), name_of(values))
        }
        Kind::ListMap { names, values } => {
            format!("object: for each {} a {}", name_of(names), list(values, 1))
        }
        Kind::Object(_) => "object, see below".to_owned(),
        Kind::Objects(_) => "list of objects, see below".to_owned(),
        Kind::Jwk => "JWK, as an object or as text".to_owned(),
        Kind::JwkSet => "JWK Set, as an object or as text".to_owned(),
    }
}

fn list(of: Form, at_least: usize) -> String {
    let at_least = if at_least > 0 { format!(", at least {at_least}") } else { String::new() };
    let texts = match of {
        Form::Scopes => "texts of scopes".to_owned(),
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

fn name_of(form: Form) -> &'static str {
    match form {
        Form::Text => "text",
        Form::Secret => "secret",
        Form::PrivateText => "text (kept secret)",
        Form::Document => "document (kept secret)",
        Form::HeaderValue => "field value (kept secret)",
        Form::HeaderName => "field name",
        Form::Url => "URL",
        Form::Uri => "URI",
        Form::UriOrNothing => "URI, or empty text",
        Form::Path => "path",
        Form::Scope => "scope",
        Form::Scopes => "scopes",
        Form::Quotable => "printable ASCII",
        Form::Authority => "host:port",
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
            format!("{} **The gateway's**, only the default is accepted: {instead}.", field.description)
        }
    }
}
