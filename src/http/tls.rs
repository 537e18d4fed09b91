//! TLS for the public listener: one certificate, read again when its files change.

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How often the files are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("{}: {source}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate file has no certificate in it.
    #[error("{}: no certificate in it", .0.display())]
    Empty(PathBuf),
    /// Certificate and key do not fit each other or are not supported.
    #[error("certificate and key cannot be used: {0}")]
    Rejected(#[from] rustls::Error),
}

/// A certificate with its key, renewed from two files.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
}

impl Certificate {
    /// Reads the certificate chain and its key.
    ///
    /// # Errors
    ///
    /// [`TlsError`] naming the file that cannot be used.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = ArcSwap::new(server_config(cert, key)?);
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), config })
    }

    /// What the next connection is to use.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Looks at the files every five seconds until `shutdown`.
    pub async fn watch(&self, shutdown: CancellationToken) {
        self.watch_every(CHECK_INTERVAL, shutdown).await;
    }

    async fn watch_every(&self, interval: Duration, shutdown: CancellationToken) {
        let mut seen = self.stamp().await;
        while shutdown.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
            let now = self.stamp().await;
            // A bad pair is reported once: it is tried again when a file changes.
            if now != seen {
                seen = now;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match server_config(&self.cert, &self.key) {
            Ok(config) => {
                self.config.store(config);
                info!(file = %self.cert.display(), "the TLS certificate was renewed");
            }
            Err(error) => error!(%error, "the new TLS certificate is not used; the old one stays"),
        }
    }

    async fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [modified(&self.cert).await.ok(), modified(&self.key).await.ok()]
    }
}

/// Time of the last change, and the size for changes within one tick of the file system.
async fn modified(path: &Path) -> io::Result<(SystemTime, u64)> {
    let metadata = tokio::fs::metadata(path).await?;
    Ok((metadata.modified()?, metadata.len()))
}

fn server_config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(pem(cert))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(cert.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem(key))?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
