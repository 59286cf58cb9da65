//! Files with placeholders of decK's that are no YAML until decK has put the values in, such as
//! `"${{ env "DECK_NAME" }}"`: they are read with something in place of each placeholder that is YAML anywhere.

use serde_json::Value;

/// Private use characters: what stands between them is the number of a placeholder.
const BEGIN: char = '\u{e000}';
const END: char = '\u{e001}';

/// A text with a mark in place of each placeholder.
pub(crate) struct Marked<'a> {
    /// The text.
    pub(crate) text: String,
    placeholders: Vec<&'a str>,
}

impl<'a> Marked<'a> {
    /// Marks the placeholders in `text`; `None` where there are none, or where a mark would not be one.
    pub(crate) fn new(text: &'a str) -> Option<Marked<'a>> {
        if text.contains([BEGIN, END]) {
            return None;
        }
        let mut marked = Marked { text: String::new(), placeholders: Vec::new() };
        let mut rest = text;
        while let Some((before, from)) = split_at(rest, "${{") {
            marked.text.push_str(before);
            let line = from.lines().next().unwrap_or_default();
            let end = line.find("}}").and_then(|end| end.checked_add(2));
            match end.and_then(|end| from.split_at_checked(end)) {
                Some((placeholder, after)) => {
                    marked.text.push_str(&format!("{BEGIN}{}{END}", marked.placeholders.len()));
                    marked.placeholders.push(placeholder);
                    rest = after;
                }
                None => {
                    let (opening, after) = from.split_at_checked(3).unwrap_or((from, ""));
                    marked.text.push_str(opening);
                    rest = after;
                }
            }
        }
        marked.text.push_str(rest);
        (!marked.placeholders.is_empty()).then_some(marked)
    }

    /// What was read, with the placeholders in it.
    pub(crate) fn restore(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.restore(item)).collect(),
            Value::Object(members) => {
                let restored =
                    members.into_iter().map(|(name, value)| (self.text(&name), self.restore(value)));
                Value::Object(restored.collect())
            }
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        let mut pieces = text.split(BEGIN);
        let mut restored = pieces.next().unwrap_or_default().to_owned();
        for (number, after) in pieces.filter_map(|piece| piece.split_once(END)) {
            let placeholder = number.parse::<usize>().ok().and_then(|number| self.placeholders.get(number));
            restored.push_str(placeholder.copied().unwrap_or_default());
            restored.push_str(after);
        }
        restored
    }
}

/// What stands before `mark`, and the rest from it on.
fn split_at<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    text.split_at_checked(text.find(mark)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_placeholder_is_what_it_was_wherever_it_stands() {
        let text = "a: \"${{ env \"DECK_A\" }}\"\nb: {c: ${{ env \"DECK_B\" | toInt }}}\n\"${{env \"K\"}}x\": '}}'\n";
        let marked = Marked::new(text).unwrap();
        let read: Value = serde_saphyr::from_str(&marked.text).unwrap();
        let expected = json!({
            "a": "${{ env \"DECK_A\" }}", "b": {"c": "${{ env \"DECK_B\" | toInt }}"}, "${{env \"K\"}}x": "}}"
        });
        assert_eq!(marked.restore(read), expected);
        let half = Marked::new("a: ${{ x\nb: }}\nc: ${{ y }}").unwrap();
        assert_eq!(half.text, "a: ${{ x\nb: }}\nc: \u{e000}0\u{e001}");
    }

    #[test]
    fn what_has_no_placeholder_is_left_alone() {
        for text in ["", "a: 1", "${{", "a: ${{ x\n}}", "a: \u{e000}0\u{e001} ${{ x }}"] {
            assert!(Marked::new(text).is_none(), "{text}");
        }
    }
}
