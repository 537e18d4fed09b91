//! Addresses that somebody gave up, to tell when another gets them.
//!
//! The outbox has the old names too, but nothing finds them there by address.
//! Only addresses of domains that the tenant gives out are noted, each once, and
//! forgotten after [`KEPT_US`].

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{StoreError, TenantTx, keys::key, statement::Sql};
use crate::scim::{resource::ResourceId, schema::ResourceType};

/// How long an address that nobody has is remembered: a year.
const KEPT_US: i64 = 366 * 24 * 3_600 * 1_000_000;

impl TenantTx {
    /// Notes that a user no longer has these addresses.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn free_addresses(
        &self,
        user: ResourceId,
        addresses: &[String],
        at_us: i64,
    ) -> Result<(), StoreError> {
        if addresses.is_empty() {
            return Ok(());
        }
        let forget = Sql::new("delete from freed_address where tenant_id = ?")
            .bind(self.owner())
            .push(" and freed_us < ?")
            .bind(at_us.saturating_sub(KEPT_US));
        self.run(forget).await?;
        let rows = addresses.iter().map(|address| {
            vec![self.owner(), key(address).into(), user.get().into(), at_us.into()]
        });
        let sql = Sql::new(
            "insert into freed_address (tenant_id, address, resource_id, freed_us) values ",
        )
        .rows(rows)
        .push(
            " on conflict (tenant_id, address) do update
                    set resource_id = excluded.resource_id, freed_us = excluded.freed_us",
        );
        self.run(sql).await.map(|_| ())
    }

    /// Which of these addresses, which a user gets, were or are another's.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn take_addresses(
        &self,
        user: ResourceId,
        addresses: &[String],
    ) -> Result<Vec<String>, StoreError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let keys = || addresses.iter().map(|address| key(address));
        let freed = Sql::new("delete from freed_address where tenant_id = ?")
            .bind(self.owner())
            .push(" and address in ")
            .list(keys())
            .push(" returning address, resource_id");
        let shared = Sql::new(
            "select value_key, resource_id from attribute_value
             where tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and resource_type = ?")
        .bind(ResourceType::USER)
        .push(" and path = 'emails.value' and value_key in ")
        .list(keys());
        let mut others = Vec::new();
        for row in self.all(freed).await?.iter().chain(&self.all(shared).await?) {
            let (found, owner) = read(row)?;
            if owner != user.get() {
                others.push(found);
            }
        }
        let was_anothers = |address: &&String| others.contains(&key(address));
        Ok(addresses.iter().filter(was_anothers).cloned().collect())
    }
}

fn read(row: &QueryResult) -> Result<(String, Uuid), StoreError> {
    Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
}
