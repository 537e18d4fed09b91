//! What the day needs: the service, a tenant, and the application, each as
//! real as one that is installed, in a folder that goes with them.

use std::{
    fs::{self, DirBuilder},
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::Client;
use secrecy::SecretString;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    application::{self, Application, Browser, Ended, Trust},
    directory::Directory,
    story::{Failed, Fault, Story},
};
use crate::{
    app::{App, Bound, StartError},
    clock::Clock,
    config::Settings,
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{NewStream, NewTenant, NewToken, Operator, OperatorError},
    scim::dialect::Dialect,
    tenant::Scope,
};

const TENANT: &str = "partner";
const CONNECTION: &str = "directory";
const AUDIENCE: &str = "https://app.example";

/// For a request of the demo itself.
const REQUEST: Duration = Duration::from_secs(30);
/// For what still runs when the demo ends.
const STOP: Duration = Duration::from_millis(1500);
/// A free port may be taken by somebody else before we listen at it.
const PORTS_TRIED: usize = 5;
const TOKEN_LIFE: Duration = Duration::from_hours(24);

/// Everything that runs, and what the day holds of it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) directory: Directory,
    pub(super) application: Arc<Application>,
    pub(super) browser: Browser,
    /// Sessions as they die.
    pub(super) ended: UnboundedReceiver<Ended>,
    shutdown: CancellationToken,
    service: JoinSet<Result<(), StartError>>,
    _application: JoinSet<()>,
    // The last to go: the database is in it.
    _folder: Folder,
}

impl Stage {
    /// Starts the service and the application, and makes them known to each other.
    pub(super) async fn open(story: &Story) -> Result<Self, Failed> {
        let clock = Clock::system();
        let folder = story
            .step("muster", "makes a folder for its database and key", async {
                Folder::make(&clock).map_err(|error| Fault::error("a temporary folder", &error))
            })
            .await?;
        let (operator, bound) = story
            .step("muster", "listens at a free port of this machine", start(&folder.path))
            .await?;
        let service_url = format!("http://{}", bound.address());
        let shutdown = CancellationToken::new();
        let mut service = JoinSet::new();
        service.spawn(bound.serve(shutdown.clone()));

        let http = Client::builder().no_proxy().timeout(REQUEST).build();
        let (http, listener, url) = story
            .step("application", "listens at another", async {
                let http = http.map_err(|error| Fault::error("a client", &error))?;
                let (listener, url) =
                    listen().await.map_err(|error| Fault::error("a port", &error))?;
                Ok((http, listener, url))
            })
            .await?;
        let what = format!("makes tenant {TENANT}, connection {CONNECTION}, a token and a stream");
        let made = async {
            let made = make_tenant(&operator, &format!("{url}/ssf")).await;
            made.map_err(|error| Fault::error("a tenant", &error))
        };
        let token = story.step("operator", &what, made).await?;

        let tenant_url = format!("{service_url}/t/{TENANT}");
        let trust = Trust {
            jwks_url: format!("{tenant_url}/jwks.json"),
            issuer: tenant_url.clone(),
            audience: AUDIENCE.to_owned(),
        };
        let (sender, ended) = unbounded_channel();
        let application = Arc::new(Application::new(trust, http.clone(), clock, sender));
        let mut serving = JoinSet::new();
        serving.spawn(application::serve(listener, Arc::clone(&application)));
        Ok(Self {
            directory: Directory::new(http.clone(), format!("{tenant_url}/scim/v2"), token),
            application,
            browser: Browser::new(http, &url),
            ended,
            shutdown,
            service,
            _application: serving,
            _folder: folder,
        })
    }

    /// Tells what the application does, for as long as the service runs.
    pub(super) async fn keep_telling(&mut self, story: &Story) -> Result<(), Failed> {
        loop {
            tokio::select! {
                Some(ended) = self.ended.recv() => story.ended(&ended),
                Some(served) = self.service.join_next() => {
                    let came = format!("its end: {served:?}");
                    let fault = Fault::new("a service that runs until it is stopped", came);
                    return story.tell(Duration::ZERO, "muster", "serves", Err(fault));
                }
                else => return Ok(()),
            }
        }
    }

    /// Stops everything and removes the folder.
    pub(super) async fn close(mut self) {
        self.shutdown.cancel();
        let ended = async { while self.service.join_next().await.is_some() {} };
        // Whatever is left by then is cut off.
        let _ = timeout(STOP, ended).await;
    }
}

/// Opens the service in `folder`, at a port that is free.
///
/// The port has to be known before the service listens: its issuer has it.
async fn start(folder: &Path) -> Result<(Operator, Bound), Fault> {
    const EXPECTED: &str = "a service that listens";
    let mut tried = 0;
    loop {
        tried += 1;
        let settings = settings(folder).map_err(|error| Fault::error("settings", &*error))?;
        let started = async {
            let app = App::open(settings).await?;
            Ok((app.operator.clone(), app.listen().await?))
        };
        match started.await {
            Err(StartError::Listen(..)) if tried < PORTS_TRIED => (),
            Err(error) => return Err(Fault::error(EXPECTED, &error)),
            Ok(started) => return Ok(started),
        }
    }
}

fn settings(folder: &Path) -> Result<Settings, Box<dyn std::error::Error>> {
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let settings = json!({
        "database_url": format!("sqlite:{}", folder.join("muster.db").display()),
        "secret_key_file": folder.join("muster.key"),
        "listen": free,
        "ops_listen": "off",
        "allow_http_receivers": true,
        "metrics": false,
    });
    Ok(serde_json::from_value(settings)?)
}

async fn listen() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Does what an operator does for a new partner, and gives the directory's token.
async fn make_tenant(operator: &Operator, push_url: &str) -> Result<SecretString, OperatorError> {
    let tenant = NewTenant { name: TENANT.to_owned(), subject_issuer: None, parent: None };
    operator.create_tenant(tenant).await?;
    operator.create_connection(TENANT, CONNECTION, Dialect::Entra).await?;
    let token = NewToken {
        connection: CONNECTION.to_owned(),
        user: None,
        scopes: vec![Scope::Read, Scope::Write],
        networks: Default::default(),
        expires_in: TOKEN_LIFE,
        label: "demo".to_owned(),
    };
    let issued = operator.issue_token(TENANT, token).await?;
    let stream = NewStream {
        description: "the sample application".to_owned(),
        push_url: Some(push_url.to_owned()),
        authorization: None,
        events: vec![EventUri::SessionRevoked],
        subject_format: SubjectFormat::Email,
        audience: Some(AUDIENCE.to_owned()),
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    };
    operator.create_stream(TENANT, stream).await?;
    Ok(issued.token)
}

/// A folder of our own, removed with all in it when it is dropped.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make(clock: &Clock) -> io::Result<Self> {
        let name = format!("muster-demo-{:016x}", u64::from_be_bytes(clock.random()));
        let path = std::env::temp_dir().join(name);
        // Not one that is there already: whose would it be?
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is left to the system, which clears
        // temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }
}
