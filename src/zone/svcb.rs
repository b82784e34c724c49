//! Service parameters of SVCB and HTTPS records (RFC 9460 section 2), from text and in wire form.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::span::Span;
use crate::wire::RecordType;

use super::rdata::{Context, Problem};
use super::scan::Word;
use super::{fault, field};

/// The number of a service parameter (RFC 9460 section 14.3). Displays as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub(super) u16);

impl Key {
    const MANDATORY: Self = Self(0);
    const ALPN: Self = Self(1);
    const NO_DEFAULT_ALPN: Self = Self(2);
    const PORT: Self = Self(3);
    const IPV4HINT: Self = Self(4);
    const ECH: Self = Self(5);
    const IPV6HINT: Self = Self(6);
    const DOHPATH: Self = Self(7);
    /// Reserved as "invalid key".
    const INVALID: Self = Self(u16::MAX);

    /// The key of a name in lower case, or of `key12345` without leading zeros.
    fn from_text(text: &[u8]) -> Option<Self> {
        if let Some((key, _)) = NAMES.iter().find(|(_, name)| name.as_bytes() == text) {
            return Some(*key);
        }
        let digits = text.strip_prefix(b"key")?;
        let number = field::number(digits, u32::from(u16::MAX)).ok()?;
        let is_canonical = digits.len() == 1 || !digits.starts_with(b"0");
        (is_canonical && Self(number as u16) != Self::INVALID).then_some(Self(number as u16))
    }

    /// As `key12345`, also where there is a name.
    pub(super) fn number(self) -> String {
        format!("key{}", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(key, _)| key == self) {
            Some((_, name)) => f.write_str(name),
            None => f.write_str(&self.number()),
        }
    }
}

/// A parameter in wire form and where it was written.
struct Parameter {
    key: Key,
    value: Vec<u8>,
    span: Span,
}

/// Appends the parameters that `words` spell, in ascending order of their keys.
pub(super) fn parse(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    let mut parameters = vec![];
    for &word in words {
        let parameter = parse_one((context.text)(word), word.span);
        parameters.push(parameter.map_err(|problem| (word.span, problem))?);
    }
    parameters.sort_by_key(|parameter| parameter.key);
    let keys: Vec<_> = parameters.iter().map(|parameter| parameter.key).collect();
    for (index, parameter) in parameters.iter().enumerate() {
        check_among(&keys, index, &parameter.value).map_err(|problem| (parameter.span, problem))?;
        let len = u16::try_from(parameter.value.len()).map_err(|_| {
            let expected = "at most 65535 octets";
            (parameter.span, Problem::BadValue { key: parameter.key, expected })
        })?;
        rdata.extend_from_slice(&parameter.key.0.to_be_bytes());
        rdata.extend_from_slice(&len.to_be_bytes());
        rdata.extend_from_slice(&parameter.value);
    }
    Ok(())
}

/// Checks parameters in wire form.
pub(super) fn check(mut wire: &[u8]) -> Result<(), Problem> {
    let (mut keys, mut values) = (vec![], vec![]);
    while !wire.is_empty() {
        let (&[a, b, c, d], rest) = wire.split_first_chunk::<4>().ok_or(Problem::Short)?;
        let key = Key(u16::from_be_bytes([a, b]));
        let len = usize::from(u16::from_be_bytes([c, d]));
        let (value, rest) = rest.split_at_checked(len).ok_or(Problem::Short)?;
        if keys.last().is_some_and(|&last| last > key) {
            return Err(Problem::KeyOrder);
        }
        check_value(key, value)?;
        keys.push(key);
        values.push(value);
        wire = rest;
    }
    values.iter().enumerate().try_for_each(|(index, value)| check_among(&keys, index, value))
}

/// Whether valid data of a type is that of an alias with parameters (RFC 9460 section 2.4.2).
pub(super) fn is_alias_with_parameters(rtype: RecordType, rdata: &[u8]) -> bool {
    matches!(rtype, RecordType::SVCB | RecordType::HTTPS)
        && rdata.starts_with(&[0, 0])
        && field::measure_name(&rdata[2..]).is_ok_and(|name| rdata.len() > 2 + name)
}

/// A parameter that is written by number has the wire form of its value (RFC 9460 section 2.1).
fn parse_one(text: &[u8], span: Span) -> Result<Parameter, Problem> {
    let (name, value) = match text.iter().position(|&byte| byte == b'=') {
        Some(at) => (&text[..at], Some(unquote(&text[at + 1..]))),
        None => (text, None),
    };
    let unknown = || Problem::Key(fault::excerpt(name));
    let key = Key::from_text(name).ok_or_else(unknown)?;
    let mut value = match value {
        Some(text) => {
            let mut octets = vec![];
            field::write_unescaped(text, &mut octets)?;
            octets
        }
        None => vec![],
    };
    if key.0 <= Key::DOHPATH.0 && key != Key::NO_DEFAULT_ALPN && value.is_empty() {
        return Err(Problem::NoValue(key));
    }
    if name == key.number().as_bytes() {
        check_value(key, &value).map_err(|problem| match problem {
            Problem::BadValue { key, .. } => Problem::BadOctets { key },
            problem => problem,
        })?;
        return Ok(Parameter { key, value, span });
    }
    value = match key {
        Key::MANDATORY => mandatory(&value)?,
        Key::ALPN => alpn(&value)?,
        Key::PORT => {
            let port = field::number(&value, u32::from(u16::MAX));
            let port = port.map_err(|_| Problem::BadValue { key, expected: PORT })?;
            (port as u16).to_be_bytes().to_vec()
        }
        Key::IPV4HINT => hints::<Ipv4Addr, 4>(key, &value, Ipv4Addr::octets)?,
        Key::IPV6HINT => hints::<Ipv6Addr, 16>(key, &value, Ipv6Addr::octets)?,
        Key::ECH => {
            let mut octets = vec![];
            field::decode_base64(&value, &mut octets)?;
            octets
        }
        _ => value,
    };
    check_value(key, &value)?;
    Ok(Parameter { key, value, span })
}

/// The keys of `mandatory`, sorted as the wire form wants (RFC 9460 section 8).
fn mandatory(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let key_of = |name| {
        let unknown = || Problem::Key(fault::excerpt(name));
        Key::from_text(name).ok_or_else(unknown)
    };
    let mut keys = text.split(|&byte| byte == b',').map(key_of).collect::<Result<Vec<_>, _>>()?;
    keys.sort();
    Ok(keys.into_iter().flat_map(|key| key.0.to_be_bytes()).collect())
}

/// Protocol ids between commas, where `\,` and `\\` are literal (RFC 9460 appendix A.1).
fn alpn(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let bad = Problem::BadValue { key: Key::ALPN, expected: ALPN };
    let mut wire = vec![0];
    let mut length_at = 0;
    let mut bytes = text.iter();
    let mut close = |wire: &mut Vec<u8>| match u8::try_from(wire.len() - length_at - 1) {
        Ok(len @ 1..) => {
            wire[length_at] = len;
            length_at = wire.len();
            Ok(())
        }
        _ => Err(bad.clone()),
    };
    while let Some(&byte) = bytes.next() {
        match byte {
            b',' => {
                close(&mut wire)?;
                wire.push(0);
            }
            b'\\' => wire.push(*bytes.next().ok_or_else(|| bad.clone())?),
            byte => wire.push(byte),
        }
    }
    close(&mut wire)?;
    Ok(wire)
}

fn hints<T: std::str::FromStr, const N: usize>(
    key: Key,
    text: &[u8],
    octets: fn(&T) -> [u8; N],
) -> Result<Vec<u8>, Problem> {
    let expected = if N == 4 { IPV4HINT } else { IPV6HINT };
    let mut wire = vec![];
    for item in text.split(|&byte| byte == b',') {
        let ip = std::str::from_utf8(item).ok().and_then(|item| item.parse().ok());
        wire.extend_from_slice(&octets(&ip.ok_or(Problem::BadValue { key, expected })?));
    }
    Ok(wire)
}

/// Checks what a value must be by itself (RFC 9460 sections 7 and 8, RFC 9461 section 5).
fn check_value(key: Key, value: &[u8]) -> Result<(), Problem> {
    let bad = |expected| Err(Problem::BadValue { key, expected });
    match key {
        Key::INVALID => Err(Problem::Key(key.to_string())),
        Key::NO_DEFAULT_ALPN if value.is_empty() => Ok(()),
        Key::NO_DEFAULT_ALPN => Err(Problem::Value(key)),
        Key::MANDATORY | Key::ALPN | Key::PORT | Key::IPV4HINT | Key::ECH | Key::IPV6HINT
            if value.is_empty() =>
        {
            Err(Problem::NoValue(key))
        }
        Key::MANDATORY if !value.len().is_multiple_of(2) => bad(MANDATORY),
        Key::ALPN if !is_alpn(value) => bad(ALPN),
        Key::PORT if value.len() != 2 => bad(PORT),
        Key::IPV4HINT if !value.len().is_multiple_of(4) => bad(IPV4HINT),
        Key::IPV6HINT if !value.len().is_multiple_of(16) => bad(IPV6HINT),
        Key::DOHPATH if !is_dohpath(value) => bad(DOHPATH),
        _ => Ok(()),
    }
}

/// Checks the parameter at `index` beside the others, whose keys are sorted.
fn check_among(keys: &[Key], index: usize, value: &[u8]) -> Result<(), Problem> {
    let key = keys[index];
    if index > 0 && keys[index - 1] == key {
        return Err(Problem::RepeatedKey(key));
    }
    match key {
        Key::NO_DEFAULT_ALPN if !keys.contains(&Key::ALPN) => Err(Problem::AlpnMissing),
        Key::MANDATORY => {
            let mut last = None;
            for pair in value.as_chunks::<2>().0 {
                let named = Key(u16::from_be_bytes(*pair));
                if named == Key::MANDATORY || last.is_some_and(|last| last >= named) {
                    return Err(Problem::BadValue { key, expected: MANDATORY });
                }
                if !keys.contains(&named) {
                    return Err(Problem::MandatoryMissing(named));
                }
                last = Some(named);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_alpn(mut value: &[u8]) -> bool {
    while let Some((&len, rest)) = value.split_first() {
        let Some(rest) = rest.get(usize::from(len)..).filter(|_| len > 0) else { return false };
        value = rest;
    }
    true
}

/// Whether `value` is a relative URI template with the variable `dns`.
fn is_dohpath(value: &[u8]) -> bool {
    let template = std::str::from_utf8(value).unwrap_or("");
    template.starts_with('/') && template.contains("dns") && template.contains('{')
}

/// The value without the quotes around it.
fn unquote(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

const NAMES: &[(Key, &str)] = &[
    (Key::MANDATORY, "mandatory"),
    (Key::ALPN, "alpn"),
    (Key::NO_DEFAULT_ALPN, "no-default-alpn"),
    (Key::PORT, "port"),
    (Key::IPV4HINT, "ipv4hint"),
    (Key::ECH, "ech"),
    (Key::IPV6HINT, "ipv6hint"),
    (Key::DOHPATH, "dohpath"),
];

const MANDATORY: &str = "other keys, each once";
const ALPN: &str = "protocol ids of 1 to 255 octets, separated by commas";
const PORT: &str = "a number from 0 to 65535";
const IPV4HINT: &str = "IPv4 addresses, separated by commas";
const IPV6HINT: &str = "IPv6 addresses, separated by commas";
const DOHPATH: &str = "a path with the variable dns, such as /dns-query{?dns}";
