//! gdnsd's zone files (gdnsd.zonefile(5)) to plain ones: dynamic records are taken out and handed
//! on, `@Z` and `@F` written out, `$INCLUDE` replaced by the file; all else stays as it is written.

use std::ops::Range;

use super::super::{Files, Note};
use super::vscf::{Place, beside};

/// A zone without its dynamic records, and those.
pub(super) struct Plain {
    pub(super) text: String,
    pub(super) dynamic: Vec<Dynamic>,
    pub(super) notes: Vec<Note>,
}

/// A DYNA or DYNC record.
pub(super) struct Dynamic {
    pub(super) place: Place,
    /// Relative to the zone; `@` for the apex; absolute if it is not within.
    pub(super) owner: String,
    pub(super) plugin: String,
    pub(super) resource: String,
    /// In seconds.
    pub(super) ttl: u32,
    /// In seconds.
    pub(super) min_ttl: u32,
    /// Where in the text a static record may take its place.
    pub(super) at: usize,
}

/// Reads `file`, of the zone `origin` (absolute, with a final dot).
pub(super) fn read(files: &Files, file: &str, origin: &str, default_ttl: u32) -> Plain {
    let plain = Plain { text: format!("$TTL {default_ttl}\n"), dynamic: vec![], notes: vec![] };
    let mut reader = Reader { files, zone: origin.to_owned(), plain };
    reader.read_file(file, origin, default_ttl, 0);
    reader.plain
}

struct Reader<'a> {
    files: &'a Files,
    zone: String,
    plain: Plain,
}

/// Where reading stands in one file.
struct State {
    /// The file's own origin, `@F`.
    first: String,
    origin: String,
    ttl: u32,
    owner: String,
    /// The record that named the owner was taken out.
    owner_is_lost: bool,
    open: usize,
}

impl Reader<'_> {
    fn read_file(&mut self, file: &str, origin: &str, ttl: u32, depth: usize) {
        let mut state = State {
            first: origin.to_owned(),
            origin: origin.to_owned(),
            ttl,
            owner: "@".to_owned(),
            owner_is_lost: false,
            open: 0,
        };
        let files = self.files;
        for (index, line) in files.get(file).map_or("", String::as_str).lines().enumerate() {
            let place = Place::new(file, index + 1);
            let line = self.written_out(line, &state);
            let words = words(&line);
            let continues = state.open > 0;
            state.open = balance(state.open, &line, &words);
            let Some(first) = words.first().filter(|_| !continues) else {
                self.keep(&line);
                continue;
            };
            match line[first.clone()].to_ascii_uppercase().as_str() {
                "$TTL" => state.ttl = argument(&line, &words, 1).and_then(seconds).unwrap_or(ttl),
                "$ORIGIN" => {
                    let name = argument(&line, &words, 1).unwrap_or("@");
                    state.origin = absolute(name, &state.origin);
                }
                "$INCLUDE" => {
                    self.include(&place, &line, &words, &state, depth);
                    continue;
                }
                _ => {
                    self.record(&place, &line, &words, &mut state);
                    continue;
                }
            }
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &str) {
        self.plain.text += line;
        self.plain.text.push('\n');
    }

    fn include(
        &mut self,
        place: &Place,
        line: &str,
        words: &[Range<usize>],
        state: &State,
        depth: usize,
    ) {
        let file = argument(line, words, 1).unwrap_or_default().trim_matches('"');
        // Relative to the file that says it.
        let from = place.to_string();
        let path = beside(from.rsplit_once(':').map_or("", |(file, _)| file), file);
        if depth == DEEPEST || !self.files.contains_key(&path) {
            self.keep(&format!("; not imported: {line}"));
            self.plain.notes.push(Note::new(place, format!("{path} can't be included")));
            return;
        }
        let origin = argument(line, words, 2);
        let origin = origin.map_or(state.origin.clone(), |name| absolute(name, &state.origin));
        self.keep(&format!("; {path}"));
        self.keep(&format!("$ORIGIN {origin}"));
        self.read_file(&path, &origin, state.ttl, depth + 1);
        // An included file changes nothing in the one that includes it.
        self.keep(&format!("; the end of {path}\n$ORIGIN {}\n$TTL {}", state.origin, state.ttl));
    }

    fn record(&mut self, place: &Place, line: &str, words: &[Range<usize>], state: &mut State) {
        let names_owner = !line.starts_with([' ', '\t']);
        if names_owner {
            state.owner = line[words[0].clone()].to_owned();
        }
        let rest: Vec<_> =
            words[usize::from(names_owner)..].iter().map(|word| &line[word.clone()]).collect();
        let type_at =
            rest.iter().position(|word| !is_ttl(word) && !word.eq_ignore_ascii_case("IN"));
        let is_dynamic = |word: &&str| DYNAMIC.iter().any(|of| word.eq_ignore_ascii_case(of));
        let Some(at) = type_at.filter(|at| is_dynamic(&rest[*at])) else {
            if state.owner_is_lost && !names_owner {
                self.keep(&format!("{}{line}", state.owner));
            } else {
                self.keep(line);
            }
            state.owner_is_lost = false;
            return;
        };
        state.owner_is_lost |= names_owner;
        let ttl = rest[..at].iter().find(|word| is_ttl(word));
        let (max, min) = ttl.map_or((None, None), |word| match word.split_once('/') {
            Some((max, min)) => (seconds(max), seconds(min)),
            None => (seconds(word), None),
        });
        let ttl = max.unwrap_or(state.ttl);
        let data = rest.get(at + 1).copied().unwrap_or_default();
        let (plugin, resource) = data.split_once('!').unwrap_or((data, ""));
        self.keep(&format!("; {}", line.trim()));
        let owner = relative(&absolute(&state.owner, &state.origin), &self.zone);
        self.plain.dynamic.push(Dynamic {
            place: place.clone(),
            owner,
            plugin: plugin.to_owned(),
            resource: resource.to_owned(),
            ttl,
            min_ttl: min.unwrap_or(ttl / 2).min(ttl),
            at: self.plain.text.len(),
        });
    }

    /// `line` with names in place of `@Z` and `@F`, and strings that gdnsd would split in parts.
    fn written_out(&self, line: &str, state: &State) -> String {
        let mut written = line.to_owned();
        for word in words(line).into_iter().rev() {
            if word.len() > LONGEST_STRING {
                written.replace_range(word.clone(), &in_parts(&line[word.clone()]));
            }
            for (mark, name) in [("@Z", &self.zone), ("@F", &state.first)] {
                let text = &line[word.clone()];
                let before = text.strip_suffix(mark);
                if before.is_some_and(|before| before.is_empty() || before.ends_with('.')) {
                    written.replace_range(word.end - mark.len()..word.end, name);
                }
            }
        }
        written
    }
}

/// A string as several of at most 255 octets, none of which parts an escape.
fn in_parts(word: &str) -> String {
    let mut parts = vec![String::new()];
    let (mut octets, mut rest) = (0, word.trim_matches('"').chars().peekable());
    while let Some(first) = rest.next() {
        let mut unit = first.to_string();
        if first == '\\' {
            let digits = if rest.peek().is_some_and(char::is_ascii_digit) { 3 } else { 1 };
            unit.extend(rest.by_ref().take(digits));
        }
        let length = if first == '\\' { 1 } else { first.len_utf8() };
        if octets + length > LONGEST_STRING {
            parts.push(String::new());
            octets = 0;
        }
        octets += length;
        if let Some(part) = parts.last_mut() {
            *part += &unit;
        }
    }
    format!("\"{}\"", parts.join("\" \""))
}

/// The words of a line up to a comment; a quoted one with its quotes, a parenthesis alone.
fn words(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let mut words = vec![];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b';' => break,
            b' ' | b'\t' | b'\r' => at += 1,
            b'(' | b')' => {
                words.push(at..at + 1);
                at += 1;
            }
            first => {
                let start = at;
                let is_quoted = *first == b'"';
                at += usize::from(is_quoted);
                while let Some(byte) = bytes.get(at) {
                    match byte {
                        b'\\' => at += 1,
                        b'"' if is_quoted => {
                            at += 1;
                            break;
                        }
                        b' ' | b'\t' | b'\r' | b';' | b'(' | b')' | b'"' if !is_quoted => break,
                        _ => {}
                    }
                    at += 1;
                }
                at = at.min(bytes.len());
                words.push(start..at);
            }
        }
    }
    words
}

/// How many parentheses are open behind `line`.
fn balance(open: usize, line: &str, words: &[Range<usize>]) -> usize {
    words.iter().fold(open, |open, word| match &line[word.clone()] {
        "(" => open + 1,
        ")" => open.saturating_sub(1),
        _ => open,
    })
}

fn argument<'a>(line: &'a str, words: &[Range<usize>], index: usize) -> Option<&'a str> {
    words.get(index).map(|word| &line[word.clone()])
}

/// `name` behind `origin`, which is absolute.
fn absolute(name: &str, origin: &str) -> String {
    match name {
        "@" => origin.to_owned(),
        name if name.ends_with('.') && !name.ends_with("\\.") => name.to_owned(),
        name if origin == "." => format!("{name}."),
        name => format!("{name}.{origin}"),
    }
}

/// `name` as an owner in `zone`; both are absolute.
fn relative(name: &str, zone: &str) -> String {
    let (name, zone) = (name.to_ascii_lowercase(), zone.to_ascii_lowercase());
    if name == zone {
        return "@".to_owned();
    }
    let below = if zone == "." { zone } else { format!(".{zone}") };
    name.strip_suffix(&below).map_or(name.clone(), str::to_owned)
}

/// Whether `word` can be a TTL: `600`, `1h`, `600/30`.
fn is_ttl(word: &str) -> bool {
    let (max, min) = word.split_once('/').unwrap_or((word, "0"));
    seconds(max).is_some() && seconds(min).is_some()
}

/// The seconds of `600`, `10M` or `1D`.
fn seconds(text: &str) -> Option<u32> {
    let (digits, factor) = match text.as_bytes().last()?.to_ascii_lowercase() {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 3600),
        b'd' => (&text[..text.len() - 1], 86400),
        b'w' => (&text[..text.len() - 1], 604_800),
        _ => (text, 1),
    };
    digits.parse::<u32>().ok()?.checked_mul(factor)
}

const DYNAMIC: [&str; 2] = ["DYNA", "DYNC"];
const DEEPEST: usize = 16;
/// Octets (RFC 1035 section 3.3).
const LONGEST_STRING: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(files: &[(&str, &str)]) -> Plain {
        let files = files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        read(&files, "zones/app.example", "app.example.", 86400)
    }

    fn dynamic(text: &str) -> Vec<(String, u32, u32)> {
        let plain = plain(&[("zones/app.example", text)]);
        plain.dynamic.into_iter().map(|of| (of.owner, of.ttl, of.min_ttl)).collect()
    }

    #[test]
    fn owners_are_relative_to_the_zone_whatever_the_origin() {
        let text =
            "@ DYNA a!b\n$ORIGIN sub\nwww DYNA a!b\n*.shop DYNC a!b\nx.app.example. DYNA a!b";
        let owners: Vec<_> = dynamic(text).into_iter().map(|(owner, ..)| owner).collect();
        assert_eq!(owners, ["@", "www.sub", "*.shop.sub", "x"]);
    }

    #[test]
    fn ttls_are_the_longest_and_the_shortest_which_is_half_if_not_given() {
        let text = "$TTL 1h\na 600/30 DYNA x!y\nb 10M IN DYNA x!y\nc DYNA x!y";
        let ttls: Vec<_> = dynamic(text).into_iter().map(|(_, max, min)| (max, min)).collect();
        assert_eq!(ttls, [(600, 30), (600, 300), (3600, 1800)]);
    }

    #[test]
    fn a_record_behind_a_dynamic_one_keeps_its_owner() {
        let text =
            plain(&[("zones/app.example", "www DYNA a!b\n    MX 10 mail\n    TXT \"x\"")]).text;
        assert_eq!(text, "$TTL 86400\n; www DYNA a!b\nwww    MX 10 mail\n    TXT \"x\"\n");
    }

    #[test]
    fn quotes_comments_and_parentheses_hide_no_record_and_make_none() {
        let text = "a TXT \"; www DYNA a!b\" ; c DYNA a!b\n@ SOA ns1 h (\n 1 2 3 ; DYNA\n 4 5 )\nwww DYNA a!b";
        assert_eq!(dynamic(text).len(), 1);
    }

    #[test]
    fn the_marks_for_zone_and_file_are_written_out() {
        let files = [
            ("zones/app.example", "$INCLUDE inc/foo foo\nwww A 192.0.2.1"),
            ("zones/inc/foo", "$ORIGIN bar.@F\na A 192.0.2.2\n$ORIGIN baz.@Z\nb DYNA x!y"),
        ];
        let plain = plain(&files);
        assert!(plain.text.contains("$ORIGIN bar.foo.app.example.\na A"), "{}", plain.text);
        assert!(plain.text.ends_with("$ORIGIN app.example.\n$TTL 86400\nwww A 192.0.2.1\n"));
        assert_eq!(plain.dynamic[0].owner, "b.baz");
        assert_eq!(plain.dynamic[0].place.to_string(), "zones/inc/foo:4");
    }

    #[test]
    fn a_string_that_is_too_long_is_several() {
        let line = format!("k TXT \"{}\\\"{}\"", "a".repeat(254), "b".repeat(10));
        let text = plain(&[("zones/app.example", &line)]).text;
        let expected = format!("k TXT \"{}\\\"\" \"{}\"\n", "a".repeat(254), "b".repeat(10));
        assert!(text.ends_with(&expected), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let plain = plain(&[("zones/app.example", "$INCLUDE gone")]);
        let note = "zones/app.example:1: zones/gone can't be included";
        assert_eq!(plain.notes[0].to_string(), note);
    }
}
