//! Faults in what a client asked (RFC 7644 §3.12).

/// A keyword that tells faults of one status apart (RFC 7644 §3.12, table 9; RFC 9865 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    /// The filter is not valid.
    InvalidFilter,
    /// The query would give or look at too much.
    TooMany,
    /// Another resource holds a value that must be unique.
    Uniqueness,
    /// The attribute may not change that way.
    Mutability,
    /// The body is not the message that was expected.
    InvalidSyntax,
    /// The path of a PATCH operation names nothing.
    InvalidPath,
    /// The path of a PATCH operation selects nothing.
    NoTarget,
    /// A value does not fit its attribute.
    InvalidValue,
    /// The path names a version of the protocol that is not spoken.
    InvalidVers,
    /// The cursor is not one that this server made for this query (RFC 9865 §2.1).
    InvalidCursor,
    /// The cursor was made too long ago (RFC 9865 §2.1).
    ExpiredCursor,
    /// The count does not fit the walk (RFC 9865 §2.1).
    InvalidCount,
}

impl ScimType {
    /// The keyword as it stands in an error body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// A fault in what the client asked.
///
/// Each variant is one answer of RFC 7644 §3.12. The text says what was wrong,
/// where, and what was expected. It carries no attribute value, because details
/// end up in the logs of directories.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScimError {
    /// The filter is not in the grammar, or does not fit the attribute's type.
    #[error("{0}")]
    InvalidFilter(String),
    /// The query would look at more than the limit allows.
    #[error("{0}")]
    TooMany(String),
    /// The body is not JSON, or not the message that was expected.
    #[error("{0}")]
    InvalidSyntax(String),
    /// The path is malformed, or names no attribute of the resource's schemas.
    #[error("{0}")]
    InvalidPath(String),
    /// A `replace` selected no value, or a `remove` has no path.
    #[error("{0}")]
    NoTarget(String),
    /// A value does not fit its attribute.
    #[error("{0}")]
    InvalidValue(String),
    /// The path names a version of the protocol that this server does not speak.
    #[error("this server speaks SCIM 2.0, at `/scim/v2`, and no other version")]
    InvalidVersion,
    /// The cursor is forged, cut, or of another query; which of these is not told
    /// (RFC 9865 §5.2).
    #[error("the cursor is not of this query: begin again with an empty `cursor`")]
    InvalidCursor,
    /// The cursor was made too long ago.
    #[error("the cursor has expired: begin again with an empty `cursor`")]
    ExpiredCursor,
    /// The count does not fit a walk by cursor.
    #[error("{0}")]
    InvalidCount(String),
    /// The operation would change an attribute that may not change.
    #[error("`{path}` is {mutability} and cannot be changed")]
    Mutability {
        /// The attribute.
        path: String,
        /// Why: `readOnly`, `immutable`, or `required`.
        mutability: &'static str,
    },
    /// Another resource of the tenant holds the value.
    #[error("the value of `{path}` is already in use")]
    Uniqueness {
        /// The attribute.
        path: String,
    },
    /// No such resource, or one of another tenant; the two look alike on purpose.
    #[error("{resource_type} `{id}` was not found")]
    NotFound {
        /// The type that was asked for.
        resource_type: String,
        /// The id that was asked for, shortened.
        id: String,
    },
    /// The resource has another version than the precondition asked for.
    #[error("the resource has changed; its version is now {current}")]
    PreconditionFailed {
        /// The version that is stored, as an entity tag.
        current: String,
    },
    /// The body is larger than the limit.
    #[error("the body is larger than {limit} bytes, which is `maxPayloadSize`")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A bulk request has more operations than the limit.
    #[error("the request has more operations than `maxOperations`, which is {limit}")]
    TooManyOperations {
        /// The limit.
        limit: usize,
    },
    /// The tenant has as many requests waiting as it may have.
    #[error("{limit} asynchronous requests are waiting, which is the limit; try again later")]
    TooManyWaiting {
        /// The limit.
        limit: i64,
    },
    /// More people were deprovisioned than the tenant lets go in a time.
    #[error(
        "this person is not deprovisioned yet: more people went in a short time than this tenant \
         allows, and an administrator has to release the rest; keep trying"
    )]
    Held,
    /// The credential does not carry the right (RFC 6750 §3.1).
    #[error("this token lacks the scope {scope}")]
    LacksScope {
        /// The right that is needed.
        scope: &'static str,
    },
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// A part of the protocol that this server does not offer.
    #[error("{0} is not supported by this server")]
    NotImplemented(&'static str),
}

impl ScimError {
    /// The HTTP status, as a number: this module knows no HTTP crate.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidFilter(_)
            | Self::TooMany(_)
            | Self::InvalidSyntax(_)
            | Self::InvalidPath(_)
            | Self::NoTarget(_)
            | Self::InvalidValue(_)
            | Self::InvalidVersion
            | Self::InvalidCursor
            | Self::ExpiredCursor
            | Self::InvalidCount(_)
            | Self::Mutability { .. } => 400,
            Self::LacksScope { .. } | Self::Forbidden(_) => 403,
            Self::NotFound { .. } => 404,
            Self::Uniqueness { .. } => 409,
            Self::PreconditionFailed { .. } => 412,
            Self::TooLarge { .. } | Self::TooManyOperations { .. } => 413,
            Self::TooManyWaiting { .. } | Self::Held => 429,
            Self::NotImplemented(_) => 501,
        }
    }

    /// The keyword of RFC 7644 §3.12, table 9, where the table has one.
    pub fn scim_type(&self) -> Option<ScimType> {
        match self {
            Self::InvalidFilter(_) => Some(ScimType::InvalidFilter),
            Self::TooMany(_) => Some(ScimType::TooMany),
            Self::InvalidSyntax(_) => Some(ScimType::InvalidSyntax),
            Self::InvalidPath(_) => Some(ScimType::InvalidPath),
            Self::NoTarget(_) => Some(ScimType::NoTarget),
            Self::InvalidValue(_) => Some(ScimType::InvalidValue),
            Self::InvalidVersion => Some(ScimType::InvalidVers),
            Self::InvalidCursor => Some(ScimType::InvalidCursor),
            Self::ExpiredCursor => Some(ScimType::ExpiredCursor),
            Self::InvalidCount(_) => Some(ScimType::InvalidCount),
            Self::Mutability { .. } => Some(ScimType::Mutability),
            Self::Uniqueness { .. } => Some(ScimType::Uniqueness),
            Self::LacksScope { .. }
            | Self::Forbidden(_)
            | Self::NotFound { .. }
            | Self::PreconditionFailed { .. }
            | Self::TooLarge { .. }
            | Self::TooManyOperations { .. }
            | Self::TooManyWaiting { .. }
            | Self::Held
            | Self::NotImplemented(_) => None,
        }
    }
}
