//! The chain that the record's entries are put into, and what was signed of it.

use sea_orm::Value;
use uuid::Uuid;

use super::{AuditRow, Store, StoreError, TenantTx, View, audit, statement::Sql};
use crate::tenant::TenantId;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Where a tenant's chain ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainEnd {
    /// The place of the last entry; 0 if there is none.
    pub place: i64,
    /// Its hash.
    pub hash: Hash,
    /// When the last checkpoint was signed, in microseconds since 1970.
    pub signed_us: i64,
}

/// An entry in the chain.
#[derive(Debug, Clone)]
pub struct ChainedRow {
    /// Its place, from 1.
    pub place: i64,
    /// Its hash as it is kept.
    pub hash: Vec<u8>,
    /// The entry.
    pub row: AuditRow,
}

impl Store {
    /// Tenants with entries that are in no chain yet: some of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenants_with_loose_entries(&self) -> Result<Vec<TenantId>, StoreError> {
        let sql =
            Sql::new("select distinct tenant_id from audit_entry where place is null limit 1000");
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter().map(|row| Ok(TenantId::new(row.try_get_by_index(0)?))).collect()
    }
}

impl View {
    /// The tenant's name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenant_name(&self) -> Result<String, StoreError> {
        let sql = Sql::new("select name from tenant where id = ?").bind(self.owner());
        let row = self.one(sql).await?;
        let row = row.ok_or_else(|| StoreError::Damaged("a tenant is not there".to_owned()))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Where the tenant's chain ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn chain_end(&self) -> Result<ChainEnd, StoreError> {
        self.read_end(Sql::default()).await
    }

    async fn read_end(&self, lock: Sql) -> Result<ChainEnd, StoreError> {
        let sql = Sql::new("select place, hash, signed_us from audit_chain where tenant_id = ?");
        let row = self.one(sql.bind(self.owner()).append(lock)).await?;
        let Some(row) = row else { return Ok(ChainEnd::default()) };
        let hash: Vec<u8> = row.try_get_by_index(1)?;
        let damaged = |_| StoreError::Damaged("the end of a record's chain".to_owned());
        Ok(ChainEnd {
            place: row.try_get_by_index(0)?,
            hash: hash.try_into().map_err(damaged)?,
            signed_us: row.try_get_by_index(2)?,
        })
    }

    /// Entries of the tenant's chain behind a place, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn chained_entries(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ChainedRow>, StoreError> {
        let select =
            format!("select {}, place, hash from audit_entry where tenant_id = ?", audit::COLUMNS);
        let sql = Sql::new(&select)
            .bind(self.owner())
            .push(" and place > ?")
            .bind(after)
            .push(" order by place limit ?")
            .bind(i64::from(limit));
        let rows = self.all(sql).await?;
        let first = audit::WIDTH;
        rows.iter()
            .map(|row| {
                Ok(ChainedRow {
                    place: row.try_get_by_index(first)?,
                    hash: row.try_get_by_index(first + 1)?,
                    row: audit::read(row)?,
                })
            })
            .collect()
    }

    /// What was signed of the tenant's chain, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn checkpoints(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = Sql::new("select place, signature from audit_checkpoint where tenant_id = ?");
        let rows = self.all(sql.bind(self.owner()).push(" order by place")).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// The last thing that was signed of the tenant's chain.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn last_checkpoint(&self) -> Result<Option<String>, StoreError> {
        let sql = Sql::new("select signature from audit_checkpoint where tenant_id = ?");
        let sql = sql.bind(self.owner()).push(" order by place desc limit 1");
        Ok(self.one(sql).await?.map(|row| row.try_get_by_index(0)).transpose()?)
    }
}

impl TenantTx {
    /// Where the tenant's chain ends; nobody else adds to it meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn chain_end_for_update(&self) -> Result<ChainEnd, StoreError> {
        if !self.locks_rows() {
            return self.chain_end().await;
        }
        let first = Sql::new("insert into audit_chain (tenant_id, place, hash, signed_us) values ")
            .rows([vec![
                self.owner(),
                Value::from(0_i64),
                Hash::default().to_vec().into(),
                Value::from(0_i64),
            ]])
            .push(" on conflict do nothing");
        self.run(first).await?;
        self.read_end(Sql::new(" for update")).await
    }

    /// Entries of the tenant that are in no chain yet, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn loose_entries(&self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let select = format!(
            "select {} from audit_entry where place is null and tenant_id = ?",
            audit::COLUMNS
        );
        let sql = Sql::new(&select).bind(self.owner()).push(" order by id limit ?");
        self.all(sql.bind(i64::from(limit))).await?.iter().map(audit::read).collect()
    }

    /// Puts entries into the tenant's chain, which ends at `end` then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn chain(
        &self,
        links: &[(Uuid, i64, Hash)],
        end: &ChainEnd,
    ) -> Result<(), StoreError> {
        let rows = links
            .iter()
            .map(|(id, place, hash)| vec![(*id).into(), (*place).into(), hash.to_vec().into()]);
        let sql = Sql::new("with link (id, place, hash) as (values ")
            .rows(rows)
            .push(") update audit_entry set place = link.place, hash = link.hash from link")
            .push(" where audit_entry.tenant_id = ?")
            .bind(self.owner())
            .push(" and audit_entry.id = link.id");
        self.run(sql).await?;
        self.set_chain_end(end).await
    }

    /// Notes where the tenant's chain ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn set_chain_end(&self, end: &ChainEnd) -> Result<(), StoreError> {
        let sql = Sql::new("insert into audit_chain (tenant_id, place, hash, signed_us) values ")
            .rows([vec![
                self.owner(),
                end.place.into(),
                end.hash.to_vec().into(),
                end.signed_us.into(),
            ]])
            .push(
                " on conflict (tenant_id) do update set place = excluded.place,
                    hash = excluded.hash, signed_us = excluded.signed_us",
            );
        self.run(sql).await.map(|_| ())
    }

    /// Keeps what was signed of the tenant's chain up to a place.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_checkpoint(&self, place: i64, signature: &str) -> Result<(), StoreError> {
        let sql = Sql::new("insert into audit_checkpoint (tenant_id, place, signature) values ")
            .rows([vec![self.owner(), place.into(), signature.into()]])
            .push(" on conflict do nothing");
        self.run(sql).await.map(|_| ())
    }
}
