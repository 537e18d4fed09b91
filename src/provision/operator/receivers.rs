//! Receivers: OAuth clients that manage event streams of their own.

use std::time::Duration;

use uuid::Uuid;

use super::{
    IssuedReceiver, NewReceiver, Operator, OperatorError, ReceiverRecord,
    tenants::{check_name, taken},
};
use crate::{
    store::{NewReceiverRow, UniqueKey},
    tenant::{ReceiverId, Scope, Token, TokenKind},
};

/// Receivers of a tenant that are not revoked.
const MOST: usize = 1_000;
/// The shortest time without a sign of a receiver after which its streams may be
/// paused: who polls once a day survives a long weekend.
const SHORTEST_INACTIVITY: Duration = Duration::from_secs(7 * 24 * 3600);

impl Operator {
    /// Makes a receiver; its secret is in the answer and nowhere else.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Exists`] if the name is taken; [`OperatorError::Invalid`] if
    /// the name cannot stand in a URL, a scope is not for receivers, or the streams
    /// would be paused too soon; [`OperatorError::InUse`] if there are too many.
    pub async fn create_receiver(
        &self,
        tenant: &str,
        new: NewReceiver,
    ) -> Result<IssuedReceiver, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        check_name("receiver", &new.name)?;
        check(&new)?;
        let known = store.receivers().await?;
        if MOST <= known.iter().filter(|row| row.revoked_us.is_none()).count() {
            return Err(OperatorError::InUse(format!("the tenant has {MOST} receivers already")));
        }
        let id = ReceiverId(self.clock.new_id());
        let secret = Token::new(TokenKind::Receiver, self.clock.random());
        let row = NewReceiverRow {
            id,
            name: new.name,
            secret: secret.hash(),
            scopes: new.scopes,
            inactivity_s: new
                .inactivity_timeout
                .map(|it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX)),
            created_us: self.clock.now_us(),
        };
        let kept = store.insert_receiver(&row).await;
        kept.map_err(|error| taken(error, UniqueKey::ReceiverName, "receiver", &row.name))?;
        let known = store.receivers().await?;
        let record = known.into_iter().find(|row| row.id == id).map(ReceiverRecord::from);
        let record = record.ok_or_else(|| OperatorError::NotFound(format!("receiver `{id}`")))?;
        let token_url = format!("{}/t/{tenant}/oauth/token", self.public_url);
        Ok(IssuedReceiver { record, token_url, client_secret: secret.into_secret() })
    }

    /// The receivers of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn receivers(&self, tenant: &str) -> Result<Vec<ReceiverRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.receivers().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Ends a receiver: its secret, its tokens, and its streams with what they hold.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such receiver.
    pub async fn revoke_receiver(&self, tenant: &str, id: Uuid) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        match store.revoke_receiver(ReceiverId(id), self.clock.now_us()).await? {
            true => Ok(()),
            false => Err(OperatorError::NotFound(format!("receiver `{id}`"))),
        }
    }
}

fn check(new: &NewReceiver) -> Result<(), OperatorError> {
    if new.scopes.is_empty() || new.scopes.iter().any(|it| !Scope::OF_RECEIVERS.contains(it)) {
        let known = Scope::list(&Scope::OF_RECEIVERS);
        return Err(OperatorError::Invalid(format!("a receiver has some of the scopes {known}")));
    }
    match new.inactivity_timeout {
        Some(timeout) if timeout < SHORTEST_INACTIVITY => Err(OperatorError::Invalid(
            "an inactivity timeout is at least 7 days: a paused stream ends no sessions".to_owned(),
        )),
        _ => Ok(()),
    }
}
