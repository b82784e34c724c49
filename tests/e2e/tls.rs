//! HTTPS endpoints whose certificates go wrong.

use super::failover::{assert_back, assert_lost};
use super::fleet::{Fleet, POLICY};
use super::support::authority::{Authority, Identity, Validity};

#[test]
fn an_expired_certificate_takes_an_az_out() {
    shown_instead("certificate has expired", |authority| {
        authority.identity("www.app.example", Validity::Past)
    });
}

#[test]
fn a_certificate_of_another_authority_takes_an_az_out() {
    shown_instead("certificate is not issued by a trusted authority", |_| {
        Authority::new().identity("www.app.example", Validity::Current)
    });
}

#[test]
fn a_certificate_for_another_name_takes_an_az_out() {
    shown_instead("certificate is not for www.app.example", |authority| {
        authority.identity("www.other.example", Validity::Current)
    });
}

/// Sydney shows another identity for a while.
#[track_caller]
fn shown_instead(cause: &str, other: impl FnOnce(&Authority) -> Identity) {
    let authority = Authority::new();
    let good = authority.identity("www.app.example", Validity::Current);
    let fleet = Fleet::https(&good);
    let file = authority.file();
    let check =
        format!("type = \"https\"\nhost = \"www.app.example\"\nca = \"{}\"", file.path().display());
    let host = fleet.host(&POLICY.replace("type = \"http\"", &check));
    let mut daemon = host.start();
    fleet.sydney.show(other(&authority));
    assert_lost(&mut daemon, &host, cause);
    fleet.sydney.show(good);
    assert_back(&mut daemon);
}
