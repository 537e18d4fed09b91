//! Operations on the members of a group.
//!
//! Members are rows and not part of the document, so an operation becomes a
//! [`MemberChange`]: what it costs is what it changes.

use serde_json::Value;

use super::{
    MemberChange, Step, Verb,
    parse::{Parser, syntax},
    target::one_or_more,
};
use crate::scim::{
    ScimError,
    filter::{CheckedFilter, CompareOp, Filter, Literal},
    notice::NoticeKind,
    resource::read_members,
};

impl Parser<'_> {
    /// An operation at `members`.
    ///
    /// A `remove` with a list removes those alone, in the dialects that send it
    /// so. By the letter of RFC 7644 §3.5.2.2 it would empty the group, which is
    /// never what was meant: without that tolerance it is refused.
    pub(super) fn at_members(&mut self, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        let change = match (verb, value) {
            (Verb::Add, value) => {
                let value = one_or_more(value.unwrap_or_default());
                MemberChange::Add(read_members(&mut self.reader, value)?)
            }
            (Verb::Replace, value) => {
                MemberChange::Replace(read_members(&mut self.reader, value.unwrap_or_default())?)
            }
            (Verb::Remove, None | Some(Value::Null)) => MemberChange::Replace(Vec::new()),
            (Verb::Remove, Some(_)) if !self.reader.leniency.remove_listed => {
                return Err(syntax("`remove` takes no `value`; use `members[value eq \"…\"]`"));
            }
            (Verb::Remove, Some(value)) => {
                let members = read_members(&mut self.reader, value)?;
                MemberChange::Remove(members.into_iter().map(|member| member.value).collect())
            }
        };
        let changes = match &change {
            MemberChange::Add(members) => !members.is_empty(),
            MemberChange::Remove(values) => !values.is_empty(),
            MemberChange::Replace(_) | MemberChange::RemoveWhere(_) => true,
        };
        if changes {
            self.steps.push(Step::Members(change));
        }
        Ok(())
    }

    /// An operation at `members[…]`.
    ///
    /// The parts of a member are immutable (RFC 7643 §4.2), although RFC 7644
    /// has an example that sets one; a tolerant dialect overlooks `display`,
    /// which is derived from the member.
    pub(super) fn at_some_members(
        &mut self,
        verb: Verb,
        filter: &Filter,
        checked: CheckedFilter,
        sub: Option<&str>,
    ) -> Result<(), ScimError> {
        match (verb, sub) {
            (Verb::Remove, None) => {
                let change = match values(filter) {
                    Some(values) => MemberChange::Remove(values),
                    None => MemberChange::RemoveWhere(checked),
                };
                self.steps.push(Step::Members(change));
                Ok(())
            }
            (_, Some(sub)) if self.reader.leniency.ignore_unknown && is_display(sub) => {
                self.reader.note(NoticeKind::ReadOnly, "members.display");
                Ok(())
            }
            _ => Err(ScimError::Mutability {
                path: sub.map_or("members".to_owned(), |sub| format!("members.{sub}")),
                mutability: "immutable",
            }),
        }
    }
}

/// The ids in `value eq "…" or value eq "…"`: nobody else has to be looked at.
fn values(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) } => {
            path.name.eq_ignore_ascii_case("value").then(|| vec![value.clone()])
        }
        Filter::Or(terms) => {
            terms.iter().map(values).collect::<Option<Vec<_>>>().map(|all| all.concat())
        }
        _ => None,
    }
}

fn is_display(sub: &str) -> bool {
    sub.eq_ignore_ascii_case("display") || sub.eq_ignore_ascii_case("displayName")
}
