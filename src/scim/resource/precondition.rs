//! `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13.1).

use super::Version;
use crate::scim::ScimError;

/// What a request says about the version of the resource.
#[derive(Debug, Clone, Default)]
pub struct Preconditions {
    /// `If-Match`.
    pub if_match: Option<Precondition>,
    /// `If-None-Match`.
    pub if_none_match: Option<Precondition>,
}

impl Preconditions {
    /// Refuses to change a resource of a version that the client does not mean.
    ///
    /// # Errors
    ///
    /// [`ScimError::PreconditionFailed`], which names the version.
    pub fn check(&self, version: Version) -> Result<(), ScimError> {
        let is_wanted = self.if_match.as_ref().is_none_or(|wanted| wanted.matches(version));
        let is_unwanted = self.if_none_match.as_ref().is_some_and(|not| not.matches(version));
        match is_wanted && !is_unwanted {
            true => Ok(()),
            false => Err(ScimError::PreconditionFailed { current: version.etag() }),
        }
    }
}

/// A list of entity tags, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: whatever version there is.
    Any,
    /// One of these opaque tags.
    Tags(Vec<String>),
}

impl Precondition {
    /// Reads the value of `If-Match` or `If-None-Match`.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidValue`] if it is neither `*` nor a list of entity tags.
    pub fn parse(header: &str) -> Result<Self, ScimError> {
        if header.trim() == "*" {
            return Ok(Self::Any);
        }
        let malformed = || {
            ScimError::InvalidValue(
                "the precondition is not `*` or a list of entity tags such as W/\"1\"".to_owned(),
            )
        };
        let mut tags = Vec::new();
        let mut rest = header.trim();
        while !rest.is_empty() {
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let (tag, behind) = quoted
                .strip_prefix('"')
                .and_then(|open| open.split_once('"'))
                .ok_or_else(malformed)?;
            tags.push(tag.to_owned());
            rest = match behind.trim_start() {
                "" => "",
                more => more.strip_prefix(',').ok_or_else(malformed)?.trim_start(),
            };
        }
        if tags.is_empty() { Err(malformed()) } else { Ok(Self::Tags(tags)) }
    }

    /// Whether a resource of that version is meant.
    ///
    /// Tags are compared weakly, although RFC 9110 wants strong comparison for
    /// `If-Match`: SCIM's own tags are weak, and would never match otherwise.
    pub fn matches(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| *tag == version.0.to_string()),
        }
    }
}
