//! The URNs of the protocol (RFC 7643 §10, RFC 7644 §10).

/// Core schema of users, RFC 7643 §4.1.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Core schema of groups, RFC 7643 §4.2.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Enterprise extension of users, RFC 7643 §4.3.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Schema of the service provider's configuration, RFC 7643 §5.
pub const SERVICE_PROVIDER_CONFIG: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// Schema of resource types, RFC 7643 §6.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// Schema of schemas, RFC 7643 §7.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// Message of a query answer, RFC 7644 §3.4.2.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Message of a query in a body, RFC 7644 §3.4.3.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// Message of a PATCH request, RFC 7644 §3.5.2.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Message of a bulk request, RFC 7644 §3.7.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// Message of a bulk answer, RFC 7644 §3.7.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// Message of an error, RFC 7644 §3.12.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
