//! The page on zone files, against what is read.

use meridian::span::FileId;
use meridian::wire::{Name, RecordType};
use meridian::zone::{self, Source};

const PAGE: &str = include_str!("../../docs/zones.md");

#[test]
fn the_page_lists_the_types_that_have_a_presentation_form() {
    let listed = PAGE.lines().skip_while(|line| !line.starts_with("A AAAA "));
    let listed = listed.take_while(|line| !line.is_empty()).flat_map(str::split_whitespace);
    let mut types: Vec<_> =
        (1..=u16::MAX).map(RecordType).filter(|&rtype| has_form(rtype)).collect();
    types.sort_by_key(|rtype| rtype.to_string());
    let types: Vec<_> = types.iter().map(ToString::to_string).collect();
    assert_eq!(listed.collect::<Vec<_>>(), types);
}

/// Whether text that is not generic is read for a type.
fn has_form(rtype: RecordType) -> bool {
    let text = format!("@ 1 SOA . . 1 1 1 1 1\n@ NS a.test.\na {rtype}");
    let origin = Name::from_text(b"example", &Name::root()).unwrap();
    let source = Source { origin, file: FileId(0), text: text.as_bytes() };
    let (_, faults) = zone::read(source, &[], &mut |_, _| Err(String::new()));
    !faults.iter().any(|fault| matches!(fault.kind.code(), "Z204" | "Z114" | "Z115"))
}
