//! Who is let in where: the groups of applications, through groups in groups.
//!
//! What a change of groups does to people is found by two questions about those
//! whom it names: in which gates they were, and in which they are. Each question
//! begins at the people and looks each of their groups up among those below the
//! gates, so that its cost does not grow with what a gate holds.

use std::collections::HashMap;

use sea_orm::DbBackend;
use uuid::Uuid;

use super::{
    StoreError, StoredResource, TenantTx, View, membership::LISTED, nesting::NESTED, outbox::bit,
    resource::COLUMNS, statement::Sql,
};
use crate::{
    event::{EventUri, GroupClaim},
    scim::{resource::ResourceId, schema::ResourceType},
    tenant::StreamId,
};

/// A receiver that hears what a change of groups does to people.
#[derive(Debug, Clone)]
pub struct Hearer {
    /// Its stream.
    pub stream: StreamId,
    /// The application that it belongs to.
    pub application: Option<Uuid>,
    /// How groups are named to it.
    pub group_claim: GroupClaim,
    mask: i64,
}

impl Hearer {
    /// Whether events of that type go there.
    pub fn carries(&self, uri: EventUri) -> bool {
        self.mask & bit(uri) != 0
    }
}

impl TenantTx {
    /// The receivers that hear what a change of groups does to people. If there is
    /// one, no other transaction of the tenant gets past here until this one ends.
    ///
    /// Two changes that each take one of two ways into an application would else
    /// each see the other way open, and nobody would end the sessions.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn hearers(&self) -> Result<Vec<Hearer>, StoreError> {
        let sql = Sql::new(
            "select id, application_id, event_mask, settings from stream where tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and status <> 2 and (application_id is not null or (event_mask & ?) <> 0)")
        .bind(bit(EventUri::TokenClaimsChange));
        let hearers: Vec<Hearer> = self
            .all(sql)
            .await?
            .iter()
            .map(|row| {
                let settings: String = row.try_get_by_index(3)?;
                let settings: serde_json::Value = serde_json::from_str(&settings)
                    .map_err(|_| StoreError::Damaged("settings of a stream".to_owned()))?;
                let claim = settings.get("group_claim").and_then(serde_json::Value::as_str);
                Ok(Hearer {
                    stream: StreamId(row.try_get_by_index(0)?),
                    application: row.try_get_by_index(1)?,
                    group_claim: claim.and_then(GroupClaim::parse).unwrap_or_default(),
                    mask: row.try_get_by_index(2)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        // SQLite's writer is alone.
        if !hearers.is_empty() && self.backend == DbBackend::Postgres {
            let lock = Sql::new(
                "select 1 from (select pg_advisory_xact_lock(7644, hashint8(?))) as locked",
            );
            self.one(lock.bind(self.owner())).await?;
        }
        Ok(hearers)
    }
}

impl View {
    /// The group, and every group that it is in, through other groups too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_above(&self, group: ResourceId) -> Result<Vec<ResourceId>, StoreError> {
        let sql = Sql::new("with recursive up(group_id) as (select ")
            .push(if self.locks_rows() { "cast(? as uuid)" } else { "?" })
            .bind(group.get())
            .push(" union select m.group_id from up")
            .append(self.beside("membership m", "m", "m.member_id = up.group_id"))
            .push(") select group_id from up");
        self.ids(sql).await
    }

    /// The groups among a group's own members.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_in(&self, group: ResourceId) -> Result<Vec<ResourceId>, StoreError> {
        let sql =
            Sql::new(&format!("select n.member_id from {} where n.tenant_id = ?", self.nested()))
                .bind(self.owner())
                .push(" and n.group_id = ?")
                .bind(group.get())
                .push(" and n.member_type = 2");
        self.ids(sql).await
    }

    /// Up to `most` users who are in one of `groups`, through other groups too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn people_under(
        &self,
        groups: &[ResourceId],
        most: usize,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let mut people = Vec::new();
        for chunk in groups.chunks(LISTED) {
            let sql = Sql::new(
                "with recursive down(group_id) as (select r.id from resource r where r.tenant_id = ?",
            )
            .bind(self.owner())
            .push(" and r.id in ")
            .list(chunk.iter().map(|id| id.get()))
            .push(" union select n.member_id from down")
            .append(self.beside(
                self.nested(),
                "n",
                "n.group_id = down.group_id and n.member_type = 2",
            ))
            .push(") select distinct m.member_id from down")
            .append(self.beside(
                "membership m",
                "m",
                "m.group_id = down.group_id and m.member_type = 1",
            ))
            .push(" limit ?")
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
            people.extend(self.ids(sql).await?);
        }
        people.sort();
        people.dedup();
        people.truncate(most);
        Ok(people)
    }

    /// Which groups of these applications each of `people` is in, through other
    /// groups too; whoever is in none is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn gates_of(
        &self,
        people: &[ResourceId],
        applications: &[Uuid],
    ) -> Result<HashMap<ResourceId, Vec<ResourceId>>, StoreError> {
        let mut gates: HashMap<ResourceId, Vec<ResourceId>> = HashMap::new();
        // PostgreSQL must not begin at the gates: one may hold a million others.
        let comma = if self.locks_rows() { ", granting" } else { " cross join granting" };
        for chunk in people.chunks(LISTED) {
            let sql = Sql::new(
                "with recursive granting(gate_id, group_id) as (
                    select a.group_id, a.group_id from application_group a where a.tenant_id = ?",
            )
            .bind(self.owner())
            .push(" and a.application_id in ")
            .list(applications.iter().copied())
            .push(" union select granting.gate_id, n.member_id from granting")
            .append(self.beside(
                self.nested(),
                "n",
                "n.group_id = granting.group_id and n.member_type = 2",
            ))
            .push(") select distinct r.id, granting.gate_id from resource r")
            .append(self.beside("membership m", "m", "m.member_id = r.id"))
            .push(comma)
            .push(" where granting.group_id = m.group_id and r.tenant_id = ?")
            .bind(self.owner())
            .push(" and r.id in ")
            .list(chunk.iter().map(|id| id.get()));
            for row in self.all(sql).await? {
                let person = ResourceId::new(row.try_get_by_index(0)?);
                gates.entry(person).or_default().push(ResourceId::new(row.try_get_by_index(1)?));
            }
        }
        Ok(gates)
    }

    /// The users among `ids`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn users_among(&self, ids: &[ResourceId]) -> Result<Vec<StoredResource>, StoreError> {
        let mut users = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(LISTED) {
            // Asked for their type, PostgreSQL may read all of that type for a few ids.
            let sql = Sql::new(&format!(
                "select {COLUMNS}, r.resource_type from resource r where r.tenant_id = ?"
            ))
            .bind(self.owner())
            .push(" and r.id in ")
            .list(chunk.iter().map(|id| id.get()));
            for row in self.all(sql).await? {
                let code: i16 = row.try_get_by_index(5)?;
                if code == ResourceType::USER {
                    users.push(StoredResource::read(&row)?);
                }
            }
        }
        Ok(users)
    }

    fn nested(&self) -> &'static str {
        if self.locks_rows() { "membership n" } else { NESTED }
    }

    async fn ids(&self, sql: Sql) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self.all(sql).await?;
        rows.iter().map(|row| Ok(ResourceId::new(row.try_get_by_index(0)?))).collect()
    }
}
