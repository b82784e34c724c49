//! The files of authorities that checks name: whether they hold any.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Code;
use super::files::read_file;
use super::load::unreadable;
use crate::diag::Diagnostic;
use crate::span::Span;

/// What is wrong with each file, which is read once a load.
#[derive(Default)]
pub(super) struct Authorities {
    faults: HashMap<PathBuf, Option<Diagnostic>>,
}

impl Authorities {
    /// Why the file at `path`, named at `span`, does not hold the certificate of an authority.
    pub(super) fn fault(&mut self, path: &Path, span: Span) -> Option<Diagnostic> {
        if !self.faults.contains_key(path) {
            self.faults.insert(path.to_owned(), fault(path));
        }
        let fault = self.faults.get(path)?.clone()?;
        Some(Diagnostic { span: Some(span), ..fault })
    }
}

fn fault(path: &Path) -> Option<Diagnostic> {
    let pem = match read_file(path) {
        Ok(pem) => pem,
        Err(error) => {
            let fault = Code::Unreadable.fault(unreadable(path, &error));
            return Some(fault.remedy("check the path and who may read it"));
        }
    };
    let fault = |why: String| {
        let fault = Code::NoAuthorities.fault(format!("{}: {why}", path.display()));
        let fault = fault.label("no authority to trust");
        Some(fault.remedy("it must hold certificates in PEM, at least one"))
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        match certificate.map(|certificate| store.add(certificate)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return fault(error.to_string()),
            Err(error) => return fault(error.to_string()),
        }
    }
    if store.is_empty() { fault("no certificate".to_owned()) } else { None }
}
