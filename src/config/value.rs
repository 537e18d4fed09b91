//! Types of settings: how text becomes a value and how a value is shown.

use std::{fmt, net::SocketAddr, path::Path, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A type that a setting can have.
pub trait Setting {
    /// What a value looks like, as an error says it.
    const EXPECTED: &'static str;
    /// Whether the flag may stand without a value.
    const IS_SWITCH: bool = false;
    /// Whether a value may hold a password.
    const IS_SECRET: bool = false;

    /// Reads a flag or a variable. Text that does not fit stays text; the check
    /// against the type says so.
    fn read(text: &str) -> figment::value::Value {
        text.into()
    }

    /// The value as it may be shown to people: secrets masked.
    fn show(&self) -> Value;
}

impl<T: Setting> Setting for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const IS_SECRET: bool = T::IS_SECRET;

    fn read(text: &str) -> figment::value::Value {
        T::read(text)
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, Setting::show)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";
    const IS_SWITCH: bool = true;

    fn read(text: &str) -> figment::value::Value {
        text.trim().parse::<bool>().map_or_else(|_| text.into(), Into::into)
    }

    fn show(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const EXPECTED: &'static str = "a whole number, 0 or more";

            fn read(text: &str) -> figment::value::Value {
                text.trim().parse::<u64>().map_or_else(|_| text.into(), Into::into)
            }

            fn show(&self) -> Value {
                Value::from(*self)
            }
        }
    )+};
}
whole_number!(u32, u64, usize);

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an IP address and a port, such as 127.0.0.1:8080";

    fn show(&self) -> Value {
        Value::String(self.to_string())
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a file path";

    fn show(&self) -> Value {
        Value::String(self.display().to_string())
    }
}

/// Where the data is: an SQLite file or a PostgreSQL database.
///
/// `Debug` and `Display` mask the password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseTarget<'a> {
    /// The file of an SQLite database.
    Sqlite(&'a Path),
    /// The URL of a PostgreSQL database, password included.
    Postgres(&'a str),
}

impl DatabaseUrl {
    /// What the URL points at.
    pub fn target(&self) -> DatabaseTarget<'_> {
        if is_postgres(&self.0) {
            return DatabaseTarget::Postgres(&self.0);
        }
        let path = self.0.strip_prefix("sqlite:").unwrap_or(&self.0);
        DatabaseTarget::Sqlite(Path::new(path.strip_prefix("//").unwrap_or(path)))
    }
}

fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self("sqlite:./muster.db".to_owned())
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let other_scheme = text.contains("://") && !text.starts_with("sqlite:");
        match text.trim_start_matches("sqlite:").trim_matches('/').is_empty() {
            false if is_postgres(&text) || !other_scheme => Ok(Self(text)),
            _ => Err(Self::EXPECTED),
        }
    }
}

impl Setting for DatabaseUrl {
    const EXPECTED: &'static str = "a file path, sqlite:path or postgres://host/name";
    const IS_SECRET: bool = true;

    fn show(&self) -> Value {
        Value::String(self.to_string())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `url` with `***` for its password, also for one in the query.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    let query = query.map(|query| {
        let parameters = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.contains("pass") => format!("{name}=***"),
            Some(_) | None => pair.to_owned(),
        });
        format!("?{}", parameters.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

/// The address of the ops listener, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct OpsListen(pub Option<SocketAddr>);

impl Default for OpsListen {
    fn default() -> Self {
        Self(Some(SocketAddr::from(([127, 0, 0, 1], 9090))))
    }
}

impl TryFrom<String> for OpsListen {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(Self(None)),
            text => text.parse().map(|address| Self(Some(address))).map_err(|_| Self::EXPECTED),
        }
    }
}

impl Setting for OpsListen {
    const EXPECTED: &'static str = "an IP address and a port, such as 127.0.0.1:9090, or off";

    fn show(&self) -> Value {
        Value::String(self.0.map_or_else(|| "off".to_owned(), |address| address.to_string()))
    }
}

/// An `http` or `https` URL without query, and without a slash at its end.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let uri: http::Uri = text.parse().map_err(|_| Self::EXPECTED)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        match is_http && has_host && uri.query().is_none() {
            true => Ok(Self(text.trim_end_matches('/').to_owned())),
            false => Err(Self::EXPECTED),
        }
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl Setting for HttpUrl {
    const EXPECTED: &'static str = "a URL such as https://muster.example.com";
    const IS_SECRET: bool = true;

    fn show(&self) -> Value {
        Value::String(masked(&self.0))
    }
}

/// Which log lines are written, in the directives of `tracing`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LogFilter(String);

impl LogFilter {
    /// Nothing but warnings and errors.
    pub fn warnings() -> Self {
        Self("warn".to_owned())
    }

    /// The directives.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info,sea_orm_migration=warn,sqlx=warn".to_owned())
    }
}

impl TryFrom<String> for LogFilter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match tracing_subscriber::EnvFilter::try_new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(Self::EXPECTED),
        }
    }
}

impl Setting for LogFilter {
    const EXPECTED: &'static str = "log directives such as info or info,muster::delivery=debug";

    fn show(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const EXPECTED: &'static str = "text or json";

    fn show(&self) -> Value {
        Value::from(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}
