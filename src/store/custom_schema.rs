//! A tenant's own schemas and resource types.
//!
//! What a tenant has is counted by `tenant.schema_version`. A [`Registry`] is made
//! of one version and remembered under it; the version comes with the credential,
//! so that a request asks for nothing more. A change holds a lock that writes
//! share: it sees all that was judged by the version before, and what is judged by
//! that version later is refused.

use std::{collections::HashSet, sync::Arc};

use sea_orm::{DbBackend, QueryResult};

use super::{
    Store, StoreError, StoredResource, TenantTx, View,
    change::ROWS,
    keys::{self, UniqueValue, ValueKey},
    resource::COLUMNS,
    statement::Sql,
};
use crate::{
    scim::{
        resource::{Document, ResourceId},
        schema::{IndexedAttribute, Registry, Schema, SchemaError, TypeDefinition, read_custom},
        text::fold,
    },
    tenant::TenantId,
};

/// Registries remembered at a time.
pub(super) const REMEMBERED: u64 = 256;

/// What a tenant has of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definitions {
    /// Counts the changes.
    pub version: i64,
    /// Schemas in the order of their URNs.
    pub schemas: Vec<Arc<Schema>>,
    /// Resource types with their codes, in the order of these.
    pub types: Vec<(i16, TypeDefinition)>,
    /// The next type's code.
    pub next_code: i16,
}

impl Definitions {
    /// The registry of these and the built-in ones.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] that names the rule that they break together.
    pub fn registry(&self) -> Result<Registry, SchemaError> {
        Registry::with(self.version, self.schemas.clone(), &self.types)
    }

    fn read(rows: &[QueryResult]) -> Result<Self, StoreError> {
        let mut definitions = Self::default();
        for row in rows {
            definitions.version = row.try_get_by_index(0)?;
            definitions.next_code = row.try_get_by_index(1)?;
            let Some(text) = row.try_get_by_index::<Option<String>>(3)? else { continue };
            let value = serde_json::from_str(&text)
                .map_err(|error| StoreError::Damaged(error.to_string()))?;
            match row.try_get_by_index::<Option<i16>>(2)? {
                None => definitions.schemas.push(Arc::new(read_custom(&value).map_err(damaged)?)),
                Some(code) => {
                    definitions.types.push((code, TypeDefinition::read(&value).map_err(damaged)?));
                }
            }
        }
        Ok(definitions)
    }
}

fn damaged(error: SchemaError) -> StoreError {
    StoreError::Damaged(format!("a tenant's schema: {error}"))
}

impl Store {
    /// The schemas of a tenant, of `version` or later.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn registry(
        &self,
        tenant: TenantId,
        version: i64,
    ) -> Result<Arc<Registry>, StoreError> {
        if version == 0 {
            return Ok(Registry::shared());
        }
        if let Some(known) = self.registries.get(&(tenant, version)).await {
            return Ok(known);
        }
        let definitions = self.tenant(tenant).view().await?.definitions().await?;
        let registry = Arc::new(definitions.registry().map_err(damaged)?);
        self.registries.insert((tenant, registry.version()), Arc::clone(&registry)).await;
        Ok(registry)
    }
}

impl View {
    /// What the tenant has of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn definitions(&self) -> Result<Definitions, StoreError> {
        // One statement, so that the version is that of the rows.
        let sql = Sql::new(
            "select t.schema_version, t.next_type_code, d.code, d.definition from tenant t
             left join (
                select tenant_id, null as code, urn_key, definition from custom_schema
                where tenant_id = ?",
        )
        .bind(self.owner())
        .push(
            " union all
                select tenant_id, code, '', definition from custom_resource_type
                where tenant_id = ?",
        )
        .bind(self.owner())
        .push(") d on d.tenant_id = t.id where t.id = ?")
        .bind(self.owner())
        .push(" order by d.code, d.urn_key");
        Definitions::read(&self.all(sql).await?)
    }

    /// Up to `limit` resources of a type after `after`, in the order of ids.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn resources_of_type(
        &self,
        code: i16,
        after: Option<ResourceId>,
        limit: i64,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let sql = Sql::new(&format!("select {COLUMNS} from resource r where r.tenant_id = ?"))
            .bind(self.owner())
            .push(" and r.resource_type = ?")
            .bind(code);
        let sql = match after {
            Some(after) => sql.push(" and r.id > ?").bind(after.get()),
            None => sql,
        };
        let sql = sql.push(" order by r.id limit ?").bind(limit);
        self.all(sql).await?.iter().map(StoredResource::read).collect()
    }

    /// How many resources a type has, up to `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn count_of_type(&self, code: i16, most: i64) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from (select 1 from resource where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_type = ?")
            .bind(code)
            .push(" limit ?) r")
            .bind(most);
        Ok(self.one(sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }
}

impl TenantTx {
    /// What the tenant has, to be changed: until the transaction ends, nothing is
    /// written that was judged by it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn definitions_for_update(&self) -> Result<Definitions, StoreError> {
        // SQLite's writer is alone.
        if self.backend == DbBackend::Postgres {
            let lock = Sql::new(
                "select 1 from (select pg_advisory_xact_lock(7643, hashint8(?))) as locked",
            )
            .bind(self.owner());
            self.one(lock).await?;
        }
        self.definitions().await
    }

    /// Keeps `after` in place of `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replace_definitions(
        &self,
        before: &Definitions,
        after: &Definitions,
    ) -> Result<(), StoreError> {
        for schema in before.schemas.iter().filter(|schema| !after.schemas.contains(schema)) {
            let sql = self.delete_of("custom_schema", "urn_key").bind(urn_key(schema));
            self.run(sql).await?;
        }
        for schema in after.schemas.iter().filter(|schema| !before.schemas.contains(schema)) {
            let sql =
                Sql::new("insert into custom_schema (tenant_id, urn_key, definition) values ")
                    .rows([vec![
                        self.owner(),
                        urn_key(schema).into(),
                        schema.to_definition().to_string().into(),
                    ]]);
            self.run(sql).await?;
        }
        for (code, _) in before.types.iter().filter(|known| !after.types.contains(known)) {
            self.run(self.delete_of("custom_resource_type", "code").bind(*code)).await?;
        }
        for (code, definition) in after.types.iter().filter(|known| !before.types.contains(known)) {
            let sql =
                Sql::new("insert into custom_resource_type (tenant_id, code, definition) values ")
                    .rows([vec![
                        self.owner(),
                        (*code).into(),
                        definition.to_value().to_string().into(),
                    ]]);
            self.run(sql).await?;
        }
        let sql = Sql::new("update tenant set schema_version = ?")
            .bind(after.version)
            .push(", next_type_code = ?")
            .bind(after.next_code)
            .push(" where id = ?")
            .bind(self.owner());
        self.run(sql).await.map(|_| ())
    }

    fn delete_of(&self, table: &str, column: &str) -> Sql {
        Sql::new(&format!("delete from {table} where tenant_id = ?"))
            .bind(self.owner())
            .push(&format!(" and {column} = ?"))
    }

    /// Forgets the keys of a path.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn drop_keys(&self, code: i16, path: &str) -> Result<(), StoreError> {
        for table in ["attribute_value", "unique_value"] {
            let sql = Sql::new(&format!("delete from {table} where tenant_id = ?"))
                .bind(self.owner())
                .push(" and resource_type = ?")
                .bind(code)
                .push(" and path = ?")
                .bind(path);
            self.run(sql).await?;
        }
        Ok(())
    }

    /// Keeps the keys that were collected, and forgets them there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn add_keys(&self, collected: &mut Reindex) -> Result<(), StoreError> {
        let code = collected.code;
        for chunk in std::mem::take(&mut collected.values).chunks(ROWS) {
            let row = |(id, value): &(ResourceId, ValueKey)| {
                let (path, key) = (value.path.clone(), value.key.clone());
                let id = id.get().into();
                vec![self.owner(), code.into(), path.into(), key.into(), id, value.element.into()]
            };
            let sql = Sql::new(
                "insert into attribute_value
                    (tenant_id, resource_type, path, value_key, resource_id, element) values ",
            );
            self.run(sql.rows(chunk.iter().map(row))).await?;
        }
        for chunk in std::mem::take(&mut collected.unique).chunks(ROWS) {
            let row = |(id, value): &(ResourceId, UniqueValue)| {
                let (path, key) = (value.path.clone(), value.key.clone());
                vec![self.owner(), code.into(), path.into(), key.into(), id.get().into()]
            };
            let sql = Sql::new(
                "insert into unique_value
                    (tenant_id, resource_type, path, value_key, resource_id) values ",
            );
            self.run(sql.rows(chunk.iter().map(row))).await?;
        }
        Ok(())
    }
}

/// Keys of all resources of a type for attributes that had none.
#[derive(Debug)]
pub struct Reindex {
    code: i16,
    indexed: Vec<IndexedAttribute>,
    taken: HashSet<UniqueValue>,
    values: Vec<(ResourceId, ValueKey)>,
    unique: Vec<(ResourceId, UniqueValue)>,
}

impl Reindex {
    /// Nothing yet.
    pub fn new(code: i16, indexed: Vec<IndexedAttribute>) -> Self {
        let (taken, values, unique) = (HashSet::new(), Vec::new(), Vec::new());
        Self { code, indexed, taken, values, unique }
    }

    /// Collects the keys of a resource; gives the path of a value that one before
    /// it has already, and must not.
    pub fn collect(&mut self, id: ResourceId, document: &Document) -> Option<String> {
        let values = keys::values(self.indexed.iter(), document);
        self.values.extend(values.into_iter().map(|value| (id, value)));
        let mut clash = None;
        for value in keys::unique_values(self.indexed.iter().filter(|at| at.unique), document) {
            match self.taken.insert(value.clone()) {
                true => self.unique.push((id, value)),
                false => clash = Some(value.path),
            }
        }
        clash
    }
}

fn urn_key(schema: &Schema) -> String {
    fold(&schema.id).into_owned()
}
