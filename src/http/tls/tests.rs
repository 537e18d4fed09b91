use std::fs;

use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Pairs made for tests only; they sign nothing that anybody trusts.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(pair: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.put("crt", pair);
        files.put("key", pair);
        files
    }

    fn put(&self, kind: &str, pair: &str) {
        let from = format!("{FIXTURES}/{pair}.{kind}");
        // The file is replaced as a whole, as renewal programs do.
        fs::copy(from, self.path("next")).unwrap();
        fs::rename(self.path("next"), self.path(kind)).unwrap();
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.path().join(kind)
    }

    fn load(&self) -> Result<Certificate, TlsError> {
        Certificate::load(&self.path("crt"), &self.path("key"))
    }
}

/// Whether a client that trusts only `pair` reaches the server, with HTTP/2.
async fn is_served(certificate: &Certificate, pair: &str) -> bool {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(format!("{FIXTURES}/{pair}.crt")).unwrap();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let acceptor = tokio_rustls::TlsAcceptor::from(certificate.current());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async { acceptor.accept(listener.accept().await.unwrap().0).await };
    let client = async {
        let socket = TcpStream::connect(address).await.unwrap();
        connector.connect("localhost".try_into().unwrap(), socket).await
    };
    let (_, client) = tokio::join!(server, client);
    client.is_ok_and(|stream| stream.get_ref().1.alpn_protocol() == Some(b"h2"))
}

async fn until_served(certificate: &Certificate, pair: &str) {
    while !is_served(certificate, pair).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_not() {
    // R475
    let files = Files::new("old");
    let certificate = Arc::new(files.load().unwrap());
    let stop = CancellationToken::new();
    let interval = Duration::from_millis(10);
    let test = async {
        assert!(is_served(&certificate, "old").await);

        fs::write(files.path("crt"), "no certificate").unwrap();
        tokio::time::sleep(interval * 5).await;
        assert!(is_served(&certificate, "old").await, "a broken file must not be taken");

        // For a moment the certificate has another's key, as in any renewal.
        files.put("crt", "new");
        tokio::time::sleep(interval * 5).await;
        assert!(is_served(&certificate, "old").await, "a pair that does not fit must not be taken");

        files.put("key", "new");
        until_served(&certificate, "new").await;
        assert!(!is_served(&certificate, "old").await);
        stop.cancel();
    };

    let watch = certificate.watch_every(interval, stop.clone());
    tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(test, watch) })
        .await
        .expect("the new certificate is served in time");
}

#[test]
fn what_cannot_be_used_is_named() {
    let files = Files::new("old");

    files.put("key", "new");
    assert!(matches!(files.load(), Err(TlsError::Rejected(_))));

    fs::write(files.path("crt"), "").unwrap();
    assert!(files.load().unwrap_err().to_string().contains(files.path("crt").to_str().unwrap()));

    fs::remove_file(files.path("key")).unwrap();
    files.put("crt", "old");
    assert!(files.load().unwrap_err().to_string().contains(files.path("key").to_str().unwrap()));
}
