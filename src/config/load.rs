//! Merging the sources of settings, and saying which one was wrong.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Profile, Provider,
    providers::{Format, Serialized, Toml},
    value::{Dict, Value},
};

use super::{Field, Settings};

/// What names of environment variables begin with.
pub(super) const PREFIX: &str = "MUSTER_";

/// The file that is read if none is named.
const DEFAULT_FILE: &str = "./muster.toml";

/// `MUSTER_CONFIG` names the file, so it is no setting itself.
const FILE_VARIABLE: &str = "MUSTER_CONFIG";

/// What the settings are made from, apart from the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file; it must exist. Without one, `./muster.toml` is read if it is there.
    pub file: Option<PathBuf>,
    /// Variables by full name; those without the prefix `MUSTER_` are ignored.
    pub environment: Vec<(String, String)>,
    /// Flags by setting, such as `("listen", "127.0.0.1:0")`.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The sources of this process: its environment beside what the command line says.
    pub fn process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self { file, environment, flags }
    }
}

/// Where the value of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was set nowhere.
    Default,
    /// The TOML file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// Settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The effective settings.
    pub settings: Settings,
    origins: Vec<(&'static str, Origin)>,
}

impl Loaded {
    /// Every setting with its value, secrets masked, and its origin.
    ///
    /// What is made from other settings is shown as it is in effect.
    pub fn rows(&self) -> Vec<(&'static Field, serde_json::Value, Origin)> {
        let mut values = self.settings.values();
        for (name, value) in &mut values {
            if *name == "public_url" && value.is_null() {
                *value = self.settings.base_url().into();
            }
        }
        let rows = Settings::FIELDS.iter().zip(values);
        rows.map(|(field, (name, value))| (field, value, self.origin(name))).collect()
    }

    /// Where the setting `name` came from.
    pub fn origin(&self, name: &str) -> Origin {
        let found = self.origins.iter().rev().find(|(setting, _)| *setting == name);
        found.map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// Why settings could not be loaded. Every message is one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing is called that.
    #[error("there is no setting `{name}` ({origin}); `muster config` lists them")]
    Unknown {
        /// What it was called.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// The value does not fit the setting.
    #[error("`{name}` ({origin}): expected {expected}, found {found}")]
    Wrong {
        /// The setting.
        name: &'static str,
        /// Where the value stands.
        origin: Origin,
        /// What a value looks like.
        expected: &'static str,
        /// What was there; left out if it may be a secret.
        found: String,
    },
    /// The file cannot be read or is not TOML.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Each value is right, but not beside the others.
    #[error("{0}")]
    Conflict(String),
}

/// One source, read: settings by name, later ones over earlier ones.
type Layer = Vec<(&'static Field, Value, Origin)>;

pub(super) fn load(sources: Sources) -> Result<Loaded, ConfigError> {
    let mut merged = file_layer(sources.file)?;
    merged.extend(environment_layer(sources.environment)?);
    merged.extend(flag_layer(sources.flags)?);

    let figment = merged.iter().fold(Figment::new(), |figment, (field, value, _)| {
        figment.merge(Serialized::global(field.name, value))
    });
    let mut settings: Settings = figment.extract().map_err(|error| wrong(&error, &merged))?;
    if !merged.iter().any(|(field, _, _)| field.name == "default_page") {
        settings.default_page = settings.default_page.min(settings.max_results);
    }
    settings.check().map_err(ConfigError::Conflict)?;
    let origins = merged.into_iter().map(|(field, _, origin)| (field.name, origin)).collect();
    Ok(Loaded { settings, origins })
}

fn file_layer(named: Option<PathBuf>) -> Result<Layer, ConfigError> {
    let is_named = named.is_some();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
            return Ok(Layer::new());
        }
        Err(error) => return Err(ConfigError::File { path, reason: error.to_string() }),
    };
    let entries = parse_toml(&text).map_err(|reason| file_error(&path, &reason))?;
    let origin = Origin::File(path);
    entries
        .into_iter()
        .map(|(name, value)| Ok((field(&name, &origin)?, value, origin.clone())))
        .collect()
}

fn parse_toml(text: &str) -> Result<Dict, String> {
    let mut profiles = Toml::string(text).data().map_err(|error| error.to_string())?;
    Ok(profiles.remove(&Profile::Default).unwrap_or_default())
}

/// The parser draws the place over several lines; its first and last say it all.
fn file_error(path: &Path, reason: &str) -> ConfigError {
    let mut lines = reason.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("not TOML").to_owned();
    let reason = match lines.next_back() {
        Some(last) => format!("{first}: {last}"),
        None => first,
    };
    ConfigError::File { path: path.to_owned(), reason }
}

fn environment_layer(variables: Vec<(String, String)>) -> Result<Layer, ConfigError> {
    let ours = variables.into_iter().filter(|(name, _)| name != FILE_VARIABLE);
    ours.filter_map(|(variable, text)| {
        let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
        if is_of_kubernetes(&name) {
            return None;
        }
        let origin = Origin::Environment(variable);
        Some(field(&name, &origin).map(|field| (field, (field.read)(&text), origin)))
    })
    .collect()
}

/// Whether Kubernetes sets the variable beside a service that is called `muster`:
/// `MUSTER_SERVICE_HOST`, `MUSTER_PORT`, `MUSTER_PORT_8080_TCP_ADDR` and the like.
fn is_of_kubernetes(name: &str) -> bool {
    name == "port" || name.starts_with("port_") || name.starts_with("service_")
}

fn flag_layer(flags: Vec<(String, String)>) -> Result<Layer, ConfigError> {
    let layer = flags.into_iter().map(|(name, text)| {
        let origin = Origin::Flag(name.replace('_', "-"));
        let field = field(&name, &origin)?;
        Ok((field, (field.read)(&text), origin))
    });
    layer.collect()
}

fn field(name: &str, origin: &Origin) -> Result<&'static Field, ConfigError> {
    let found = Settings::FIELDS.iter().find(|field| field.name == name);
    found.ok_or_else(|| ConfigError::Unknown { name: name.to_owned(), origin: origin.clone() })
}

/// Finds the setting that `error` is about among what was set.
fn wrong(error: &figment::Error, merged: &Layer) -> ConfigError {
    let name = error.path.first().map_or("", String::as_str);
    match merged.iter().rev().find(|(field, _, _)| field.name == name) {
        Some((field, value, origin)) => ConfigError::Wrong {
            name: field.name,
            origin: origin.clone(),
            expected: field.expected,
            found: found(field, value),
        },
        None => ConfigError::Conflict(error.to_string()),
    }
}

fn found(field: &Field, value: &Value) -> String {
    match serde_json::to_string(value) {
        Ok(text) if !field.is_secret => text,
        Ok(_) | Err(_) => "something else".to_owned(),
    }
}
