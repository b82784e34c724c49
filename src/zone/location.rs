//! The data of LOC records (RFC 1876), from text and in wire form.

use crate::span::Span;

use super::rdata::{Context, Problem};
use super::scan::Word;

/// Appends the location that `words` spell:
/// `degrees [minutes [seconds]] N|S degrees [minutes [seconds]] E|W altitude [size [horizontal
/// precision [vertical precision]]]`.
pub(super) fn parse(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    let mut words = Words { rest: words, context, last: words[0].span };
    let latitude = words.angle(LATITUDE)?;
    let longitude = words.angle(LONGITUDE)?;
    let altitude = words.next(ALTITUDE, |text| {
        let metres = text.strip_suffix(b"m").unwrap_or(text);
        let (metres, is_below) = match metres.strip_prefix(b"-") {
            Some(metres) => (metres, true),
            None => (metres, false),
        };
        let centimetres = i64::try_from(decimal(metres, 2)?).ok()?;
        let above = if is_below { -centimetres } else { centimetres };
        u32::try_from(above.checked_add(DATUM)?).ok()
    })?;
    rdata.push(VERSION);
    for usual in [SIZE, HORIZONTAL, VERTICAL] {
        let is_there = !words.rest.is_empty();
        rdata.push(if is_there { words.next(PRECISION, precision)? } else { usual });
    }
    for number in [latitude, longitude, altitude] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    match words.rest {
        [] => Ok(()),
        [first, .., last] | [first @ last] => {
            Err((first.span.to(last.span), Problem::Expected("the end of the location")))
        }
    }
}

/// Checks a location in wire form.
pub(super) fn check(wire: &[u8]) -> Result<(), Problem> {
    let Some((&[version, sizes @ ..], rest)) = wire.split_first_chunk::<4>() else {
        return Err(Problem::Short);
    };
    if version != VERSION {
        return Err(Problem::Expected("a location of version 0"));
    }
    let is_size = |size: u8| size == 0 || ((1..=9).contains(&(size >> 4)) && size & 15 <= 9);
    if !sizes.into_iter().all(is_size) {
        return Err(Problem::Expected(PRECISION));
    }
    let (numbers, _) = rest.as_chunks::<4>();
    for (&number, limits) in numbers.iter().zip([LATITUDE, LONGITUDE]) {
        if u32::from_be_bytes(number).abs_diff(EQUATOR) > limits.degrees * DEGREE {
            return Err(Problem::Expected(limits.expected));
        }
    }
    if rest.len() < 12 { Err(Problem::Short) } else { Ok(()) }
}

/// What one of the two angles may be.
#[derive(Clone, Copy)]
struct Angle {
    degrees: u32,
    /// The letters for above and below the middle.
    letters: [u8; 2],
    expected: &'static str,
}

struct Words<'a, 'c> {
    rest: &'a [Word],
    context: &'a Context<'c>,
    last: Span,
}

impl Words<'_, '_> {
    /// What `read` makes of the next word.
    fn next<T>(
        &mut self,
        expected: &'static str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, (Span, Problem)> {
        let after = Span { start: self.last.end, ..self.last };
        let [word, rest @ ..] = self.rest else { return Err((after, Problem::Expected(expected))) };
        (self.rest, self.last) = (rest, word.span);
        read((self.context.text)(*word)).ok_or((word.span, Problem::Expected(expected)))
    }

    /// Degrees, minutes and seconds, as thousandths of a second from 2^31 on.
    fn angle(&mut self, angle: Angle) -> Result<u32, (Span, Problem)> {
        let start = self.last;
        let mut total = self.next(angle.expected, |text| {
            let degrees = u32::try_from(decimal(text, 0)?).ok()?;
            (degrees <= angle.degrees).then(|| degrees * DEGREE)
        })?;
        let mut units = UNITS.into_iter();
        let is_above = loop {
            let unit = units.next();
            let read = self.next(angle.expected, |text| match *text {
                [letter] if letter.eq_ignore_ascii_case(&angle.letters[0]) => Some(Err(true)),
                [letter] if letter.eq_ignore_ascii_case(&angle.letters[1]) => Some(Err(false)),
                _ => {
                    let (digits, factor, limit) = unit?;
                    let part = u32::try_from(decimal(text, digits)?).ok()?.checked_mul(factor)?;
                    (part < limit).then_some(Ok(part))
                }
            })?;
            match read {
                Ok(part) => total += part,
                Err(is_above) => break is_above,
            }
        };
        if total > angle.degrees * DEGREE {
            return Err((start.to(self.last), Problem::Expected(angle.expected)));
        }
        Ok(if is_above { EQUATOR + total } else { EQUATOR - total })
    }
}

/// The number of `text`, which has at most `digits` behind its point, in units of the last.
fn decimal(text: &[u8], digits: usize) -> Option<u64> {
    let (whole, part) = match text.iter().position(|&byte| byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    let is_number = whole.iter().chain(part).all(u8::is_ascii_digit);
    if !is_number || whole.is_empty() || part.len() > digits {
        return None;
    }
    let zeros = std::iter::repeat_n(&b'0', digits - part.len());
    whole.iter().chain(part).chain(zeros).try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Metres as a digit and a power of ten in centimetres, rounded down (RFC 1876 section 2).
fn precision(text: &[u8]) -> Option<u8> {
    let mut centimetres = decimal(text.strip_suffix(b"m").unwrap_or(text), 2)?;
    let mut power = 0;
    while centimetres > 9 {
        centimetres /= 10;
        power += 1;
    }
    (power <= 9).then_some((centimetres as u8) << 4 | if centimetres == 0 { 0 } else { power })
}

const LATITUDE: Angle = Angle {
    degrees: 90,
    letters: [b'N', b'S'],
    expected: "a latitude such as 42 21 54.5 N, up to 90 degrees",
};
const LONGITUDE: Angle = Angle {
    degrees: 180,
    letters: [b'E', b'W'],
    expected: "a longitude such as 71 6 18 W, up to 180 degrees",
};
const ALTITUDE: &str = "an altitude from -100000.00m to 42849672.95m";
const PRECISION: &str = "metres from 0 to 90000000.00m";
/// The octets of a location.
pub(super) const LEN: usize = 16;
const VERSION: u8 = 0;
/// A size of 1 m.
const SIZE: u8 = 0x12;
/// A precision of 10,000 m.
const HORIZONTAL: u8 = 0x16;
/// A precision of 10 m.
const VERTICAL: u8 = 0x13;
/// The angle 0, in thousandths of a second.
const EQUATOR: u32 = 1 << 31;
const DEGREE: u32 = 3_600_000;
/// Minutes and seconds: digits behind the point, thousandths of a second in the last of them, and
/// what they stay below.
const UNITS: [(usize, u32, u32); 2] = [(0, 60_000, DEGREE), (3, 1, 60_000)];
/// The altitude 0: what altitudes are counted from lies 100,000 m below it.
const DATUM: i64 = 10_000_000;
