//! `failback` and `ramp` of a pool: how an az comes back that was lost.

use std::time::Duration;

use super::Code;
use super::reader::{Faults, Table};
use crate::route::Failback;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Auto,
    Ramp,
    Manual,
}

/// What a pool's table says of it.
pub(super) fn failback(table: &Table<'_>, faults: &mut Faults) -> Failback {
    let word = table.get("failback", faults);
    let chosen = word.as_ref().and_then(|value| value.choice(&WORDS, faults));
    let ramp = table.get("ramp", faults);
    let over = ramp.as_ref().and_then(|ramp| ramp.duration(SHORTEST..=LONGEST, faults));
    match (chosen.unwrap_or(Word::Auto), &ramp) {
        (Word::Ramp, _) => return Failback::Ramp(over.unwrap_or(RAMP)),
        (Word::Auto | Word::Manual, None) => {}
        (Word::Auto | Word::Manual, Some(ramp)) => {
            let fault = Code::MisplacedRamp.at(ramp.span, "the pool does not ramp").label("unused");
            let fault = match &word {
                Some(word) => fault.related(word.span, "because of this"),
                None => fault,
            };
            faults.push(fault.remedy("write `failback = \"ramp\"`, or remove `ramp`"));
        }
    }
    if chosen == Some(Word::Manual) { Failback::Manual } else { Failback::Auto }
}

const WORDS: [(&str, Word); 3] =
    [("auto", Word::Auto), ("ramp", Word::Ramp), ("manual", Word::Manual)];
const RAMP: Duration = Duration::from_secs(10 * 60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
