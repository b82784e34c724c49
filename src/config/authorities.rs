//! The files of authorities that checks name: whether they hold any.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Code;
use super::content::{Content, Contents};
use super::load::unreadable;
use crate::diag::Diagnostic;
use crate::span::Span;

/// What is wrong with each file, which is judged once a load.
#[derive(Default)]
pub(super) struct Authorities {
    faults: HashMap<PathBuf, Option<Diagnostic>>,
}

impl Authorities {
    /// Which of the files at these paths, each named somewhere, don't hold the certificate of an
    /// authority, and why.
    pub(super) fn faults<'p>(
        &mut self,
        paths: impl Iterator<Item = (&'p Path, Span)>,
        contents: &mut Contents,
    ) -> Vec<Diagnostic> {
        let faults = paths.filter_map(|(path, span)| {
            // It belongs to all that name it, judged or not.
            let content = contents.read(path);
            let known = self.faults.entry(path.to_owned());
            let fault = known.or_insert_with(|| fault(path, content)).clone()?;
            Some(Diagnostic { span: Some(span), ..fault })
        });
        faults.collect()
    }
}

fn fault(path: &Path, content: io::Result<Content>) -> Option<Diagnostic> {
    let pem = match content {
        Ok(content) => content.text,
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
