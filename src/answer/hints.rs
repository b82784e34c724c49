//! HTTPS and SVCB records (RFC 9460) at a pool's name, whose address hints go by the client.

use crate::route::Family;

/// The data of a record that describes the very name it stands at and gives address hints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hinted<'r> {
    /// SvcPriority and TargetName.
    pub(super) head: &'r [u8],
    parameters: &'r [u8],
}

/// Which address families a pool has for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Families {
    pub(super) v4: bool,
    pub(super) v6: bool,
}

/// One SvcParam, as it is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter<'r> {
    /// The keys that a client must understand (RFC 9460 section 8), some of which may be left out.
    Mandatory(&'r [u8]),
    /// The addresses of a family.
    Hint(Family),
    /// As it stands in the file.
    Plain { key: u16, value: &'r [u8] },
}

impl<'r> Hinted<'r> {
    /// Reads valid RDATA of the name `owner`, in wire form and in any case. `None` for AliasMode
    /// (section 2.4.2), for another TargetName, and where there is no hint.
    pub(super) fn read(rdata: &'r [u8], owner: &[u8]) -> Option<Self> {
        let target = rdata.get(PRIORITY..)?;
        let is_alias = rdata.starts_with(&[0; PRIORITY]);
        let len = if target.first() == Some(&0) { 1 } else { owner.len() };
        let is_own = len == 1 || target.get(..len)?.eq_ignore_ascii_case(owner);
        let (head, parameters) = rdata.split_at_checked(PRIORITY + len)?;
        let service = Self { head, parameters };
        let hints = service.hints();
        (!is_alias && is_own && (hints.v4 || hints.v6)).then_some(service)
    }

    /// For which families it has hints.
    pub(super) fn hints(self) -> Families {
        let has = |family| self.parameters().any(|parameter| parameter == Parameter::Hint(family));
        Families { v4: has(Family::V4), v6: has(Family::V6) }
    }

    /// The parameters in the order of the record.
    pub(super) fn parameters(self) -> impl Iterator<Item = Parameter<'r>> {
        let mut rest = self.parameters;
        std::iter::from_fn(move || {
            let (&[a, b, c, d], tail) = rest.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_be_bytes([c, d]));
            let (value, tail) = tail.split_at_checked(len)?;
            rest = tail;
            Some(match u16::from_be_bytes([a, b]) {
                MANDATORY => Parameter::Mandatory(value),
                IPV4HINT => Parameter::Hint(Family::V4),
                IPV6HINT => Parameter::Hint(Family::V6),
                key => Parameter::Plain { key, value },
            })
        })
    }
}

/// The keys of `mandatory` without hints of families that are not given.
pub(super) fn mandatory(value: &[u8], given: Families) -> impl Iterator<Item = [u8; 2]> + Clone {
    let keys = value.as_chunks::<2>().0.iter().copied();
    keys.filter(move |key| match u16::from_be_bytes(*key) {
        IPV4HINT => given.v4,
        IPV6HINT => given.v6,
        _ => true,
    })
}

/// The octets of SvcPriority.
const PRIORITY: usize = 2;

// RFC 9460 section 14.3.2
pub(super) const MANDATORY: u16 = 0;
pub(super) const IPV4HINT: u16 = 4;
pub(super) const IPV6HINT: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &[u8] = b"\x03www\x07example\0";
    const HINT: &[u8] = b"\0\x04\0\x04\x01\x02\x03\x04";

    fn is_hinted(rdata: &[&[u8]]) -> bool {
        Hinted::read(&rdata.concat(), OWNER).is_some()
    }

    #[test]
    fn only_a_service_of_the_name_itself_is_hinted() {
        assert!(is_hinted(&[b"\0\x01\0", HINT]));
        assert!(is_hinted(&[b"\0\x01\x03wWw\x07eXample\0", HINT]));
        assert!(!is_hinted(&[b"\0\x00\0", HINT]), "AliasMode");
        assert!(!is_hinted(&[b"\0\x01\x03ftp\x07example\0", HINT]), "another name");
        assert!(!is_hinted(&[b"\0\x01\x07example\0", HINT]), "the name above");
        assert!(!is_hinted(&[b"\0\x01\0", b"\0\x03\0\x02\x01\xbb"]), "a port alone");
        assert!(!is_hinted(&[b"\0\x01\0"]), "no parameters");
    }

    #[test]
    fn parameters_keep_their_order() {
        let rdata = [b"\0\x01\0\0\0\0\x02\0\x04", &b"\0\x03\0\x02\x01\xbb"[..], HINT].concat();
        let parameters: Vec<_> = Hinted::read(&rdata, OWNER).unwrap().parameters().collect();
        let expected = [
            Parameter::Mandatory(&[0, 4]),
            Parameter::Plain { key: 3, value: &[1, 0xbb] },
            Parameter::Hint(Family::V4),
        ];
        assert_eq!(parameters, expected);
    }

    #[test]
    fn a_hint_that_is_not_given_is_not_mandatory() {
        let keys = |given| mandatory(&[0, 3, 0, 4, 0, 6], given).map(|key| key[1]).collect();
        let keys: [Vec<u8>; 3] =
            [(true, true), (false, true), (false, false)].map(|(v4, v6)| keys(Families { v4, v6 }));
        assert_eq!(keys, [vec![3, 4, 6], vec![3, 6], vec![3]]);
    }
}
