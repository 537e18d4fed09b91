//! The second sweep: a session store that cannot keep people out is told twice to
//! end their sessions. A login that was under way when it was told first may have
//! made one more.
//!
//! The delivery itself waits for it, in the lane of what is replayed, so that it
//! outlives the process, holds up nothing and stays confirmed. Whoever may log in
//! by then is left alone.

use std::time::Duration;

use super::{Commanded, Outcome};
use crate::{
    event::EventUri,
    store::{Claim, DeliveryMethod, Store, StoreError},
};

/// How long after the first one.
pub(super) const AFTER: Duration = Duration::from_mins(1);

/// Whether the target has to be told again.
pub(super) async fn is_wanted(
    store: &Store,
    claim: &Claim,
    outcome: &Outcome,
) -> Result<bool, StoreError> {
    use Commanded::{Accepted, Confirmed};
    let is_first = claim.uri == EventUri::SessionRevoked && !claim.is_again;
    let is_carried_out = matches!(outcome, Outcome::Commanded(Confirmed { .. } | Accepted));
    let is_open = is_connector(claim) && claim.stream.settings.get("disable") != Some(&true.into());
    Ok(is_first && is_carried_out && is_open && !may_log_in(store, claim).await?)
}

/// Whether a claim that the receiver had before would end the sessions of somebody
/// who may have them by now.
pub(super) async fn is_outdated(store: &Store, claim: &Claim) -> Result<bool, StoreError> {
    Ok(claim.is_again && is_connector(claim) && may_log_in(store, claim).await?)
}

fn is_connector(claim: &Claim) -> bool {
    match &claim.stream.method {
        DeliveryMethod::Sink { kind, .. } => kind.is_connector(),
        DeliveryMethod::Push { .. } | DeliveryMethod::Poll => false,
    }
}

async fn may_log_in(store: &Store, claim: &Claim) -> Result<bool, StoreError> {
    store.tenant(claim.stream.tenant).is_active(claim.subject_key).await
}
