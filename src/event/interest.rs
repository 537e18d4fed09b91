//! Whom a receiver wants to hear of, and whether an event is about them
//! (SSF 1.0 §8.1.3).

use serde_json::{Map, Value, json};

use super::{Naming, Subject, subject::address};

/// Bytes of a subject.
const MOST_BYTES: usize = 1_024;

/// Members that the formats of a simple subject must have, each a string
/// (RFC 9493 §3.2, SSF 1.0 §3.5, RFC 9967 §2.1).
const SIMPLE: [(&str, &[&str]); 10] = [
    ("account", &["uri"]),
    ("email", &["email"]),
    ("iss_sub", &["iss", "sub"]),
    ("opaque", &["id"]),
    ("phone_number", &["phone_number"]),
    ("did", &["url"]),
    ("uri", &["uri"]),
    ("scim", &["uri"]),
    ("jwt_id", &["iss", "jti"]),
    ("saml_assertion_id", &["issuer", "assertion_id"]),
];

/// A subject as a receiver names it, in one form: without what its format does not
/// know, and with its members in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSubject(Value);

impl NamedSubject {
    /// Reads a subject identifier.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn read(subject: &Value) -> Result<Self, String> {
        let named = match format_of(subject)? {
            "complex" => complex(subject)?,
            "aliases" => aliases(subject)?,
            _ => simple(subject)?,
        };
        match named.to_string().len() {
            0..=MOST_BYTES => Ok(Self(named)),
            _ => Err(format!("a subject has at most {MOST_BYTES} bytes")),
        }
    }

    /// Takes back what [`NamedSubject::text`] gave.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The subject as text, the same for the same subject.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Whether it has several principals (SSF 1.0 §3.3).
    pub fn is_complex(&self) -> bool {
        self.0.get("format").and_then(Value::as_str) == Some("complex")
    }

    /// Whether two subjects match: simple ones if they are identical, complex ones
    /// if what both define is identical. Two that have nothing in common would match
    /// by the letter of SSF 1.0 §8.1.3.1; we do not take them for each other.
    pub fn matches(&self, other: &Self) -> bool {
        if !self.is_complex() || !other.is_complex() {
            return self == other;
        }
        let shared = members(&self.0).filter_map(|(name, ours)| Some((ours, other.0.get(name)?)));
        let (mut some, mut all) = (false, true);
        for (ours, theirs) in shared {
            some = true;
            all &= ours == theirs;
        }
        some && all
    }

    /// Whether an event about `who` is about this subject.
    pub fn is_about(&self, who: &Known) -> bool {
        if !self.is_complex() {
            return who.names.contains(self);
        }
        let (mut some, mut all) = (false, true);
        for (name, named) in members(&self.0) {
            let named = Self(named.clone());
            let same = match name.as_str() {
                "tenant" => named == who.tenant,
                "user" | "group" => name == who.principal && who.names.contains(&named),
                // An event defines none of the others.
                _ => continue,
            };
            some = true;
            all &= same;
        }
        some && all
    }
}

/// Every name under which a receiver may know whom an event is about.
#[derive(Debug, Clone)]
pub struct Known {
    principal: &'static str,
    names: Vec<NamedSubject>,
    tenant: NamedSubject,
}

impl Known {
    /// The names that `subject` has at a stream with that naming.
    pub fn of(subject: &Subject, naming: &Naming<'_>) -> Self {
        let names = naming.names(subject);
        let names = names.iter().filter_map(|it| NamedSubject::read(it).ok()).collect();
        let principal = if subject.is_user() { "user" } else { "group" };
        let tenant = NamedSubject(json!({ "format": "opaque", "id": naming.tenant() }));
        Self { principal, names, tenant }
    }

    /// The names as texts.
    pub fn texts(&self) -> Vec<String> {
        self.names.iter().map(NamedSubject::text).collect()
    }
}

fn format_of(subject: &Value) -> Result<&str, String> {
    let format = subject.get("format").and_then(Value::as_str);
    format.ok_or_else(|| "a subject is an object with a `format`".to_owned())
}

fn simple(subject: &Value) -> Result<Value, String> {
    let format = format_of(subject)?;
    if format == "ip-addresses" {
        return addresses(subject);
    }
    let known = SIMPLE.into_iter().find(|(name, _)| *name == format);
    let (_, required) = known.ok_or_else(|| "the format of a subject is not known".to_owned())?;
    let mut named = Map::new();
    named.insert("format".to_owned(), format.into());
    for name in required {
        let text = subject.get(*name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("a subject of the format {format} has `{name}`"))?;
        named.insert((*name).to_owned(), folded(name, text).into());
    }
    Ok(Value::Object(named))
}

/// The domain of an address ignores case, as in the subjects that we send.
fn folded(name: &str, text: &str) -> String {
    let address = if name == "email" { address(text) } else { None };
    address.unwrap_or_else(|| text.to_owned())
}

fn addresses(subject: &Value) -> Result<Value, String> {
    let given = subject.get("ip-addresses").and_then(Value::as_array);
    match given {
        Some(given) if !given.is_empty() && given.iter().all(Value::is_string) => {
            Ok(json!({ "format": "ip-addresses", "ip-addresses": given }))
        }
        _ => Err("`ip-addresses` is an array of strings".to_owned()),
    }
}

fn aliases(subject: &Value) -> Result<Value, String> {
    let given = subject.get("identifiers").and_then(Value::as_array);
    let given = given.filter(|given| !given.is_empty());
    let given = given.ok_or("`identifiers` is an array of subjects")?;
    let named = given.iter().map(simple).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "format": "aliases", "identifiers": named }))
}

fn complex(subject: &Value) -> Result<Value, String> {
    let mut given: Vec<(&String, &Value)> = members(subject).collect();
    if given.is_empty() {
        return Err("a complex subject has a member such as `user` or `tenant`".to_owned());
    }
    given.sort_by_key(|(name, _)| *name);
    let mut named = Map::new();
    named.insert("format".to_owned(), "complex".into());
    for (name, member) in given {
        named.insert(name.clone(), simple(member)?);
    }
    Ok(Value::Object(named))
}

/// The principals of a complex subject.
fn members(subject: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let members = subject.as_object().into_iter().flatten();
    members.filter(|(name, _)| *name != "format")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(subject: Value) -> NamedSubject {
        NamedSubject::read(&subject).unwrap()
    }

    #[track_caller]
    fn check(one: Value, other: Value, matches: bool) {
        let (one, other) = (read(one), read(other));
        assert_eq!(one.matches(&other), matches, "{one:?} {other:?}");
        assert_eq!(other.matches(&one), matches, "{other:?} {one:?}");
        assert_eq!(NamedSubject::from_text(&one.text()), Some(one));
    }

    #[test]
    fn subjects_match_as_ssf_says() {
        let email = |address: &str| json!({ "format": "email", "email": address });
        let opaque = |id: &str| json!({ "format": "opaque", "id": id });
        let complex = |members: Value| {
            let mut complex = json!({ "format": "complex" });
            complex.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            complex
        };
        check(email("jo@acme.test"), email("jo@ACME.test"), true);
        check(email("jo@acme.test"), email("Jo@acme.test"), false);
        check(email("jo@acme.test"), opaque("jo@acme.test"), false);
        let (user, tenant) = (email("jo@acme.test"), opaque("acme"));
        let both = || complex(json!({ "user": user, "tenant": tenant }));
        check(both(), complex(json!({ "tenant": tenant, "user": user })), true);
        check(both(), complex(json!({ "tenant": tenant })), true);
        check(both(), complex(json!({ "tenant": opaque("globex") })), false);
        check(both(), complex(json!({ "user": user, "device": opaque("d") })), true);
        check(complex(json!({ "user": user })), complex(json!({ "device": opaque("d") })), false);
        check(both(), user, false);
    }
}
