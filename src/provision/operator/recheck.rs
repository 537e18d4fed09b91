//! Whether what is stored fits changed schemas.

use super::OperatorError;
use crate::{
    scim::{
        resource::{Document, check_stored, may_conflict},
        schema::{Registry, ResourceType},
    },
    store::{Reindex, StoreError, TenantTx},
};

/// Most resources of a type that are looked through for one change.
const LOOKED_THROUGH: i64 = 100_000;
/// Resources read at a time.
const PAGE: i64 = 500;

/// Refuses the change from `old` to `new` if a stored resource stands in its way,
/// and makes the keys that the new schemas ask for.
pub(super) async fn recheck(
    tx: &TenantTx,
    old: &Registry,
    new: &Registry,
) -> Result<(), OperatorError> {
    for before in old.resource_types() {
        match new.by_code(before.code) {
            Some(after) if may_conflict(before, after) => look_through(tx, before, after).await?,
            Some(_) => (),
            None => {
                let count = tx.count_of_type(before.code, LOOKED_THROUGH).await?;
                if 0 < count {
                    let (name, noun) = (&before.name, noun(count));
                    return in_use(format!("resource type `{name}` still has {count} {noun}"));
                }
            }
        }
    }
    Ok(())
}

async fn look_through(
    tx: &TenantTx,
    before: &ResourceType,
    after: &ResourceType,
) -> Result<(), OperatorError> {
    let (code, name) = (before.code, &before.name);
    let total = tx.count_of_type(code, LOOKED_THROUGH + 1).await?;
    if LOOKED_THROUGH < total {
        return in_use(format!(
            "resource type `{name}` has more than {LOOKED_THROUGH} resources, too many to check \
             against the change"
        ));
    }
    let (olds, news) = (before.indexed_attributes(), after.indexed_attributes());
    for gone in olds.iter().filter(|old| !news.iter().any(|new| new.has_keys_of(old))) {
        tx.drop_keys(code, &gone.path).await?;
    }
    let fresh = news.iter().filter(|new| !olds.iter().any(|old| new.has_keys_of(old)));
    let mut keys = Reindex::new(code, fresh.cloned().collect());
    let (mut against, mut reason, mut last) = (0_i64, None, None);
    loop {
        let page = tx.resources_of_type(code, last, PAGE).await?;
        for stored in &page {
            let document = Document::from_json(&stored.document)
                .map_err(|error| StoreError::Damaged(error.to_string()))?;
            let fault = match check_stored(before, after, &document) {
                Err(error) => Some(error.to_string()),
                Ok(()) => keys
                    .collect(stored.id, &document)
                    .map(|path| format!("another resource has the same value of `{path}`")),
            };
            against += i64::from(fault.is_some());
            reason = reason.or(fault);
        }
        if against == 0 {
            tx.add_keys(&mut keys).await?;
        }
        match page.last() {
            Some(stored) => last = Some(stored.id),
            None => break,
        }
    }
    match reason {
        Some(reason) => in_use(format!(
            "{against} of {total} {} of type `{name}` {} in the way; of the first, {reason}",
            noun(total),
            if against == 1 { "stands" } else { "stand" },
        )),
        None => Ok(()),
    }
}

fn noun(count: i64) -> &'static str {
    if count == 1 { "resource" } else { "resources" }
}

fn in_use(detail: String) -> Result<(), OperatorError> {
    Err(OperatorError::InUse(detail))
}
