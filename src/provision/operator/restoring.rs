//! Deleted users: who they are, and how they come back or go for good.

use serde::Serialize;

use super::{
    Operator, OperatorError,
    acting::{user_id, user_name},
    records::date_time,
};
use crate::store::{DeletedFilter, DeletedUser, StoreError};

/// People of a list, at most.
const MOST: u32 = 1_000;
/// People of a list if it is not said.
const PAGE: u32 = 100;

/// A deleted user, who can come back.
#[derive(Debug, Clone, Serialize)]
pub struct DeletedRecord {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub user_name: Option<String>,
    /// When the user was deleted, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub deleted_at: i64,
    /// Who deleted the user: `token:<id>` or `operator:<id>`.
    pub actor: String,
    /// How many groups the user was in.
    pub groups: usize,
}

/// Which deleted users are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeletedQuery {
    /// Those of this `userName`.
    pub user_name: Option<String>,
    /// Those behind the one with this id.
    pub after: Option<String>,
    /// How many at most.
    pub limit: Option<u32>,
}

/// A user who is there again.
#[derive(Debug, Clone, Serialize)]
pub struct RestoredRecord {
    /// The user's id, which is the one they had.
    pub id: String,
    /// The transaction.
    pub txn: String,
    /// How many groups have the user again.
    pub groups: usize,
    /// How many of the user's groups are not there any more.
    pub lost_groups: usize,
}

impl Operator {
    /// The deleted users of a tenant, the last one first. They are kept for 30 days.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or `after` is nobody's id.
    pub async fn deleted_users(
        &self,
        tenant: &str,
        query: &DeletedQuery,
    ) -> Result<Vec<DeletedRecord>, OperatorError> {
        let filter = DeletedFilter {
            user_name: query.user_name.clone(),
            after: query.after.as_deref().map(user_id).transpose()?,
            limit: query.limit.unwrap_or(PAGE).min(MOST),
        };
        let found = self.tenant_store(tenant).await?.view().await?.deleted_users(&filter).await?;
        Ok(found.into_iter().map(record).collect::<Result<_, _>>()?)
    }

    /// Brings back a deleted user of a tenant, under the same id, as they were, into
    /// those of their groups that are still there. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or no such user is kept;
    /// [`OperatorError::InUse`] if somebody else has the name meanwhile, or the
    /// tenant's schemas do not allow the user any more.
    pub async fn restore_user(
        &self,
        tenant: &str,
        id: &str,
        actor: &str,
    ) -> Result<RestoredRecord, OperatorError> {
        let known = user_id(id)?;
        let access = self.acting(self.tenant_row(tenant).await?, actor).await?;
        let restored = self.provisioner.restore(&access, known).await;
        let restored = restored.map_err(|error| match error.into() {
            // The request is well, but what was kept does not fit any more.
            OperatorError::Invalid(why) => OperatorError::InUse(why),
            other => other,
        })?;
        Ok(RestoredRecord {
            id: known.to_string(),
            txn: restored.txn,
            groups: restored.groups,
            lost_groups: restored.lost_groups,
        })
    }

    /// Forgets a deleted user of a tenant for good. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or no such user is kept.
    pub async fn erase_user(
        &self,
        tenant: &str,
        id: &str,
        actor: &str,
    ) -> Result<(), OperatorError> {
        let known = user_id(id)?;
        let access = self.acting(self.tenant_row(tenant).await?, actor).await?;
        match self.provisioner.erase(&access, known).await? {
            true => Ok(()),
            false => Err(OperatorError::NotFound(format!("deleted user `{known}`"))),
        }
    }
}

fn record(deleted: DeletedUser) -> Result<DeletedRecord, StoreError> {
    Ok(DeletedRecord {
        id: deleted.id.to_string(),
        user_name: user_name(&deleted.document)?,
        deleted_at: deleted.deleted_us,
        actor: deleted.actor,
        groups: deleted.groups.len(),
    })
}
