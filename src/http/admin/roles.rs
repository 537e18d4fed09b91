//! `/tenants/{tenant}/role-rules`, and what they come to for a user.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
};
use crate::provision::operator::{self, Operator};

pub(super) struct Roles;

/// A rule to be made; it has a group or a filter.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewRoleRule {
    /// The role.
    role: String,
    /// Id of a group whose members have it, and those of groups in it.
    group: Option<String>,
    /// A SCIM filter over users who have it, such as `title eq "Accountant"`.
    filter: Option<String>,
}

/// A rule that gives people a role.
#[derive(Debug, Object)]
struct RoleRule {
    /// Its id.
    id: String,
    /// The role.
    role: String,
    /// Id of the group whose members have it.
    group: Option<String>,
    /// The filter over users who have it.
    filter: Option<String>,
    /// When it was made (RFC 3339).
    created_at: String,
}

/// Something a person has.
#[derive(Debug, Object)]
struct Granted {
    /// Its name.
    value: String,
    /// Where it comes from, such as `member of Finance-EU, which maps to viewer`.
    why: Vec<String>,
}

/// Who it is.
#[derive(Debug, Object)]
struct Person {
    /// The user's id.
    id: String,
    /// The `userName`.
    user_name: Option<String>,
    /// The directory's own key.
    external_id: Option<String>,
}

/// Whether a person may sign in, and as what.
#[derive(Debug, Object)]
struct Access {
    /// Whether they may.
    allowed: bool,
    /// Why not: `inactive`, `suspended` or `too_many_groups` (it takes too long to tell).
    reason: Option<String>,
    /// Who it is.
    user: Option<Person>,
    /// Their roles, by name; none if they may not sign in.
    roles: Vec<Granted>,
    /// Their entitlements, by name; none if they may not sign in.
    entitlements: Vec<Granted>,
}

#[derive(ApiResponse)]
enum Created {
    /// The rule holds from now on.
    #[oai(status = 201)]
    Rule(Json<RoleRule>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The rule is gone.
    #[oai(status = 204)]
    Rule,
}

#[OpenApi]
impl Roles {
    /// Lists the rules that give a tenant's people roles, oldest first.
    #[oai(path = "/tenants/:tenant/role-rules", method = "get", operation_id = "roles.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<RoleRule>>, Failure> {
        Ok(Json(list(&operator.role_rules(&tenant).await?)?))
    }

    /// Makes a rule that gives people a role: the members of a group, or whom a filter matches.
    #[oai(path = "/tenants/:tenant/role-rules", method = "post", operation_id = "roles.add")]
    async fn add(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewRoleRule>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let NewRoleRule { role, group, filter } = body.0;
        let new = operator::NewRoleRule { role, group, filter };
        let rule = operator.add_role_rule(&tenant, &new, &token.actor()).await?;
        Ok(Created::Rule(Json(view(&rule)?)))
    }

    /// Deletes a rule.
    #[oai(
        path = "/tenants/:tenant/role-rules/:id",
        method = "delete",
        operation_id = "roles.delete"
    )]
    async fn delete(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_role_rule(&tenant, uuid(&id)?, &token.actor()).await?;
        Ok(Deleted::Rule)
    }

    /// Tells whether a user may sign in, with which roles and entitlements, and why.
    #[oai(
        path = "/tenants/:tenant/users/:id/access",
        method = "get",
        operation_id = "users.access"
    )]
    async fn access(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Access>, Failure> {
        Ok(Json(view(&operator.user_access(&tenant, &id).await?)?))
    }
}
