//! What a change of groups means to the people in them.

/// How the groups in `token-claims-change` are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupClaim {
    /// By their displayName.
    #[default]
    Name,
    /// By their id.
    Id,
}

impl GroupClaim {
    /// The setting's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
        }
    }

    /// The setting of that value.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Name, Self::Id].into_iter().find(|claim| claim.as_str() == value)
    }
}
