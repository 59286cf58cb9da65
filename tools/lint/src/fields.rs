//! How it stands with each field of one configuration.

use super::unknown;
use super::{Line, Verdict};
use serde_json::{Map, Value};
use token_exchange::config;
use token_exchange::config::fields::FIELDS;
use token_exchange::config::table::{Field, FieldType, Support};
use token_exchange::diagnostic::Diagnostic;
use token_exchange::policy::Policy;

/// What the filter would say.
pub(crate) struct Judgement {
    /// A line for every field that is written, and for every mistake.
    pub(crate) lines: Vec<Line>,
    /// What the filter would do, where there is no mistake.
    pub(crate) policy: Option<Policy>,
}

/// Judges `config` as the filter would, with this `environment`.
pub(crate) fn judge(config: &Map<String, Value>, environment: &dyn Fn(&str) -> Option<String>) -> Judgement {
    let as_written = Value::Object(config.clone());
    let config = unknown::without_placeholders(&as_written);
    let (policy, warnings, mistakes) = match config::load(config.to_string().as_bytes(), environment) {
        Ok(loaded) => (Some(loaded.policy), loaded.warnings, Vec::new()),
        Err(mistakes) => (None, Vec::new(), mistakes),
    };
    let is_unknown = |pointer: &str| {
        let variable = config.pointer(pointer).and_then(unknown::variable);
        variable.filter(|name| environment(name) == Some(unknown::stand_in(name)))
    };
    // Whatever a reference stands for is text, and so is a mistake where text is not meant.
    let may_be_right = |pointer: &str| {
        as_written.pointer(pointer).is_some_and(unknown::is_placeholder) || takes_text(FIELDS, pointer)
    };
    let mistakes = mistakes
        .into_iter()
        .filter(|mistake| is_unknown(&mistake.pointer).is_none() || !may_be_right(&mistake.pointer))
        .collect();
    let mut judge = Judge { mistakes, lines: Vec::new() };
    if let Value::Object(written) = &config {
        judge.object(FIELDS, written, "");
    }
    let Judge { mistakes, mut lines } = judge;
    for line in lines.iter_mut().filter(|line| line.verdict == Verdict::Supported) {
        let items = config.pointer(&line.pointer).and_then(Value::as_array).map_or(0, Vec::len);
        let items = (0..items).map(|index| format!("{}/{index}", line.pointer));
        let names: Vec<_> =
            std::iter::once(line.pointer.clone()).chain(items).filter_map(|at| is_unknown(&at)).collect();
        if !names.is_empty() {
            line.verdict = Verdict::Unknown;
            line.text = format!("not known here: {}", names.join(", "));
        }
    }
    lines.extend(mistakes.into_iter().map(|mistake| line(Verdict::Mistake, mistake)));
    lines.extend(
        warnings.into_iter().map(|warning| Line::new(Verdict::Warning, warning.pointer, warning.message)),
    );
    Judgement { lines, policy }
}

fn line(verdict: Verdict, mistake: Diagnostic) -> Line {
    Line::new(verdict, mistake.pointer, mistake.message)
}

/// Goes through what is written, and takes the mistakes along.
struct Judge {
    mistakes: Vec<Diagnostic>,
    lines: Vec<Line>,
}

impl Judge {
    fn object(&mut self, fields: &[Field], written: &Map<String, Value>, at: &str) {
        for field in fields {
            let value = written.get(field.name).filter(|value| !value.is_null());
            if let Some(value) = value {
                self.field(field, value, &format!("{at}/{}", field.name));
            }
        }
    }

    fn field(&mut self, field: &Field, value: &Value, at: &str) {
        match (field.support, field.kind, value) {
            (Support::Honoured, FieldType::Object(inner), Value::Object(members)) => {
                self.object(inner, members, at);
            }
            (Support::Honoured, FieldType::Objects(inner), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Object(members) = item {
                        self.object(inner, members, &format!("{at}/{index}"));
                    }
                }
            }
            _ => self.leaf(field, value, at),
        }
    }

    fn leaf(&mut self, field: &Field, value: &Value, at: &str) {
        let (here, elsewhere) = std::mem::take(&mut self.mistakes)
            .into_iter()
            .partition(|mistake| is_within(&mistake.pointer, at));
        self.mistakes = elsewhere;
        let here: Vec<Diagnostic> = here;
        if here.is_empty() {
            self.lines.push(match field.support {
                Support::Honoured => Line::new(Verdict::Supported, at, ""),
                Support::HostProvides(instead) => Line::new(Verdict::Host, at, instead),
                Support::NotSupportedYet => {
                    Line::new(Verdict::Supported, at, "this is the default; nothing else is supported yet")
                }
            });
        }
        let verdict = if is_refused(field, value) { Verdict::Refused } else { Verdict::Mistake };
        self.lines.extend(here.into_iter().map(|mistake| line(verdict, mistake)));
    }
}

/// Whether what is asked for is known, and yet not to be had.
fn is_refused(field: &Field, value: &Value) -> bool {
    match field.kind {
        _ if field.support != Support::Honoured => true,
        FieldType::OneOf(choices) => choices
            .iter()
            .any(|choice| Some(choice.word) == value.as_str() && choice.support != Support::Honoured),
        _ => false,
    }
}

/// Whether text is meant at `pointer`, below an object with these `fields`.
fn takes_text(fields: &[Field], pointer: &str) -> bool {
    let Some((name, rest)) =
        pointer.strip_prefix('/').map(|path| path.split_at(path.find('/').unwrap_or(path.len())))
    else {
        return false;
    };
    let Some(field) = fields.iter().find(|field| field.name == name) else { return false };
    let levels = rest.matches('/').count();
    field.support == Support::Honoured
        && match field.kind {
            FieldType::Text(_) | FieldType::Jwk | FieldType::JwkSet => levels == 0,
            FieldType::List { .. } | FieldType::TextMap { .. } => levels == 1,
            FieldType::TextOrList(_) => levels < 2,
            FieldType::ListMap { .. } => levels == 2,
            FieldType::Object(inner) => takes_text(inner, rest),
            FieldType::Objects(inner) => {
                let item =
                    rest.strip_prefix('/').and_then(|rest| rest.find('/').and_then(|end| rest.get(end..)));
                item.is_some_and(|item| takes_text(inner, item))
            }
            FieldType::Boolean | FieldType::Integer { .. } | FieldType::Number | FieldType::OneOf(_) => false,
        }
}

/// Whether `inner` is `outer` or stands within it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
