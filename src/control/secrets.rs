//! The secrets of DNS cookies that no file has: random ones of this process, renewed each day. They are
//! lost with the process, which costs a client that has a cookie one more round trip.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::Snapshot;
use crate::random;
use crate::time::{Monotonic, Now};
use crate::wire::{Secret, Secrets};

use super::{Control, Loaded};

/// What cookies are made with, and when by something else.
pub(super) struct OwnSecrets {
    secrets: Arc<Secrets>,
    pub(super) renewal: Monotonic,
}

impl OwnSecrets {
    pub(super) fn new(now: Now) -> io::Result<Self> {
        let secrets = Secrets::new(Secret::new(random::octets()?), vec![]);
        Ok(Self { secrets: Arc::new(secrets), renewal: now.mono + LIFE })
    }

    /// The next, whatever comes of it, is a day later.
    fn renew(&mut self, now: Now) -> io::Result<()> {
        self.renewal = now.mono + LIFE;
        let secrets = self.secrets.succeeded_by(Secret::new(random::octets()?));
        self.secrets = Arc::new(secrets);
        Ok(())
    }

    /// Gives them to `snapshot` where `loaded` wants them.
    pub(super) fn complete(&self, loaded: &Loaded, snapshot: Snapshot) -> Snapshot {
        let own = is_wanted(loaded).then(|| self.secrets.clone());
        Snapshot { cookies: own.or_else(|| snapshot.cookies.clone()), ..snapshot }
    }
}

impl Control {
    /// Makes cookies with a new secret; those made with the one before are accepted for a day.
    pub(super) fn renew_secrets(&mut self, now: Now) {
        match self.secrets.renew(now) {
            Ok(()) if is_wanted(&self.loaded) => {
                let current = Snapshot::clone(&self.shared.load());
                self.publish(current, now);
            }
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "the secret of DNS cookies stays for another day: {error}");
            }
        }
    }
}

/// Whether `loaded` wants cookies and has no file for them.
fn is_wanted(loaded: &Loaded) -> bool {
    let settings = loaded.settings();
    settings.cookies && settings.cookie_secrets.is_none()
}

/// How long a secret makes cookies: RFC 7873 section 7.1 wants at most 36 days, and says that a day is
/// common.
const LIFE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Cookie;

    #[test]
    fn cookies_of_the_day_before_are_accepted_and_older_ones_are_not() {
        let address = [192, 0, 2, 1].into();
        let mut own = OwnSecrets::new(Now::default()).unwrap();
        let none = Cookie { client: [1; 8], server: &[] };
        let served = own.secrets.prove(none, address, Now::default().wall).cookie;
        let is_valid = |own: &OwnSecrets| {
            let cookie = Cookie::read(&served).unwrap();
            own.secrets.prove(cookie, address, Now::default().wall).is_valid
        };
        let mut valid = vec![is_valid(&own)];
        for _ in 0..2 {
            let now = Now { mono: own.renewal, ..Now::default() };
            own.renew(now).unwrap();
            assert_eq!(own.renewal, now.mono + LIFE);
            valid.push(is_valid(&own));
        }
        assert_eq!(valid, [true, true, false]);
    }
}
