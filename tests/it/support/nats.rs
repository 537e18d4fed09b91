//! NATS for tests: a private server with JetStream on a free port, from Debian's package.

use std::{
    env,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// For a start on a busy machine.
const START: Duration = Duration::from_secs(20);

/// A server, until it is dropped. What its streams hold survives a kill.
pub(crate) struct NatsServer {
    port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server; none if there is no package.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let binary = binary();
        if binary.is_none() {
            let reason = "no NATS server: install the package nats-server";
            // `./test` installs it.
            assert!(env::var_os("MUSTER_TEST_REQUIRE_POSTGRES").is_none(), "{reason}");
            eprintln!("left out, although it should run: {reason}");
        }
        binary?;
        let mut server = Self {
            port: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            child: None,
            folder: tempfile::tempdir().unwrap(),
        };
        server.restart();
        Some(server)
    }

    /// Starts the server again, where it was and with what it held.
    pub(crate) fn restart(&mut self) {
        let child = Command::new(binary().unwrap())
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "the NATS server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Where it listens, such as `nats://127.0.0.1:41234`.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian's is not on everybody's path.
fn binary() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nats-server")).find(|binary| binary.exists())
}
