//! Who hears that somebody may log in again.

use std::collections::HashSet;

use crate::{
    event::EventUri,
    scim::resource::ResourceId,
    store::{StoreError, TenantTx},
    tenant::StreamId,
};

/// The receivers that hear that a person may log in again, if they are not all:
/// at an application that the person is not let in to, the account stays as it is
/// until one of its groups has the person.
///
/// Changes of groups wait from here on until the transaction ends: one that saw
/// the person inactive would else tell the application nothing either.
///
/// # Errors
///
/// [`StoreError`] if the database fails.
pub(in crate::provision) async fn hearers_of_return(
    tx: &TenantTx,
    person: ResourceId,
) -> Result<Option<Vec<StreamId>>, StoreError> {
    let mut hearers = tx.hearers().await?;
    hearers.retain(|hearer| hearer.carries(EventUri::AccountEnabled));
    let mut gated = tx.applications().await?;
    gated.retain(|application| {
        hearers.iter().any(|hearer| hearer.application == Some(application.id))
    });
    if gated.is_empty() {
        return Ok(None);
    }
    let ids: Vec<_> = gated.iter().map(|application| application.id).collect();
    let gates = tx.gates_of(&[person], &ids).await?.remove(&person).unwrap_or_default();
    gated.retain(|application| !application.groups.iter().any(|group| gates.contains(group)));
    if gated.is_empty() {
        return Ok(None);
    }
    let is_shut = |id| gated.iter().any(|application| Some(application.id) == id);
    let deaf: HashSet<StreamId> = hearers
        .iter()
        .filter(|hearer| is_shut(hearer.application))
        .map(|hearer| hearer.stream)
        .collect();
    let all = tx.namings(EventUri::AccountEnabled).await?;
    Ok(Some(all.iter().map(|named| named.stream).filter(|it| !deaf.contains(it)).collect()))
}
