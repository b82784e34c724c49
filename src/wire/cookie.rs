//! DNS cookies, RFC 7873, with the server cookies of RFC 9018, which servers of any make accept from
//! each other when they share a secret.
//!
//! A server cookie that is valid proves that its client receives what is sent to its address. It is
//! computed from the query, a secret and the time; nothing is kept of any client.

use std::fmt;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::time::Wall;

/// OPTION-CODE of Cookie (RFC 7873 section 4).
pub const OPTION_COOKIE: u16 = 10;

/// The Cookie option of a query: well-formed by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// What the client will know its response by.
    pub client: [u8; 8],
    /// What a server has given it, 8 to 32 octets; empty for nothing yet.
    pub server: &'a [u8],
}

/// The Cookie option of a response: the client cookie, and a server cookie of RFC 9018.
pub type ServedCookie = [u8; 24];

/// What server cookies are made with, 128 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 16]);

/// The secrets of a server: one makes cookies, and those of all of them are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    first: Secret,
    others: Vec<Secret>,
}

/// What a query's cookie comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whether its server cookie is valid, so that the client is at the address it says.
    pub is_valid: bool,
    /// What the response carries.
    pub cookie: ServedCookie,
}

impl<'a> Cookie<'a> {
    /// Reads the option's value; `None` if its length is none that RFC 7873 section 5.2.2 allows.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (&client, server) = value.split_first_chunk::<8>()?;
        matches!(server.len(), 0 | 8..=32).then_some(Self { client, server })
    }
}

impl Secret {
    /// The secret of these octets.
    pub fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The hash of RFC 9018 section 4.4 over a client cookie, the octets of a server cookie before its
    /// hash, and the client's address.
    fn hash(&self, client: [u8; 8], head: [u8; 8], address: IpAddr) -> [u8; 8] {
        let mut input = [0; 32];
        let (cookies, rest) = input.split_at_mut(16);
        let (of_client, of_server) = cookies.split_at_mut(8);
        of_client.copy_from_slice(&client);
        of_server.copy_from_slice(&head);
        let octets = match address {
            IpAddr::V4(address) => {
                let (used, _) = rest.split_at_mut(4);
                used.copy_from_slice(&address.octets());
                20
            }
            IpAddr::V6(address) => {
                rest.copy_from_slice(&address.octets());
                32
            }
        };
        let hash = SipHasher24::new_with_key(&self.0).hash(input.get(..octets).unwrap_or(&input));
        hash.to_le_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secrets {
    /// The `first` makes cookies.
    pub fn new(first: Secret, others: Vec<Secret>) -> Self {
        Self { first, others }
    }

    /// `first` makes cookies from now on; of the others, those of the one that did are accepted.
    pub fn succeeded_by(&self, first: Secret) -> Self {
        Self { first, others: vec![self.first.clone()] }
    }

    /// What the `cookie` of a query from `address` proves, and what to answer it with.
    pub fn prove(&self, cookie: Cookie<'_>, address: IpAddr, now: Wall) -> Proof {
        // Serial number arithmetic (RFC 9018 section 4.3): the seconds wrap in 2106.
        let now = now.since_epoch().as_secs() as u32;
        let Some(given) = Given::read(cookie.server).filter(|given| given.is_timely(now)) else {
            return Proof { is_valid: false, cookie: self.cookie(cookie.client, address, now) };
        };
        let is_of = |secret: &Secret| {
            let hash = secret.hash(cookie.client, given.head, address);
            // As a whole: how long it takes tells nothing of where they differ.
            u64::from_ne_bytes(hash) == u64::from_ne_bytes(given.hash)
        };
        if is_of(&self.first) && given.is_fresh(now) {
            let cookie = served(cookie.client, given.head, given.hash);
            return Proof { is_valid: true, cookie };
        }
        let is_valid = is_of(&self.first) || self.others.iter().any(is_of);
        Proof { is_valid, cookie: self.cookie(cookie.client, address, now) }
    }

    fn cookie(&self, client: [u8; 8], address: IpAddr, now: u32) -> ServedCookie {
        let [t3, t2, t1, t0] = now.to_be_bytes();
        let head = [VERSION, 0, 0, 0, t3, t2, t1, t0];
        served(client, head, self.first.hash(client, head, address))
    }
}

/// A server cookie in the form of RFC 9018 section 4: version, reserved and timestamp, and the hash.
#[derive(Clone, Copy)]
struct Given {
    head: [u8; 8],
    hash: [u8; 8],
}

impl Given {
    fn read(server: &[u8]) -> Option<Self> {
        let (&head, rest) = server.split_first_chunk::<8>()?;
        let hash = *rest.first_chunk::<8>()?;
        (rest.len() == 8 && head.first() == Some(&VERSION)).then_some(Self { head, hash })
    }

    /// How many seconds ago it was made; negative for a clock that is ahead of this one.
    fn age(self, now: u32) -> i32 {
        let [_, _, _, _, t3, t2, t1, t0] = self.head;
        now.wrapping_sub(u32::from_be_bytes([t3, t2, t1, t0])) as i32
    }

    fn is_timely(self, now: u32) -> bool {
        (-MOST_AHEAD..=OLDEST).contains(&self.age(now))
    }

    /// Whether the client may keep it and need not be given another.
    fn is_fresh(self, now: u32) -> bool {
        self.age(now) <= RENEWAL && self.head.get(1..4) == Some(&[0; 3])
    }
}

fn served(client: [u8; 8], head: [u8; 8], hash: [u8; 8]) -> ServedCookie {
    let mut cookie = [0; 24];
    let parts = client.into_iter().chain(head).chain(hash);
    cookie.iter_mut().zip(parts).for_each(|(octet, part)| *octet = part);
    cookie
}

/// The version of server cookies (RFC 9018 section 4.1).
const VERSION: u8 = 1;
/// In seconds, as RFC 9018 section 4.3 has these three.
const OLDEST: i32 = 3600;
const MOST_AHEAD: i32 = 300;
const RENEWAL: i32 = 1800;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{any, prop, proptest};

    use super::*;

    const CLIENT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    const MADE: u64 = 1_800_000_000;

    fn secrets(first: u8, others: &[u8]) -> Secrets {
        let secret = |octet: &u8| Secret::new([*octet; 16]);
        Secrets::new(secret(&first), others.iter().map(secret).collect())
    }

    fn at(seconds: u64) -> Wall {
        Wall::from_epoch(Duration::from_secs(seconds))
    }

    fn address() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    /// What a cookie that `secrets` made at [`MADE`] is to `others` so many seconds later.
    fn later(secrets: &Secrets, others: &Secrets, seconds: i64) -> Proof {
        let none = Cookie { client: CLIENT, server: &[] };
        let made = secrets.prove(none, address(), at(MADE)).cookie;
        let cookie = Cookie::read(&made).unwrap();
        others.prove(cookie, address(), at(MADE.checked_add_signed(seconds).unwrap()))
    }

    #[test]
    fn lengths_other_than_8_and_16_to_40_are_malformed() {
        for len in 0..=64 {
            let is_read = Cookie::read(&vec![0; len]).is_some();
            assert_eq!(is_read, len == 8 || (16..=40).contains(&len), "{len}");
        }
    }

    #[test]
    fn a_cookie_holds_for_an_hour_and_from_clocks_five_minutes_ahead() {
        let secrets = secrets(1, &[]);
        for (seconds, is_valid) in
            [(-301, false), (-300, true), (0, true), (3600, true), (3601, false)]
        {
            assert_eq!(later(&secrets, &secrets, seconds).is_valid, is_valid, "{seconds}");
        }
    }

    #[test]
    fn a_cookie_is_renewed_once_it_is_older_than_half_an_hour() {
        let secrets = secrets(1, &[]);
        let first = later(&secrets, &secrets, 0).cookie;
        assert_eq!(later(&secrets, &secrets, 1800).cookie, first);
        assert_ne!(later(&secrets, &secrets, 1801).cookie, first);
    }

    #[test]
    fn the_time_may_wrap_around() {
        let secrets = secrets(1, &[]);
        let wrap = 1_u64 << 32;
        let none = Cookie { client: CLIENT, server: &[] };
        let made = secrets.prove(none, address(), at(wrap - 60)).cookie;
        let cookie = Cookie::read(&made).unwrap();
        assert!(secrets.prove(cookie, address(), at(wrap + 60)).is_valid);
    }

    #[test]
    fn cookies_of_all_secrets_are_accepted_and_those_of_the_first_given() {
        let (old, both, new) = (secrets(1, &[]), secrets(2, &[1]), secrets(2, &[]));
        let proof = later(&old, &both, 1);
        assert!(proof.is_valid);
        assert!(new.prove(Cookie::read(&proof.cookie).unwrap(), address(), at(MADE)).is_valid);
        assert!(!later(&old, &new, 1).is_valid);
    }

    #[test]
    fn a_new_secret_leaves_the_one_before_accepted_and_no_other() {
        let (first, second) = (secrets(1, &[]), secrets(1, &[]).succeeded_by(Secret([2; 16])));
        let third = second.succeeded_by(Secret([3; 16]));
        assert!(later(&first, &second, 1).is_valid && later(&second, &third, 1).is_valid);
        assert!(!later(&first, &third, 1).is_valid);
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", Secrets::new(Secret([0xab; 16]), vec![Secret([171; 16])]));
        assert_eq!(shown, "Secrets { first: Secret, others: [Secret] }");
    }

    proptest! {
        #[test]
        fn what_is_served_is_valid_there_and_then_for_that_client_alone(
            client: [u8; 8],
            secret: [u8; 16],
            address: IpAddr,
            other: IpAddr,
            seconds in 0_u64..1 << 33,
        ) {
            let secrets = Secrets::new(Secret(secret), vec![]);
            let none = Cookie { client, server: &[] };
            let proof = secrets.prove(none, address, at(seconds));
            let cookie = Cookie::read(&proof.cookie).unwrap();
            assert!(!proof.is_valid && cookie.client == client);
            let again = secrets.prove(cookie, address, at(seconds));
            assert!(again.is_valid && again.cookie == proof.cookie);
            assert!(address == other || !secrets.prove(cookie, other, at(seconds)).is_valid);
        }

        #[test]
        fn no_octet_of_a_cookie_can_be_changed(at_octet in 0_usize..24, change in 1_u8..) {
            let secrets = secrets(1, &[2]);
            let none = Cookie { client: CLIENT, server: &[] };
            let mut cookie = secrets.prove(none, address(), at(MADE)).cookie;
            cookie[at_octet] ^= change;
            assert!(!secrets.prove(Cookie::read(&cookie).unwrap(), address(), at(MADE)).is_valid);
        }

        #[test]
        fn what_others_made_up_proves_nothing(server in prop::collection::vec(any::<u8>(), 8..=32)) {
            let cookie = Cookie { client: CLIENT, server: &server };
            assert!(!secrets(1, &[2]).prove(cookie, address(), at(MADE)).is_valid);
        }
    }
}
