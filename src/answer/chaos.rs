//! What the server says of itself in class CH (RFC 4892): records that are built when the
//! configuration is, and copied when they are asked for.

use crate::wire::{CLASS_CH, RecordType};

/// The names that are answered, with what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chaos(Box<[Entry]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// In wire form and lower case.
    name: &'static [u8],
    /// The record as a response has it, the question's name its owner.
    record: Box<[u8]>,
}

/// A name of class CH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChaosName {
    /// `id.server`: the identity.
    IdServer,
    /// `hostname.bind`: the same.
    HostnameBind,
    /// `version.server`: the software and its version.
    VersionServer,
    /// `version.bind`: the same.
    VersionBind,
}

impl Chaos {
    /// Answers `names`; those that tell the identity only if there is one, of at most 255 octets.
    pub fn new(names: &[ChaosName], identity: Option<&[u8]>) -> Self {
        let entry = |name: &ChaosName| {
            let (name, text) = match name {
                ChaosName::IdServer => (&b"\x02id\x06server\0"[..], identity?),
                ChaosName::HostnameBind => (&b"\x08hostname\x04bind\0"[..], identity?),
                ChaosName::VersionServer => (&b"\x07version\x06server\0"[..], VERSION.as_bytes()),
                ChaosName::VersionBind => (&b"\x07version\x04bind\0"[..], VERSION.as_bytes()),
            };
            Some(Entry { name, record: txt(text) })
        };
        Self(names.iter().filter_map(entry).collect())
    }

    /// The record of a name in lower case.
    pub(super) fn find(&self, name: &[u8]) -> Option<&[u8]> {
        let entry = self.0.iter().find(|entry| entry.name == name)?;
        Some(&entry.record)
    }
}

/// A TXT record with one string and TTL 0 (RFC 4892 section 2.1).
fn txt(text: &[u8]) -> Box<[u8]> {
    let text = text.get(..usize::from(u8::MAX)).unwrap_or(text);
    let [type_high, type_low] = RecordType::TXT.0.to_be_bytes();
    let [class_high, class_low] = CLASS_CH.to_be_bytes();
    let [len_high, len_low] = (text.len() as u16 + 1).to_be_bytes();
    let fixed =
        [0xc0, 12, type_high, type_low, class_high, class_low, 0, 0, 0, 0, len_high, len_low];
    [&fixed, &[text.len() as u8][..], text].concat().into()
}

const VERSION: &str = concat!("meridian ", env!("CARGO_PKG_VERSION"));
