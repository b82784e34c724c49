//! Zones from text to answers: what the reader accepts, what it reports, what a look-up finds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bind;
mod faults;
mod laws;
mod limits;
mod lookup;
mod oracle;
mod reading;
mod set;
mod types;

use meridian::span::{FileId, Severity, Span};
use meridian::wire::Name;
use meridian::zone::{self, Binding, Fault, Found, Node, Source, Zone};

/// The absolute name that `text` spells.
fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), &Name::root()).unwrap()
}

/// Reads a zone without included files; `pools` are owners.
fn read(origin: &str, text: &[u8], pools: &[&str]) -> (Option<Zone>, Vec<Fault>) {
    let source = Source { origin: name(origin), file: FileId(0), text };
    zone::read(source, &bindings(pools), &mut |path, _| Err(format!("no file {path}")))
}

/// The binding at `n` of these has the span `n..n` of file 9.
fn bindings(pools: &[&str]) -> Vec<Binding> {
    let binding = |(index, owner): (usize, &&str)| Binding {
        owner: name(owner),
        span: Span::new(FileId(9), index, index),
    };
    pools.iter().enumerate().map(binding).collect()
}

/// The zone that `text` is, which must be without faults.
fn zone(origin: &str, text: &str, pools: &[&str]) -> Zone {
    let (zone, faults) = read(origin, text.as_bytes(), pools);
    assert_eq!(show(text, &faults), "");
    zone.unwrap()
}

/// One line a fault: severity, code, the text it points to, and the message; in brackets what
/// related places point to.
fn show(text: &str, faults: &[Fault]) -> String {
    let mut lines = String::new();
    for Fault { kind, span, related } in faults {
        let severity = match kind.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        lines += &format!("{severity} {} {}: {kind}", kind.code(), place(text, *span));
        for (span, label) in related {
            lines += &format!(" [{label}: {}]", place(text, *span));
        }
        lines += "\n";
    }
    lines
}

/// The line of a span and the text in it; of a span in another file, that file.
fn place(text: &str, span: Span) -> String {
    if span.file != FileId(0) {
        return format!("file {} at {}", span.file.0, span.start);
    }
    let (start, end) = (span.start as usize, span.end as usize);
    let line = 1 + text[..start].matches('\n').count();
    format!("{line} `{}`", &text[start..end].replace('\n', "⏎"))
}

/// What is found for `qname`, in words: the kind, the node's name, and its types.
fn find(zone: &Zone, qname: &str) -> String {
    let describe = |node: Node<'_>| {
        let types: Vec<_> = node.sets().map(|set| set.rtype().to_string()).collect();
        let pool = node.binding().map(|id| format!(" pool {}", id.0)).unwrap_or_default();
        format!("{} [{}]{pool}", node.name(), types.join(" "))
    };
    match zone.find(name(qname).to_lowercase().as_wire()) {
        Found::Exact(node) => format!("exact {}", describe(node)),
        Found::Wildcard { node, encloser } => {
            format!("wildcard {} in {}", describe(node), encloser.name())
        }
        Found::Delegation(node) => format!("delegation {}", describe(node)),
        Found::Dname(node) => format!("dname {}", describe(node)),
        Found::NoName { encloser } => format!("no name in {}", encloser.name()),
    }
}
