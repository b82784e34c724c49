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
) -> (Option<Secrets>, Vec<Diagnostic>) {
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
            return (None, vec![fault.remedy("check the path and who may read it")]);
        }
    };
    let path = path.display();
    match secrets(&text) {
        Ok(secrets) if mode & OTHERS == 0 => (Some(secrets), vec![]),
        Ok(secrets) => {
            let message = format!("everybody on this host may read {path}");
            let fault = Code::OpenSecrets.at(span, message).label("not secret");
            (Some(secrets), vec![fault.remedy(format!("`chmod o= {path}`"))])
        }
        Err(faults) => {
            let more = faults.len().saturating_sub(MAX_FAULTS);
            let remedy = "write one secret a line: 32 hexadecimal digits, as `openssl rand -hex 16` \
                          makes them";
            let told = faults.into_iter().take(MAX_FAULTS).map(|(line, why)| {
                let place = line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{path}{place}: {why}")
            });
            let more = (more > 0).then(|| format!("{path}: {more} more lines are at fault"));
            let fault = |message| Code::BadSecrets.at(span, message).label("no secrets to use");
            (None, told.chain(more).map(|message| fault(message).remedy(remedy)).collect())
        }
    }
}

/// The text, and who may read it.
fn read(mut file: File) -> io::Result<(Vec<u8>, u32)> {
    let mut text = vec![];
    file.read_to_end(&mut text)?;
    Ok((text, file.metadata()?.mode()))
}

/// The line that a fault is in, if it is in one, and what it is.
type Fault = (Option<usize>, &'static str);

/// The secrets in `text`, or all its faults.
fn secrets(text: &[u8]) -> Result<Secrets, Vec<Fault>> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (mut found, mut faults) = (vec![], vec![]);
    for (index, line) in text.split(|&octet| octet == b'\n').enumerate() {
        let line = line.split(|&octet| octet == b'#').next().unwrap_or_default().trim_ascii();
        if line.is_empty() {
            continue;
        }
        let why = match secret(line) {
            Some(secret) if !found.contains(&secret) => {
                found.push(secret);
                continue;
            }
            Some(_) => "the same secret as in an earlier line",
            None => "not 32 hexadecimal digits",
        };
        faults.push((Some(index + 1), why));
    }
    let mut found = found.into_iter();
    match found.next() {
        Some(first) if faults.is_empty() => Ok(Secrets::new(first, found.collect())),
        None if faults.is_empty() => Err(vec![(None, "no secret in it")]),
        Some(_) | None => Err(faults),
    }
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

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Those that are told of one by one: a file may be another than was meant.
const MAX_FAULTS: usize = 100;

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
        let faults = |text: &str| secrets(text.as_bytes()).unwrap_err();
        let digits = "not 32 hexadecimal digits";
        assert_eq!(faults(&FIRST[1..]), [(Some(1), digits)]);
        assert_eq!(faults(&format!("\n{FIRST}0")), [(Some(2), digits)]);
        assert_eq!(faults(&format!("{FIRST}\n{}", FIRST.replace('e', "g"))), [(Some(2), digits)]);
        assert_eq!(faults(&format!("{FIRST} {SECOND}")), [(Some(1), digits)]);
        let twice = format!("{FIRST}\n{SECOND}\n{}", FIRST.to_uppercase());
        assert_eq!(faults(&twice), [(Some(3), "the same secret as in an earlier line")]);
        assert_eq!(faults("# none\n"), [(None, "no secret in it")]);
    }

    #[test]
    fn all_faults_are_told_and_none_twice() {
        let text = format!("x\n{FIRST}\n{FIRST}\ny\n");
        let lines: Vec<_> =
            secrets(text.as_bytes()).unwrap_err().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [Some(1), Some(3), Some(4)]);
        assert_eq!(secrets(b"x\n").unwrap_err().len(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let text = format!("\u{feff}{FIRST}\n");
        assert_eq!(secrets(text.as_bytes()), secrets(FIRST.as_bytes()));
        assert!(secrets(FIRST.as_bytes()).is_ok());
    }
}
