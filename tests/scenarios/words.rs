//! The words of a line, and what single words can mean.

use std::time::Duration;

use meridian::route::Family;

use crate::language::Jump;

/// The words of a line; a text in quotes is one word.
pub(crate) struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut rest = line.trim();
        while !rest.is_empty() {
            let end = match rest.strip_prefix('"') {
                Some(quoted) => quoted.find('"').ok_or("a quote is not closed")? + 2,
                None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            };
            words.push(&rest[..end]);
            rest = rest[end..].trim_start();
        }
        Ok(Self { words, next: 0 })
    }

    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    pub(crate) fn next(&mut self) -> Result<&'a str, String> {
        let word = self.peek().ok_or("something is missing at the end")?;
        self.next += 1;
        Ok(word)
    }

    pub(crate) fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.next += usize::from(is_next);
        is_next
    }

    pub(crate) fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.take(word) { Ok(()) } else { Err(format!("{word:?} is missing")) }
    }

    pub(crate) fn rest(&mut self) -> Vec<String> {
        let rest = self.words[self.next..].iter().map(|&word| word.to_owned()).collect();
        self.next = self.words.len();
        rest
    }

    pub(crate) fn end(&self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |word| Err(format!("{word:?} is too much")))
    }

    pub(crate) fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word:?} is not understood"))
    }

    pub(crate) fn one_of<T: Clone>(&mut self, choices: &[(&str, T)]) -> Result<T, String> {
        let word = self.next()?;
        let found = choices.iter().find(|(choice, _)| *choice == word);
        found.map(|(_, value)| value.clone()).ok_or(format!("{word:?} is not understood"))
    }

    pub(crate) fn percent(&mut self) -> Result<u8, String> {
        let word = self.next()?;
        let percent = word.strip_suffix('%').and_then(|percent| percent.parse().ok());
        percent.ok_or(format!("{word:?} is no share"))
    }

    /// One, or both where none is named.
    pub(crate) fn families(&mut self) -> Vec<Family> {
        let named = |words: &mut Self, word, family| words.take(word).then_some(vec![family]);
        named(self, "IPv4", Family::V4)
            .or_else(|| named(self, "IPv6", Family::V6))
            .unwrap_or_else(|| vec![Family::V4, Family::V6])
    }

    pub(crate) fn is_kept(&mut self) -> Option<bool> {
        let is_kept = self.take("kept");
        (is_kept || self.take("not-kept")).then_some(is_kept)
    }

    pub(crate) fn because(&mut self) -> Result<Option<String>, String> {
        if !self.take("because") {
            return Ok(None);
        }
        self.quoted().map(Some)
    }

    pub(crate) fn quoted(&mut self) -> Result<String, String> {
        let word = self.next()?;
        let text = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
        Ok(text.ok_or("a reason stands in quotes")?.to_owned())
    }

    pub(crate) fn jump(&mut self) -> Result<Jump, String> {
        let word = self.next()?;
        let by = |text| duration(text).ok_or(format!("{word:?} is no duration"));
        match (word.strip_prefix('+'), word.strip_prefix('-')) {
            (Some(forward), _) => by(forward).map(Jump::Forward),
            (_, Some(back)) => by(back).map(Jump::Back),
            (None, None) => Err("a clock jumps + or -".into()),
        }
    }

    pub(crate) fn duration(&mut self) -> Result<Duration, String> {
        let word = self.next()?;
        duration(word).ok_or_else(|| format!("{word:?} is no duration"))
    }
}

fn duration(word: &str) -> Option<Duration> {
    let mut rest = word;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = rest[..unit_at].parse().ok()?;
        let next = rest[unit_at..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let end = rest.len() - next.len();
        seconds += number
            * match &rest[unit_at..end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = next;
    }
    let micros = (seconds * 1e6).round();
    Some(Duration::from_micros(micros as u64))
}
