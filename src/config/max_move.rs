//! `max_move` of `[server]`: how many clients of a pool a reload may move unconfirmed.

use super::reader::{Faults, Table};

/// In percent, 1 to 100; 100 where the file says nothing.
pub(super) fn max_move(server: &Table<'_>, faults: &mut Faults) -> u8 {
    let percent = server.get("max_move", faults).and_then(|value| {
        let share = value.string(faults)?;
        let percent = share.strip_suffix('%').and_then(|digits| digits.parse().ok());
        match percent.filter(|percent| (1..=100).contains(percent)) {
            Some(percent) => Some(percent),
            None => value.bad_value("a share from \"1%\" to \"100%\"", faults),
        }
    });
    percent.unwrap_or(100)
}
