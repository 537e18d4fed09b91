//! Who is calling, as far as a request's headers tell.
//!
//! For diagnostics alone: what is read how is a matter of what the connection is
//! set to, since anybody can send a header.

use super::Dialect;

/// Beginnings of the `User-Agent` of directories, as recorded from them.
const AGENTS: [(&str, Dialect); 2] =
    [("Okta SCIM Client", Dialect::Okta), ("Google-Auto-Provisioning", Dialect::Google)];

/// The directory that sends such a request, if it can be told: by its
/// `User-Agent`, or by the header `Adscimversion`, which Entra alone sends.
pub fn recognise(user_agent: Option<&str>, adscimversion: bool) -> Option<Dialect> {
    let known = |agent: &str| AGENTS.iter().find(|(start, _)| agent.starts_with(start));
    match user_agent.and_then(known) {
        Some((_, dialect)) => Some(*dialect),
        None => adscimversion.then_some(Dialect::Entra),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_told_by_what_they_alone_send() {
        // Q11
        for (agent, adscimversion, expected) in [
            (Some("Okta SCIM Client 1.0.0"), false, Some(Dialect::Okta)),
            (Some("Google-Auto-Provisioning"), false, Some(Dialect::Google)),
            (None, true, Some(Dialect::Entra)),
            (Some("curl/8.5.0"), true, Some(Dialect::Entra)),
            (Some("curl/8.5.0"), false, None),
            (Some(""), false, None),
            (None, false, None),
        ] {
            assert_eq!(recognise(agent, adscimversion), expected, "{agent:?}");
        }
    }
}
