//! Settings by which Kong's plugin refuses tokens unless a switch beside them says otherwise, such as those of
//! consumers. The filter does not act on them: with the switch on Kong refuses no token for want of them, and the
//! filter takes them with a warning; without it, to leave them out would let more tokens in, and it refuses them.

use super::Reader;
use crate::config::table::{Field, Support};
use crate::diagnostic::DiagnosticKind;
use crate::text::pointer_to;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Reader<'_> {
    /// Takes the fields with a switch out of what is `written`, and says once for each switch how it stands with them.
    pub(super) fn waived(&mut self, fields: &[Field], written: &mut Map<String, Value>, at: &str) {
        let mut by_switch: BTreeMap<_, Vec<&Field>> = BTreeMap::new();
        for field in fields {
            if let Some(switch) = field.waived_by {
                by_switch.entry(switch).or_default().push(field);
            }
        }
        for (switch, fields) in by_switch {
            let is_on = written.get(switch) == Some(&Value::Bool(true));
            let mut set = Vec::new();
            for field in fields {
                let value = written.remove(field.name).unwrap_or_default();
                let pointer = pointer_to(at, field.name);
                if !field.is_default(&value) && self.value(field.kind, value, &pointer).is_some() {
                    set.push(field);
                }
            }
            self.judge(switch, is_on, &set, at);
        }
    }

    fn judge(&mut self, switch: &str, is_on: bool, set: &[&Field], at: &str) {
        let Some(first) = set.first() else { return };
        let Support::HostProvides(reason) = first.support else { return };
        let pointer = pointer_to(at, first.name);
        if is_on {
            let sentence = format!("not acted on, and taken because {switch} is true: {reason}");
            self.diagnostics.warning(DiagnosticKind::NoEffect, &pointer, sentence);
            return;
        }
        let instead = super::instead(first.default);
        let others: Vec<_> = set.iter().skip(1).map(|field| field.name).collect();
        let others =
            if others.is_empty() { String::new() } else { format!(" (the same with {})", others.join(", ")) };
        let sentence = format!(
            "{reason}; {instead}{others}, or set {switch} to true if tokens may pass without what this asks for"
        );
        self.diagnostics.error(DiagnosticKind::SetInGateway, &pointer, sentence);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{loads, mistaken, warnings, with};
    use serde_json::{Value, json};

    const CLAIM: &str = "/consumer_claim";
    const BY: &str = "/consumer_by";
    const OPTIONAL: &str = "/consumer_optional";
    const GROUPS: &str = "/consumer_groups_claim";
    const GROUPS_OPTIONAL: &str = "/consumer_groups_optional";
    const CREDENTIAL: &str = "/credential_claim";

    fn sentences(changes: &[(&str, Value)]) -> Vec<String> {
        match loads(&with(changes)) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn consumers_that_tokens_need_are_refused_once() {
        let claim = || (CLAIM, json!(["sub"]));
        for changes in [
            vec![claim()],
            vec![claim(), (OPTIONAL, json!(false))],
            vec![claim(), (OPTIONAL, json!(null))],
            vec![claim(), (GROUPS_OPTIONAL, json!(true)), (GROUPS, json!(["groups"]))],
            vec![claim(), (BY, json!(["username", "custom_id"]))],
            vec![claim(), (BY, json!(["username"])), (CREDENTIAL, json!(["email"]))],
        ] {
            assert_eq!(mistaken(&changes), [CLAIM], "{changes:?}");
        }
        let all = [claim(), (BY, json!(["username"])), (CREDENTIAL, json!(["email"]))];
        let sentence = &sentences(&all)[0];
        assert!(sentence.contains("the same with consumer_by, credential_claim"), "{sentence}");
        assert!(sentence.contains("set consumer_optional to true"), "{sentence}");
        assert_eq!(mistaken(&[(BY, json!(["id"]))]), [BY]);
        assert_eq!(mistaken(&[(CREDENTIAL, json!(["email"]))]), [CREDENTIAL]);
        let groups = [(GROUPS, json!(["groups"])), (OPTIONAL, json!(true))];
        assert_eq!(mistaken(&groups), [GROUPS], "the switch of consumers is not that of groups");
        assert_eq!(mistaken(&[claim(), groups[0].clone()]), [CLAIM, GROUPS]);
    }

    #[test]
    fn consumers_that_no_token_needs_are_a_warning() {
        let optional = || (OPTIONAL, json!(true));
        for changes in [
            vec![(CLAIM, json!(["sub"])), optional()],
            vec![(CLAIM, json!(["sub"])), (BY, json!(["id"])), (CREDENTIAL, json!(["email"])), optional()],
        ] {
            let warnings = warnings(&changes);
            assert!(warnings.len() == 1 && warnings[0].starts_with(CLAIM), "{warnings:?}");
            assert!(warnings[0].contains("consumer_optional is true"), "{warnings:?}");
        }
        let alone = warnings(&[optional()]);
        assert!(alone.len() == 1 && alone[0].starts_with(OPTIONAL), "{alone:?}");
        let groups = [(GROUPS, json!(["groups"])), (GROUPS_OPTIONAL, json!(true)), optional()];
        let both = warnings(&groups);
        assert!(both.len() == 2 && both.iter().any(|warning| warning.starts_with(GROUPS)), "{both:?}");
        let as_default = [(BY, json!(["username", "custom_id"])), (CREDENTIAL, json!(["sub"]))];
        assert_eq!(warnings(&as_default), Vec::<String>::new());
        let policy = |changes: &[(&str, Value)]| loads(&with(changes)).unwrap().policy.digest;
        assert_eq!(policy(&groups), policy(&[]), "they change nothing");
    }

    #[test]
    fn what_kong_would_not_take_is_refused_with_the_switch_on_too() {
        let optional = || (OPTIONAL, json!(true));
        for (pointer, value) in [
            (CLAIM, json!("sub")),
            (CLAIM, json!([])),
            (BY, json!({"a": 1})),
            (CREDENTIAL, json!(5)),
            (GROUPS, json!("groups")),
        ] {
            let mistaken = mistaken(&[(pointer, value.clone()), optional()]);
            assert_eq!(mistaken, [pointer], "{value}");
        }
        assert_eq!(mistaken(&[(CLAIM, json!(["sub", 5])), optional()]), ["/consumer_claim/1"]);
        for word in [json!("true"), json!(1), json!(["true"])] {
            assert_eq!(mistaken(&[(CLAIM, json!(["sub"])), (OPTIONAL, word)]), [CLAIM, OPTIONAL]);
        }
    }
}
