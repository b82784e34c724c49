//! Whom an https probe trusts, and what its failed sessions mean.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::cause::{self, Phase};
use crate::health::{Cause, TlsFault};

/// The authorities in the PEM file `ca`, or the system's. Reads files: not for the runtime.
pub fn roots(ca: Option<&Path>) -> Result<RootCertStore, RootsError> {
    match ca {
        None => system_roots(),
        Some(path) => file_roots(path),
    }
}

/// Why there is nobody to trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// The file can't be read.
    #[error("can't read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// The file is not PEM, or a certificate in it is damaged.
    #[error("{} holds no usable certificate: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is readable and has no certificate in it.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// This system has no authorities.
    #[error("this system has no certificate authorities (Debian: the package ca-certificates)")]
    NoSystemRoots,
}

/// A TLS session that is yet to be made.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Shared by all probes that trust the same authorities.
    pub(super) config: Arc<ClientConfig>,
    /// The SNI and the name that the certificate must bear.
    pub(super) name: ServerName<'static>,
}

/// The settings of sessions that trust `roots`. Sessions are never resumed: a resumed one shows no
/// certificate, and a probe is there to see it.
pub(super) fn config(roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

pub(super) async fn handshake(
    stream: TcpStream,
    session: &Session,
) -> Result<TlsStream<TcpStream>, Cause> {
    TlsConnector::from(Arc::clone(&session.config))
        .connect(session.name.clone(), stream)
        .await
        .map_err(|error| cause::answered(&error, Phase::Tls))
}

/// What a failed session says of the endpoint.
pub(super) fn fault(error: &rustls::Error) -> TlsFault {
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_fault(certificate),
        rustls::Error::AlertReceived(alert) => TlsFault::Alert(alert_name(*alert)),
        rustls::Error::InvalidMessage(_) => TlsFault::NotTls,
        other => TlsFault::Other(other.to_string()),
    }
}

fn certificate_fault(error: &CertificateError) -> TlsFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::Untrusted,
        CertificateError::NotValidForNameContext { expected, .. } => {
            TlsFault::WrongName(expected.to_str().into_owned())
        }
        // What rustls has no word for, in those of its verifier.
        CertificateError::Other(other) => TlsFault::Other(format!("certificate: {}", other.0)),
        other => TlsFault::Other(other.to_string()),
    }
}

/// The alert as RFC 8446 section 6 spells it: `handshake_failure`.
fn alert_name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else { return format!("{}", u8::from(alert)) };
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn system_roots() -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    // Systems carry certificates that no library reads; what remains is what counts.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err(RootsError::NoSystemRoots) } else { Ok(store) }
}

fn file_roots(path: &Path) -> Result<RootCertStore, RootsError> {
    let text = fs::read(path).map_err(|error| RootsError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let malformed = |reason: String| RootsError::Malformed { path: path.to_owned(), reason };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        store.add(certificate).map_err(|error| malformed(error.to_string()))?;
    }
    if store.is_empty() { Err(RootsError::Empty { path: path.to_owned() }) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn alerts_are_named_as_in_their_rfc() {
        assert_eq!(alert_name(AlertDescription::HandshakeFailure), "handshake_failure");
        assert_eq!(alert_name(AlertDescription::Unknown(123)), "123");
    }

    #[test]
    fn every_certificate_of_a_file_is_trusted() {
        let file = file(&[authority(), authority()].concat());
        assert_eq!(roots(Some(file.path())).unwrap().len(), 2);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = roots(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't read /nonexistent/ca.pem: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let file = file("nothing here\n");
        let path = file.path().to_owned();
        assert_eq!(roots(Some(file.path())).unwrap_err(), RootsError::Empty { path });
    }

    #[test]
    fn a_damaged_certificate_is_refused_though_a_sound_one_stands_beside() {
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let file = file(&[authority(), damaged.to_owned()].concat());
        assert!(matches!(roots(Some(file.path())), Err(RootsError::Malformed { .. })));
    }
}
