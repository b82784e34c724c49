//! The only source of secrets: the system's random numbers, by way of the one crypto backend.

use std::io;

use rustls::crypto::ring;

/// So many random octets.
pub fn octets<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    match ring::default_provider().secure_random.fill(&mut octets) {
        Ok(()) => Ok(octets),
        Err(_) => Err(io::Error::other("the system gives no random numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        assert_ne!(octets::<16>().unwrap(), octets::<16>().unwrap());
    }
}
