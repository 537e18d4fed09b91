//! A tenant's own schemas and resource types.
//!
//! A change is checked as a whole: what the tenant would have afterwards must keep
//! the rules, and every stored resource must fit it as it stands. Check and change
//! are one transaction.

use std::sync::Arc;

use serde_json::Value;

use super::{Operator, OperatorError, recheck::recheck};
use crate::{
    scim::schema::{Registry, Schema, SchemaError, TypeDefinition, read_custom},
    store::{Definitions, StoreError},
};

impl From<SchemaError> for OperatorError {
    fn from(error: SchemaError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Operator {
    /// Registers a schema (RFC 7643 §7), or replaces the one with its URN; gives
    /// what is kept. With `urn`, the definition must have that URN.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] with the place and the rule if it breaks one;
    /// [`OperatorError::InUse`] if stored resources stand in the way.
    pub async fn put_schema(
        &self,
        tenant: &str,
        urn: Option<&str>,
        definition: &Value,
    ) -> Result<Value, OperatorError> {
        let schema = Arc::new(read_custom(definition)?);
        same("id", urn, &schema.id, |left, right| left.eq_ignore_ascii_case(right))?;
        let kept = schema.to_definition();
        self.change(tenant, move |definitions| {
            definitions.schemas.retain(|known| !has_urn(known, &schema.id));
            definitions.schemas.push(Arc::clone(&schema));
            definitions.schemas.sort_by_key(|schema| schema.id.to_ascii_lowercase());
            Ok(())
        })
        .await?;
        Ok(kept)
    }

    /// The schemas that a tenant has registered, in the order of their URNs.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn schemas(&self, tenant: &str) -> Result<Vec<Value>, OperatorError> {
        let definitions = self.definitions(tenant).await?;
        Ok(definitions.schemas.iter().map(|schema| schema.to_definition()).collect())
    }

    /// The schema of that URN that a tenant has registered.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or schema.
    pub async fn schema(&self, tenant: &str, urn: &str) -> Result<Value, OperatorError> {
        let definitions = self.definitions(tenant).await?;
        let found = definitions.schemas.iter().find(|schema| has_urn(schema, urn));
        found.map(|schema| schema.to_definition()).ok_or_else(|| no_schema(urn))
    }

    /// Removes a schema that no resource type uses.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or schema;
    /// [`OperatorError::InUse`] if a resource type uses it.
    pub async fn delete_schema(&self, tenant: &str, urn: &str) -> Result<(), OperatorError> {
        let urn = urn.to_owned();
        self.change(tenant, move |definitions| {
            let users = definitions.types.iter().filter(|(_, definition)| {
                let mut extensions = definition.extensions.iter();
                definition.schema.eq_ignore_ascii_case(&urn)
                    || extensions.any(|(extension, _)| extension.eq_ignore_ascii_case(&urn))
            });
            let users: Vec<&str> = users.map(|(_, definition)| &*definition.name).collect();
            if !users.is_empty() {
                let users = users.join(", ");
                return Err(OperatorError::InUse(format!("schema `{urn}` is used by {users}")));
            }
            let count = definitions.schemas.len();
            definitions.schemas.retain(|schema| !has_urn(schema, &urn));
            match definitions.schemas.len() < count {
                true => Ok(()),
                false => Err(no_schema(&urn)),
            }
        })
        .await
    }

    /// Registers a resource type (RFC 7643 §6), or replaces the one of its name;
    /// gives what is kept. `User` and `Group` get the extensions it lists besides
    /// those they have. With `name`, the definition must have that name.
    ///
    /// # Errors
    ///
    /// As [`Operator::put_schema`].
    pub async fn put_resource_type(
        &self,
        tenant: &str,
        name: Option<&str>,
        definition: &Value,
    ) -> Result<Value, OperatorError> {
        let definition = TypeDefinition::read(definition)?;
        same("name", name, &definition.name, |left, right| left == right)?;
        let kept = definition.to_value();
        self.change(tenant, move |definitions| {
            let known =
                definitions.types.iter().position(|(_, known)| known.name == definition.name);
            let code = match (known, Registry::shared().by_name(&definition.name)) {
                (Some(at), _) => definitions.types.remove(at).0,
                (None, Some(builtin)) => builtin.code,
                (None, None) => {
                    let code = definitions.next_code;
                    definitions.next_code = code.checked_add(1).ok_or_else(|| {
                        OperatorError::InUse("the tenant has no code left for a type".to_owned())
                    })?;
                    code
                }
            };
            definitions.types.push((code, definition.clone()));
            definitions.types.sort_by_key(|(code, _)| *code);
            Ok(())
        })
        .await?;
        Ok(kept)
    }

    /// The resource types that a tenant has registered, in the order of registration.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn resource_types(&self, tenant: &str) -> Result<Vec<Value>, OperatorError> {
        let definitions = self.definitions(tenant).await?;
        Ok(definitions.types.iter().map(|(_, definition)| definition.to_value()).collect())
    }

    /// The resource type of that name that a tenant has registered.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or resource type.
    pub async fn resource_type(&self, tenant: &str, name: &str) -> Result<Value, OperatorError> {
        let definitions = self.definitions(tenant).await?;
        let found = definitions.types.iter().find(|(_, definition)| definition.name == name);
        found.map(|(_, definition)| definition.to_value()).ok_or_else(|| no_type(name))
    }

    /// Removes a resource type without resources; `User` and `Group` lose the
    /// extensions that were added.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or resource type;
    /// [`OperatorError::InUse`] if stored resources stand in the way.
    pub async fn delete_resource_type(
        &self,
        tenant: &str,
        name: &str,
    ) -> Result<(), OperatorError> {
        let name = name.to_owned();
        self.change(tenant, move |definitions| {
            let known = definitions.types.iter().position(|(_, known)| known.name == name);
            let at = known.ok_or_else(|| no_type(&name))?;
            definitions.types.remove(at);
            Ok(())
        })
        .await
    }

    async fn definitions(&self, tenant: &str) -> Result<Definitions, OperatorError> {
        Ok(self.tenant_store(tenant).await?.view().await?.definitions().await?)
    }

    /// Lets `edit` change what a tenant has, if what comes out keeps the rules and
    /// what is stored fits it.
    async fn change<E>(&self, tenant: &str, edit: E) -> Result<(), OperatorError>
    where
        E: Fn(&mut Definitions) -> Result<(), OperatorError> + Send + Sync + 'static,
    {
        let edit = Arc::new(edit);
        self.tenant_store(tenant)
            .await?
            .write(move |tx| {
                let edit = Arc::clone(&edit);
                Box::pin(async move {
                    let before = tx.definitions_for_update().await?;
                    let mut after = before.clone();
                    edit(&mut after)?;
                    if after == before {
                        return Ok(());
                    }
                    after.version += 1;
                    let damaged = |error: SchemaError| StoreError::Damaged(error.to_string());
                    let (old, new) = (before.registry().map_err(damaged)?, after.registry()?);
                    recheck(tx, &old, &new).await?;
                    Ok(tx.replace_definitions(&before, &after).await?)
                })
            })
            .await
    }
}

fn has_urn(schema: &Schema, urn: &str) -> bool {
    schema.id.eq_ignore_ascii_case(urn)
}

/// What the definition says must be what the request names.
fn same(
    member: &str,
    asked: Option<&str>,
    defined: &str,
    equal: impl Fn(&str, &str) -> bool,
) -> Result<(), OperatorError> {
    match asked {
        Some(asked) if !equal(asked, defined) => Err(OperatorError::Invalid(format!(
            "`{member}`: the definition has `{defined}`, and the request names another"
        ))),
        _ => Ok(()),
    }
}

fn no_schema(urn: &str) -> OperatorError {
    OperatorError::NotFound(format!("schema `{}`", shown(urn)))
}

fn no_type(name: &str) -> OperatorError {
    OperatorError::NotFound(format!("resource type `{}`", shown(name)))
}

/// A name as it may stand in a message.
fn shown(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(128).collect()
}
