//! Requests that were accepted to be done later (RFC 9967 §2.5.1).
//!
//! A claim is a lease that saves work. What keeps a request from being done twice
//! is that each transaction which does a part of it also writes how far it has
//! come, and fails if another one has.

use uuid::Uuid;

use super::{Backend, Store, StoreError, TenantStore, TenantTx, statement::Sql};
use crate::tenant::TenantId;

/// A request to be kept.
#[derive(Debug, Clone)]
pub struct NewAsyncRequest {
    /// Its id.
    pub id: Uuid,
    /// The connection it came through.
    pub connection: Uuid,
    /// The credential it came with.
    pub credential: Uuid,
    /// What it asks, sealed.
    pub sealed: Vec<u8>,
}

/// A request that is to be done now.
#[derive(Debug, Clone)]
pub struct AsyncClaim {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// The credential it came with.
    pub credential: Uuid,
    /// What it asks, sealed.
    pub sealed: Vec<u8>,
    /// What was done of it, as text.
    pub results: String,
    /// How many operations were done of it.
    pub done: usize,
    /// How often it was claimed since it last went on.
    pub attempt: i32,
}

/// How far a request has come.
#[derive(Debug, Clone)]
pub struct AsyncProgress {
    /// Its id.
    pub id: Uuid,
    /// Operations that were done before.
    pub done_before: usize,
    /// Operations that are done now.
    pub done: usize,
    /// What became of them, as text.
    pub results: String,
    /// Until when nobody else needs to look after it.
    pub leased_until_us: i64,
    /// When it was finished, if it is.
    pub finished_us: Option<i64>,
}

impl TenantTx {
    /// How many of the tenant's requests are not done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn waiting_async_requests(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from async_request where state = 0 and tenant_id = ?");
        let row = self.one(sql.bind(self.owner())).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }

    /// Keeps a request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_async_request(&self, new: &NewAsyncRequest) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into async_request (tenant_id, id, connection_id, credential_id, state, sealed,
                results, done, attempt, leased_until_us) values ",
        )
        .rows([vec![
            self.owner(),
            new.id.into(),
            new.connection.into(),
            new.credential.into(),
            0_i16.into(),
            new.sealed.clone().into(),
            "".into(),
            0_i32.into(),
            0_i32.into(),
            0_i64.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// Writes how far a request has come, in the transaction that brought it there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if another transaction has done a part meanwhile:
    /// then nothing of this one may be kept.
    pub async fn advance_async_request(&self, now: &AsyncProgress) -> Result<(), StoreError> {
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let sql = Sql::new("update async_request set attempt = 0, done = ?")
            .bind(number(now.done))
            .push(", results = ?")
            .bind(now.results.clone())
            .push(", leased_until_us = ?")
            .bind(now.leased_until_us);
        let sql = match now.finished_us {
            // What was asked is needed no longer, and may hold secrets.
            Some(at_us) => sql
                .push(", state = 1, finished_us = ?")
                .bind(at_us)
                .push(", sealed = ?")
                .bind(Vec::<u8>::new()),
            None => sql,
        };
        let sql = sql
            .push(" where tenant_id = ?")
            .bind(self.owner())
            .push(" and id = ?")
            .bind(now.id)
            .push(" and state = 0 and done = ?")
            .bind(number(now.done_before));
        match self.run(sql).await? {
            0 => Err(StoreError::unavailable("another process has gone on with the request")),
            _ => Ok(()),
        }
    }
}

impl TenantStore {
    /// What became of a request that came through `connection`: its results, if it
    /// is done. None if there is no such request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn async_results(
        &self,
        id: Uuid,
        connection: Uuid,
    ) -> Result<Option<Option<String>>, StoreError> {
        let sql = Sql::new("select state, results from async_request where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(id)
            .push(" and connection_id = ?")
            .bind(connection);
        let Some(row) = self.view().await?.one(sql).await? else { return Ok(None) };
        let (state, results): (i16, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(Some((state == 1).then_some(results)))
    }
}

impl Store {
    /// Leases the request that has waited longest, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn claim_async_request(
        &self,
        now_us: i64,
        leased_until_us: i64,
    ) -> Result<Option<AsyncClaim>, StoreError> {
        let sql = Sql::new(
            "select tenant_id, id, credential_id, sealed, results, attempt, done
             from async_request where state = 0 and leased_until_us <= ?",
        )
        .bind(now_us)
        .push(" order by leased_until_us, id limit 1");
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let done: i32 = row.try_get_by_index(6)?;
        let claim = AsyncClaim {
            tenant: TenantId::new(row.try_get_by_index(0)?),
            id: row.try_get_by_index(1)?,
            credential: row.try_get_by_index(2)?,
            sealed: row.try_get_by_index(3)?,
            results: row.try_get_by_index(4)?,
            attempt: row.try_get_by_index(5)?,
            done: usize::try_from(done).unwrap_or_default(),
        };
        let lease = Sql::new("update async_request set attempt = attempt + 1, leased_until_us = ?")
            .bind(leased_until_us)
            .push(" where tenant_id = ?")
            .bind(claim.tenant.get())
            .push(" and id = ?")
            .bind(claim.id)
            .push(" and state = 0 and leased_until_us <= ?")
            .bind(now_us)
            .push(" and done = ?")
            .bind(done);
        let taken = self.tenant(claim.tenant).run(lease).await?;
        // Whoever was faster has it.
        Ok((0 < taken).then_some(claim))
    }

    /// Gives back a request that is not done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release_async_request(
        &self,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("update async_request set leased_until_us = 0 where tenant_id = ?")
            .bind(tenant.get())
            .push(" and id = ?")
            .bind(id)
            .push(" and state = 0");
        self.tenant(tenant).run(sql).await.map(|_| ())
    }

    /// Ends every lease, if this process is the only one that works: SQLite's is.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release_own_async_requests(&self) -> Result<(), StoreError> {
        let Backend::Sqlite(_) = self.backend else { return Ok(()) };
        let sql = Sql::new("update async_request set leased_until_us = 0 where state = 0");
        self.run_as_operator(sql).await.map(|_| ())
    }

    /// Removes results that were finished before a time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_async_requests(&self, before_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("delete from async_request where state = 1 and finished_us < ?");
        self.run_as_operator(sql.bind(before_us)).await.map(|_| ())
    }
}
