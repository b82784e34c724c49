//! The file of secrets that servers behind one address share for DNS cookies.
//!
//! Its text is shown nowhere: faults name the line, and stand where `meridian.toml` names the file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::load::unreadable;
use super::survey::Survey;
use super::{Code, Fingerprint, PathKind, files};
use crate::diag::Diagnostic;
use crate::span::Span;
use crate::wire::{Secret, Secrets};

/// Reads the file at `path`, which is named at `span`; `None` with an error among the faults.
pub(super) fn cookie_secrets(
    path: &Path,
    span: Span,
    survey: &mut Survey,
) -> (Option<Secrets>, Option<Diagnostic>) {
    let read = files::open(path).and_then(read);
    let fingerprint = match &read {
        Ok((text, _)) => Fingerprint::of_bytes(text),
        Err(error) => Fingerprint::of_error(error),
    };
    survey.note(path, PathKind::File, fingerprint);
    let (text, mode) = match read {
        Ok(read) => read,
        Err(error) => {
            let fault = Code::Unreadable.at(span, unreadable(path, &error));
            return (None, Some(fault.remedy("check the path and who may read it")));
        }
    };
    let path = path.display();
    match secrets(&text) {
        Ok(secrets) if mode & OTHERS == 0 => (Some(secrets), None),
        Ok(secrets) => {
            let message = format!("everybody on this host may read {path}");
            let fault = Code::OpenSecrets.at(span, message).label("not secret");
            (Some(secrets), Some(fault.remedy(format!("`chmod o= {path}`"))))
        }
        Err((line, why)) => {
            let place = line.map(|line| format!(":{line}")).unwrap_or_default();
            let fault = Code::BadSecrets.at(span, format!("{path}{place}: {why}"));
            let remedy = "write one secret a line: 32 hexadecimal digits, as `openssl rand -hex 16` \
                          makes them";
            (None, Some(fault.label("no secrets to use").remedy(remedy)))
        }
    }
}

/// The text, and who may read it.
fn read(mut file: File) -> io::Result<(Vec<u8>, u32)> {
    let mut text = vec![];
    file.read_to_end(&mut text)?;
    Ok((text, file.metadata()?.mode()))
}

/// The secrets in `text`; or in which line is a fault, if in one, and what it is.
fn secrets(text: &[u8]) -> Result<Secrets, (Option<usize>, &'static str)> {
    let mut found: Vec<Secret> = vec![];
    for (index, line) in text.split(|&octet| octet == b'\n').enumerate() {
        let line = line.split(|&octet| octet == b'#').next().unwrap_or_default().trim_ascii();
        if line.is_empty() {
            continue;
        }
        let fault = |why| (Some(index + 1), why);
        let secret = secret(line).ok_or(fault("not 32 hexadecimal digits"))?;
        if found.contains(&secret) {
            return Err(fault("the same secret as in an earlier line"));
        }
        found.push(secret);
    }
    let mut found = found.into_iter();
    let first = found.next().ok_or((None, "no secret in it"))?;
    Ok(Secrets::new(first, found.collect()))
}

fn secret(digits: &[u8]) -> Option<Secret> {
    let digit = |octet: u8| char::from(octet).to_digit(16).map(|digit| digit as u8);
    let mut octets = [0; 16];
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != octets.len() || !rest.is_empty() {
        return None;
    }
    for (octet, &[high, low]) in octets.iter_mut().zip(pairs) {
        *octet = digit(high)? << 4 | digit(low)?;
    }
    Some(Secret::new(octets))
}

/// The permission bit by which everybody may read a file.
const OTHERS: u32 = 0o004;

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const SECOND: &str = "DD3BDF9344B678B185A6F5CB60FCA715";

    #[test]
    fn the_first_secret_makes_cookies_and_comments_count_for_nothing() {
        let text = format!("# ours\r\n\r\n {FIRST} # since May\r\n{SECOND}\r\n");
        let of = |digits: &str| secret(digits.as_bytes()).unwrap();
        assert_eq!(secrets(text.as_bytes()), Ok(Secrets::new(of(FIRST), vec![of(SECOND)])));
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let fault = |text: &str| secrets(text.as_bytes()).unwrap_err();
        let digits = "not 32 hexadecimal digits";
        assert_eq!(fault(&FIRST[1..]), (Some(1), digits));
        assert_eq!(fault(&format!("\n{FIRST}0")), (Some(2), digits));
        assert_eq!(fault(&format!("{FIRST}\n{}", FIRST.replace('e', "g"))), (Some(2), digits));
        assert_eq!(fault(&format!("{FIRST} {SECOND}")), (Some(1), digits));
        let twice = format!("{FIRST}\n{SECOND}\n{}", FIRST.to_uppercase());
        assert_eq!(fault(&twice), (Some(3), "the same secret as in an earlier line"));
        assert_eq!(fault("# none\n"), (None, "no secret in it"));
    }
}
