//! A certificate authority and the identities it vouches for.

use std::io::Write as _;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tempfile::NamedTempFile;

/// An authority that no system trusts.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// When a certificate may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Current,
    Past,
    Future,
}

/// What a server shows in a TLS handshake.
#[derive(Clone, Debug)]
pub struct Identity(Arc<ServerConfig>);

impl Authority {
    pub fn new() -> Self {
        let key = key();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate, as a check's `ca` takes it.
    pub fn file(&self) -> NamedTempFile {
        file(&self.pem)
    }

    /// A server called `name` that shows an authority's certificate as its own, and that
    /// certificate.
    pub fn as_a_server(name: &str) -> (Identity, NamedTempFile) {
        let key = key();
        let mut params = params(name, Validity::Current);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (Identity::new(certificate.der().clone(), &key), file(&certificate.pem()))
    }

    /// A server called `name`, which may be an address.
    pub fn identity(&self, name: &str, validity: Validity) -> Identity {
        let key = key();
        let params = params(name, validity);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity::new(certificate.der().clone(), &key)
    }
}

impl Identity {
    /// A server called `name` for which nobody vouches.
    pub fn self_signed(name: &str) -> Self {
        let key = key();
        let certificate = params(name, Validity::Current).self_signed(&key).unwrap();
        Self::new(certificate.der().clone(), &key)
    }

    /// A server that refuses every handshake with an alert.
    pub fn none() -> Self {
        Self::settings(|builder| builder.with_cert_resolver(Arc::new(Nobody)))
    }

    fn new(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self::settings(|builder| builder.with_single_cert(vec![certificate], key).unwrap())
    }

    fn settings(
        identity: impl FnOnce(
            rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>,
        ) -> ServerConfig,
    ) -> Self {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        Self(Arc::new(identity(builder)))
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }
}

#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn file(pem: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn params(name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    let (from, to) = match validity {
        Validity::Current => (1990, 4000),
        Validity::Past => (1990, 1991),
        Validity::Future => (3999, 4000),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}
