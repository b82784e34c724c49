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
    match (chosen.unwrap_or(Word::Auto), ramp) {
        (Word::Ramp, None) => Failback::Ramp(RAMP),
        (Word::Ramp, Some(ramp)) => {
            Failback::Ramp(ramp.duration(SHORTEST..=LONGEST, faults).unwrap_or(RAMP))
        }
        (word_is, Some(ramp)) => {
            let fault = Code::MisplacedRamp.at(ramp.span, "the pool does not ramp".to_owned());
            let mut fault = fault.label("unused");
            if let Some(word) = word {
                fault = fault.related(word.span, "because of this");
            }
            faults.push(fault.remedy("write `failback = \"ramp\"`, or remove `ramp`"));
            word_is.without_ramp()
        }
        (word, None) => word.without_ramp(),
    }
}

impl Word {
    fn without_ramp(self) -> Failback {
        match self {
            Self::Auto => Failback::Auto,
            Self::Ramp => Failback::Ramp(RAMP),
            Self::Manual => Failback::Manual,
        }
    }
}

const WORDS: [(&str, Word); 3] =
    [("auto", Word::Auto), ("ramp", Word::Ramp), ("manual", Word::Manual)];
const RAMP: Duration = Duration::from_secs(10 * 60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
