//! The composition root: what is made of what, and what runs.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    config::{DatabaseTarget, Settings},
    delivery::{
        OutgoingClient, OutgoingError, alarm::Alarm, issue::Issuer, keys::KeyRing, poll::Poller,
        push::Pusher, rotation::Rotation, sink, upkeep::Upkeep, worker::DeliveryWorker,
    },
    event::SinkKind,
    http::{self, Public, Served, ops::Ready, serve, tls},
    provision::{
        Asynchronous, Fence, GlobalRevocation, IssuerKeys, KeySource, Limits, Provisioner,
        operator::{Operator, Rehearsal, Speaking},
        ssf::Transmitter,
    },
    store::{self, KeyError, Location, SealedKey, SecretKey, Store, StoreError},
    telemetry,
    tenant::TenantId,
};

pub use crate::store::{MigrateCommand, MigrationState};

/// Why the service could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or brought up to date.
    #[error("could not open the database")]
    Store(#[from] StoreError),
    /// The file with the secret key cannot be read or made.
    #[error("could not open the secret key file {0}")]
    SecretFile(PathBuf, #[source] io::Error),
    /// The secret key is not usable.
    #[error("could not use the secret key file {0}")]
    Secret(PathBuf, #[source] KeyError),
    /// The client for receivers cannot be made.
    #[error("could not prepare to send events")]
    Outgoing(#[from] OutgoingError),
    /// The TLS certificate or its key is not usable.
    #[error("could not use the TLS certificate")]
    Tls(#[from] tls::TlsError),
    /// An address cannot be listened at.
    #[error("could not listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A server stopped.
    #[error("a server stopped")]
    Serve(#[source] io::Error),
}

/// The service, ready to listen.
#[derive(Debug)]
pub struct App {
    /// The operator's use cases.
    pub operator: Operator,
    settings: Settings,
    provisioner: Provisioner,
    store: Store,
    clock: Clock,
    secret: Arc<SecretKey>,
}

/// The service, listening but not yet answering.
#[derive(Debug)]
pub struct Bound {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    ops: Option<TcpListener>,
}

impl App {
    /// Opens the database, brings its schema up to date, and opens the secret key.
    ///
    /// # Errors
    ///
    /// [`StartError`], saying which part failed.
    pub async fn open(settings: Settings) -> Result<Self, StartError> {
        let location = location(&settings);
        store::migrate(&location, MigrateCommand::Up).await?;
        let clock = Clock::system();
        let store = Store::open(&location, settings.database_connections).await?;
        let sealed = store.any_signing_key().await?;
        let secret = secret_key(&settings.secret_key_file, &clock, sealed.as_ref())?;
        let secret = Arc::new(secret);
        let provisioner = provisioner(&settings, &store, &clock, &secret);
        let operator = Operator::new(
            provisioner.clone(),
            Arc::clone(&secret),
            Arc::new(settings.receiver_rules()),
            Arc::new(Sinks),
        )
        .with_key_times(settings.key_times());
        Ok(Self { operator, settings, provisioner, store, clock, secret })
    }

    /// Takes the addresses of the settings.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`] if one is taken.
    pub async fn listen(self) -> Result<Bound, StartError> {
        let listener = bind(self.settings.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|error| StartError::Listen(self.settings.listen, error))?;
        let ops = match self.settings.ops_listen.0 {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Bound { app: self, listener, address, ops })
    }

    /// Starts what works beside the requests, and gives what the requests need.
    fn start(
        self,
        tasks: &mut JoinSet<io::Result<()>>,
        shutdown: &CancellationToken,
    ) -> Result<Served, StartError> {
        let provisioner = self.provisioner.clone();
        let asynchronous = Asynchronous::new(provisioner.clone(), Arc::clone(&self.secret));
        let transmitter = self.transmitter()?;
        let keys = KeyRing::new(self.store.clone(), Arc::clone(&self.secret));
        let issuer = Issuer::new(keys.clone(), &self.settings.base_url());

        self.deliver(keys, issuer.clone(), tasks, shutdown)?;
        tasks.spawn(background(asynchronous.clone().run(shutdown.clone())));
        tasks.spawn(background(self.operator.clone().offboard_when_due(shutdown.clone())));
        tasks.spawn(background(self.operator.clone().chain_records(shutdown.clone())));
        tasks.spawn(background(transmitter.clone().look_after_streams(shutdown.clone())));
        let (log, store, stop) = (provisioner.log().clone(), self.store.clone(), shutdown.clone());
        tasks.spawn(background(async move { log.run(store, stop).await }));

        let poller = Poller::new(self.store.clone(), issuer, self.clock.clone(), shutdown.clone());
        let fence = self.fence(shutdown.clone());
        let revocation = self.revocation()?;
        let Self { operator, settings, store, clock, .. } = self;
        Ok(Served {
            store,
            clock,
            provisioner,
            asynchronous,
            operator,
            transmitter,
            poller,
            fence,
            revocation,
            proxies: settings.trusted_proxies.0.into(),
            max_body_bytes: settings.max_body_bytes,
        })
    }

    /// Starts what sends events, and what keeps keys, rows and receipts in order.
    fn deliver(
        &self,
        keys: KeyRing,
        issuer: Issuer,
        tasks: &mut JoinSet<io::Result<()>>,
        shutdown: &CancellationToken,
    ) -> Result<(), StartError> {
        let (store, clock) = (&self.store, &self.clock);
        let pusher = Pusher::new(OutgoingClient::new(self.settings.receiver_rules())?);
        let worker = DeliveryWorker::new(store.clone(), keys, issuer, pusher, clock.clone());
        let upkeep = Upkeep::new(store.clone(), clock.clone(), self.settings.delivered_days);
        let alarm = Alarm::new(store.clone(), clock.clone());
        tasks.spawn(background(worker.run(shutdown.clone())));
        tasks.spawn(background(upkeep.run(shutdown.clone())));
        tasks.spawn(background(alarm.run(shutdown.clone())));
        tasks.spawn(background(self.rotation().run(shutdown.clone())));
        Ok(())
    }

    fn transmitter(&self) -> Result<Transmitter, StartError> {
        let rules = Arc::new(self.settings.receiver_rules());
        let (store, clock, secret) =
            (self.store.clone(), self.clock.clone(), Arc::clone(&self.secret));
        let places = (rules, self.issuer_keys()?);
        Ok(Transmitter::new(store, clock, secret, &self.settings.base_url(), places))
    }

    fn issuer_keys(&self) -> Result<IssuerKeys, StartError> {
        let source = Arc::new(Keys(OutgoingClient::new(self.settings.receiver_rules())?));
        Ok(IssuerKeys::new(self.clock.clone(), source))
    }

    fn rotation(&self) -> Rotation {
        let (store, secret) = (self.store.clone(), Arc::clone(&self.secret));
        Rotation::new(store, secret, self.clock.clone(), self.settings.key_times())
    }

    fn fence(&self, shutdown: CancellationToken) -> Fence {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let settings = &self.settings;
        Fence::new(store, clock, &settings.base_url(), settings.fence_hours, shutdown)
    }

    fn revocation(&self) -> Result<GlobalRevocation, StartError> {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let keys = self.issuer_keys()?;
        Ok(GlobalRevocation::new(store, clock, &self.settings.base_url(), keys))
    }

    /// Listens and serves until `shutdown`.
    ///
    /// # Errors
    ///
    /// [`StartError`] if an address is taken or a server stops.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), StartError> {
        self.listen().await?.serve(shutdown).await
    }
}

impl Bound {
    /// The address of the public listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the ops listener.
    pub fn ops_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().and_then(|ops| ops.local_addr().ok())
    }

    /// Serves until `shutdown`, then finishes what runs, within ten seconds.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the certificate cannot be used or a server stops.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let ops_address = self.ops_address();
        let Self { app, listener, address, ops } = self;
        let certificate = match (&app.settings.tls_cert, &app.settings.tls_key) {
            (Some(cert), Some(key)) => Some(Arc::new(tls::Certificate::load(cert, key)?)),
            _ => None,
        };
        let limits = serve::Limits {
            connections: usize::try_from(app.settings.max_connections).unwrap_or(usize::MAX),
            ..Default::default()
        };
        let public_url = app.settings.base_url();
        let store = app.store.clone();
        if let Err(error) = store.warm_up().await {
            // Requests will ask again.
            warn!(error = telemetry::causes(&error), "could not open all connections");
        }

        let mut tasks = JoinSet::new();
        let served = app.start(&mut tasks, &shutdown)?;
        if let Some(ops) = ops {
            let route = http::ops::route(Arc::new(Database(store)), telemetry::metrics());
            tasks.spawn(serve::serve(route, ops, None, serve::Limits::default(), shutdown.clone()));
        }
        if let Some(metrics) = telemetry::metrics() {
            tasks.spawn(background(telemetry::upkeep(metrics, shutdown.clone())));
        }
        let public = Public::new(served);
        tasks.spawn(serve::serve(public, listener, certificate, limits, shutdown.clone()));
        info!(%address, ops = ops_address.map(|ops| ops.to_string()), public_url, "serving");
        finish(tasks, shutdown).await
    }
}

/// Work that cannot fail, beside servers that can.
async fn background(work: impl Future<Output = ()>) -> io::Result<()> {
    work.await;
    Ok(())
}

/// Waits for every task; when one ends early the others are told to stop.
async fn finish(
    mut tasks: JoinSet<io::Result<()>>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        shutdown.cancel();
        let ended = ended.unwrap_or_else(|error| Err(io::Error::other(error)));
        outcome = outcome.and(ended.map_err(StartError::Serve));
    }
    info!("stopped");
    outcome
}

/// Runs, undoes or tells the steps of the schema.
///
/// # Errors
///
/// [`StartError::Store`] with what the database said.
pub async fn migrate(
    settings: &Settings,
    command: MigrateCommand,
) -> Result<Vec<MigrationState>, StartError> {
    Ok(store::migrate(&location(settings), command).await?)
}

/// The OpenAPI documents by file name, the same for the same program.
pub fn openapi() -> Vec<(&'static str, String)> {
    let mut documents = vec![("scim.json", http::scim_spec()), ("admin.json", http::admin::spec())];
    for (_, text) in &mut documents {
        text.push('\n');
    }
    documents
}

/// The receivers that this program can speak to.
#[derive(Debug)]
struct Sinks;

#[async_trait]
impl Speaking for Sinks {
    fn check(
        &self,
        kind: SinkKind,
        endpoint_url: &str,
        settings: &Value,
        secrets: Option<&SecretString>,
    ) -> Result<(), String> {
        sink::check(kind, endpoint_url, settings, secrets)
    }

    async fn rehearse(&self, attempt: Rehearsal<'_>) -> (Vec<Value>, Option<String>) {
        let Rehearsal { claim, secrets, issuer, now_us } = attempt;
        sink::rehearse(claim, secrets, issuer, now_us).await
    }
}

/// Keys of issuers, fetched under the rules for receivers.
struct Keys(OutgoingClient);

impl KeySource for Keys {
    fn fetch(&self, url: String) -> BoxFuture<'_, Result<Value, String>> {
        Box::pin(async move { self.0.document(&url).await })
    }
}

/// Whether the database answers: then requests can be served.
struct Database(Store);

impl Ready for Database {
    fn ready(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { self.0.ping().await.map_err(|error| error.to_string()) })
    }
}

fn provisioner(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    secret: &SecretKey,
) -> Provisioner {
    let limits = Limits {
        max_results: u64::from(settings.max_results),
        default_results: u64::from(settings.default_page),
        scan_rows: u64::from(settings.scan_limit_rows),
        scan_time: settings.scan_limit(),
    };
    let (store, clock) = (store.clone(), clock.clone());
    Provisioner::new(store, clock, &settings.base_url(), limits, secret.cursors())
}

fn location(settings: &Settings) -> Location {
    match settings.database_url.target() {
        DatabaseTarget::Sqlite(path) => Location::Sqlite(path.to_owned()),
        DatabaseTarget::Postgres(url) => Location::Postgres(url.to_owned()),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen(address, error))
}

/// Opens the key that secrets in the database are sealed with. It is made at the
/// first start, when nothing is sealed yet; a service with another key could
/// serve, but sign nothing.
fn secret_key(
    path: &Path,
    clock: &Clock,
    sealed: Option<&(TenantId, SealedKey)>,
) -> Result<SecretKey, StartError> {
    if sealed.is_none() {
        match make_secret_key(path, clock) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StartError::SecretFile(path.to_owned(), error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    let wrong = |error| StartError::Secret(path.to_owned(), error);
    let secret = SecretKey::read(path).map_err(wrong)?;
    if let Some((tenant, key)) = sealed {
        secret.open_signing_key(*tenant, key).map_err(wrong)?;
    }
    Ok(secret)
}

/// Makes the file whole or not at all: it is linked to its name when it is written.
fn make_secret_key(path: &Path, clock: &Clock) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let draft = path.with_extension(format!("draft-{}", clock.new_id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", STANDARD.encode(clock.random::<32>()))?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    linked
}
