//! `/tenants/{tenant}/schemas` and `/tenants/{tenant}/resource-types`.

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi, param::Path, payload::Json, types::Any};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{List, items},
};
use crate::provision::operator::Operator;

pub(super) struct Schemas;

type Document = Json<Any<Value>>;

#[derive(ApiResponse)]
enum Removed {
    /// It is gone.
    #[oai(status = 204)]
    Definition,
}

#[OpenApi]
impl Schemas {
    /// Lists the schemas that the tenant has registered.
    #[oai(path = "/tenants/:tenant/schemas", method = "get", operation_id = "schemas.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Any<Value>>>, Failure> {
        Ok(Json(items(operator.schemas(&tenant).await?)))
    }

    /// Reads a schema that the tenant has registered.
    #[oai(path = "/tenants/:tenant/schemas/:urn", method = "get", operation_id = "schemas.read")]
    async fn read(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        urn: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Document, Failure> {
        Ok(Json(Any(operator.schema(&tenant, &urn).await?)))
    }

    /// Registers a schema in the form of RFC 7643 §7, or replaces it.
    ///
    /// Besides the RFC's members an attribute may have `indexed` (filters on it are
    /// fast) and `openValues` (values beyond `canonicalValues` are accepted). A
    /// change that stored resources do not fit is refused.
    #[oai(path = "/tenants/:tenant/schemas/:urn", method = "put", operation_id = "schemas.put")]
    async fn put(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        urn: Path<String>,
        body: Document,
        operator: Data<&Operator>,
    ) -> Result<Document, Failure> {
        Ok(Json(Any(operator.put_schema(&tenant, Some(&urn), &body.0.0).await?)))
    }

    /// Removes a schema that no resource type uses.
    #[oai(
        path = "/tenants/:tenant/schemas/:urn",
        method = "delete",
        operation_id = "schemas.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        urn: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Removed, Failure> {
        operator.delete_schema(&tenant, &urn).await?;
        Ok(Removed::Definition)
    }

    /// Lists the resource types that the tenant has registered.
    #[oai(
        path = "/tenants/:tenant/resource-types",
        method = "get",
        operation_id = "resource_types.list"
    )]
    async fn list_types(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Any<Value>>>, Failure> {
        Ok(Json(items(operator.resource_types(&tenant).await?)))
    }

    /// Reads a resource type that the tenant has registered.
    #[oai(
        path = "/tenants/:tenant/resource-types/:name",
        method = "get",
        operation_id = "resource_types.read"
    )]
    async fn read_type(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Document, Failure> {
        Ok(Json(Any(operator.resource_type(&tenant, &name).await?)))
    }

    /// Registers a resource type in the form of RFC 7643 §6, or replaces it.
    ///
    /// `User` and `Group` get the extensions that are listed besides their own. A
    /// change that stored resources do not fit is refused.
    #[oai(
        path = "/tenants/:tenant/resource-types/:name",
        method = "put",
        operation_id = "resource_types.put"
    )]
    async fn put_type(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        body: Document,
        operator: Data<&Operator>,
    ) -> Result<Document, Failure> {
        Ok(Json(Any(operator.put_resource_type(&tenant, Some(&name), &body.0.0).await?)))
    }

    /// Removes a resource type that has no resources.
    ///
    /// `User` and `Group` lose the extensions that were added.
    #[oai(
        path = "/tenants/:tenant/resource-types/:name",
        method = "delete",
        operation_id = "resource_types.delete"
    )]
    async fn delete_type(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Removed, Failure> {
        operator.delete_resource_type(&tenant, &name).await?;
        Ok(Removed::Definition)
    }
}
