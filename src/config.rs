//! Settings: what they are, where they come from, how they are shown.
//!
//! There is one table of settings, below. The type, its defaults, the command
//! line flags, the `MUSTER_…` names and the text of `muster config` are made
//! from it, so they cannot disagree. A later source overrides an earlier one:
//! default, TOML file, environment, flag.

mod load;
mod receivers;
#[cfg(test)]
mod tests;
mod value;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::tenant::{KeyTimes, receiver_url::ReceiverRules};

pub use load::{ConfigError, Loaded, Origin, Sources};
pub use receivers::{Networks, Ports};
pub use value::{DatabaseTarget, DatabaseUrl, HttpUrl, LogFilter, LogFormat, OpsListen, Setting};

/// What is known of one setting apart from its value.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in the file; the flag and the variable are made from it.
    pub name: &'static str,
    /// What it does, with unit and default.
    pub doc: &'static str,
    /// What a value looks like, as an error says it.
    pub expected: &'static str,
    /// Whether the flag may stand without a value.
    pub is_switch: bool,
    /// Whether a wrong value may not be repeated in an error.
    pub is_secret: bool,
    read: fn(&str) -> figment::value::Value,
}

impl Field {
    /// The flag without its dashes, such as `database-url`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The environment variable, such as `MUSTER_DATABASE_URL`.
    pub fn variable(&self) -> String {
        format!("{}{}", load::PREFIX, self.name.to_ascii_uppercase())
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+) => {
        /// The effective settings of a process.
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Settings {
            /// All settings, in the order in which they are shown.
            pub const FIELDS: &'static [Field] = &[$(Field {
                name: stringify!($name),
                doc: concat!($($doc),+),
                expected: <$type as Setting>::EXPECTED,
                is_switch: <$type as Setting>::IS_SWITCH,
                is_secret: <$type as Setting>::IS_SECRET,
                read: <$type as Setting>::read,
            }),+];

            /// Every value by name, secrets masked.
            fn values(&self) -> Vec<(&'static str, serde_json::Value)> {
                vec![$((stringify!($name), Setting::show(&self.$name))),+]
            }
        }
    };
}

settings! {
    /// Database: a file path, `sqlite:path` or `postgres://user:password@host/name`.
    /// Default `sqlite:./muster.db`.
    database_url: DatabaseUrl = DatabaseUrl::default(),
    /// Connections to PostgreSQL; SQLite has one writer and four readers.
    /// Default 16.
    database_connections: u32 = 16,
    /// Address and port for SCIM, events and administration. Default `127.0.0.1:8080`.
    listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
    /// Address and port for health and metrics, or `off`. Default `127.0.0.1:9090`.
    ops_listen: OpsListen = OpsListen::default(),
    /// URL under which clients reach this service; links and token issuers are made from it.
    /// Default: made from `listen`.
    public_url: Option<HttpUrl> = None,
    /// PEM file with the TLS certificate and its chain, read again when it changes.
    /// Default: no TLS.
    tls_cert: Option<PathBuf> = None,
    /// PEM file with the private key of `tls_cert`. Default: no TLS.
    tls_key: Option<PathBuf> = None,
    /// Whether plain HTTP may listen beyond loopback, for instance behind a proxy.
    /// Default false.
    insecure_http: bool = false,
    /// Networks of the proxies in front, whose `X-Forwarded-For` is believed, such as
    /// `10.1.0.0/16`; it matters to tokens that are limited to networks. Default: none.
    trusted_proxies: Networks = Networks::default(),
    /// File with the key that encrypts signing keys and receiver secrets in the database;
    /// made at the first start. Default `./muster.key`.
    secret_key_file: PathBuf = PathBuf::from("./muster.key"),
    /// Days after which a tenant's signing key is replaced by a new one; 0 for by command alone.
    /// Default 90.
    signing_key_days: u32 = 90,
    /// Time for which the key set shows a new signing key before it is used, in seconds. Shorter
    /// than the 900 for which receivers may keep the key set is for trials. Default 86400 (1 day).
    signing_key_lead_s: u64 = 86_400,
    /// Time for which the key set shows a signing key after its last use, in seconds.
    /// Default 1209600 (14 days).
    signing_key_kept_s: u64 = 1_209_600,
    /// Largest request body, in bytes. Default 8388608 (8 MiB).
    max_body_bytes: usize = 8 * 1024 * 1024,
    /// Connections served at a time; more wait. Default 10000.
    max_connections: u32 = 10_000,
    /// Most resources in one page of an answer. Default 1000.
    max_results: u32 = 1_000,
    /// Resources in a page if the request names no `count`. Default 100, or `max_results`
    /// if that is less.
    default_page: u32 = 100,
    /// Rows that a filter without an index may look at before the answer is `tooMany`.
    /// Default 100000.
    scan_limit_rows: u32 = 100_000,
    /// Time that a filter without an index may take, in milliseconds. Default 5000.
    scan_limit_ms: u64 = 5_000,
    /// Whether event receivers on loopback may be reached over plain HTTP, for trials.
    /// Default false.
    allow_http_receivers: bool = false,
    /// Networks that are not public in which event receivers may be, such as
    /// `10.1.0.0/16,fd00:1::/32`. Default: none.
    receiver_networks: Networks = Networks::default(),
    /// Ports of event receivers beside 443, such as `8443,9443`. Default: none.
    receiver_ports: Ports = Ports::default(),
    /// Days for which deliveries that were made are kept, 1 to 90. Default 7.
    delivered_days: u32 = 7,
    /// Hours for which the fence tells services to refuse the tokens of those whose
    /// sessions ended: the longest life of an access token, at most `delivered_days`.
    /// Default 24.
    fence_hours: u32 = 24,
    /// What is logged, as directives such as `info,muster::delivery=debug`. Default
    /// `info,sea_orm_migration=warn,sqlx=warn`: no statements and no steps of migrations.
    log: LogFilter = LogFilter::default(),
    /// Form of the log: `text` or `json`. Default `text`.
    log_format: LogFormat = LogFormat::Text,
    /// Base URL of an OpenTelemetry collector (OTLP over HTTP) that gets traces.
    /// Default: none.
    otlp_endpoint: Option<HttpUrl> = None,
    /// Whether metrics are kept and served at `/metrics` of `ops_listen`. Default true.
    metrics: bool = true,
}

impl Settings {
    /// Loads the settings from `sources` and checks that they fit together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], one line, naming the setting and where it came from.
    pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
        load::load(sources)
    }

    /// URL under which clients reach this service, without a slash at its end.
    pub fn base_url(&self) -> String {
        if let Some(url) = &self.public_url {
            return url.as_str().to_owned();
        }
        let scheme = if self.serves_tls() { "https" } else { "http" };
        match self.listen.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{}", self.listen.port()),
            false => format!("{scheme}://{}", self.listen),
        }
    }

    /// Whether the public listener speaks TLS.
    pub fn serves_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Where events may be sent.
    pub fn receiver_rules(&self) -> ReceiverRules {
        ReceiverRules::default()
            .with_loopback(self.allow_http_receivers)
            .with_networks(self.receiver_networks.0.clone())
            .with_ports(&self.receiver_ports.0)
    }

    /// Time that a filter without an index may take.
    pub fn scan_limit(&self) -> Duration {
        Duration::from_millis(self.scan_limit_ms)
    }

    /// How long signing keys live.
    pub fn key_times(&self) -> KeyTimes {
        let days = u64::from(self.signing_key_days);
        KeyTimes {
            shown_before: Duration::from_secs(self.signing_key_lead_s),
            kept_after: Duration::from_secs(self.signing_key_kept_s),
            replaced_after: (0 < days).then(|| Duration::from_hours(24 * days)),
        }
    }

    /// Checks what the type of a single setting cannot say.
    fn check(&self) -> Result<(), String> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => return Err("`tls_cert` is set and needs `tls_key`".to_owned()),
            (None, Some(_)) => return Err("`tls_key` is set and needs `tls_cert`".to_owned()),
            (None, None) if !self.listen.ip().is_loopback() && !self.insecure_http => {
                return Err(format!(
                    "`listen` {} is not loopback: set `tls_cert` and `tls_key`, or \
                     `insecure_http` if a proxy in front speaks TLS",
                    self.listen
                ));
            }
            (None, None) | (Some(_), Some(_)) => (),
        }
        let counts = [
            ("database_connections", u64::from(self.database_connections)),
            ("max_connections", u64::from(self.max_connections)),
            ("max_results", u64::from(self.max_results)),
            ("default_page", u64::from(self.default_page)),
            ("scan_limit_rows", u64::from(self.scan_limit_rows)),
            ("scan_limit_ms", self.scan_limit_ms),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("`{name}` is 0: expected at least 1"));
        }
        if self.max_body_bytes < 1024 {
            return Err(format!(
                "`max_body_bytes` is {}: expected at least 1024",
                self.max_body_bytes
            ));
        }
        if !(1..=90).contains(&self.delivered_days) {
            return Err(format!("`delivered_days` is {}: expected 1 to 90", self.delivered_days));
        }
        if !(1..=self.delivered_days * 24).contains(&self.fence_hours) {
            return Err(format!(
                "`fence_hours` is {}: expected at least 1 and at most `delivered_days`, {} days",
                self.fence_hours, self.delivered_days
            ));
        }
        if self.max_results < self.default_page {
            return Err(format!(
                "`default_page` is {}: expected at most `max_results`, {}",
                self.default_page, self.max_results
            ));
        }
        Ok(())
    }
}
