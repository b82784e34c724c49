//! `load` of a check: where the body of a reply tells the load of its endpoint.

use super::Code;
use super::reader::{Faults, Value};
use super::readiness::place_within;
use crate::health::{JsonPath, PathError};

/// The path to a number of the body.
pub(super) fn load_path(value: Value<'_>, faults: &mut Faults) -> Option<JsonPath> {
    let text = value.string(faults)?;
    let (at, why) = match JsonPath::parse_prefix(text) {
        Ok((path, length)) if length == text.len() => return Some(path),
        Ok((_, length)) => (length..text.len(), "the path ends before this".to_owned()),
        Err(PathError { at, fault }) => (at, fault.to_string()),
    };
    let place = place_within(value.span, text, at);
    let fault = Code::BadValue.at(place, format!("not a path to a number: {why}"));
    faults.push(fault.label("not understood").remedy(REMEDY));
    None
}

const REMEDY: &str =
    "for example \"$.load\" or \"$.requests[0].rate\"; other names in quotes: \"$['load-1m']\"";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Environment;
    use crate::config::server::server;
    use crate::diag::{Sources, one_line};

    /// What is said of a check with this load.
    fn faults(load: &str) -> Vec<String> {
        let text = format!("[check.web]\ntype = \"http\"\nload = {load}\n");
        let mut sources = Sources::new();
        let file = sources.add("meridian.toml", text.as_bytes());
        let read = server(text.as_bytes(), file, Path::new(""), &Environment::default());
        read.1.iter().map(|fault| one_line(fault, &sources)).collect()
    }

    #[test]
    fn a_path_to_a_value_is_one() {
        for load in ["$.load", "$['load-1m']", "$.azs[0].load"] {
            assert_eq!(faults(&format!("\"{load}\"")), [""; 0]);
        }
    }

    #[test]
    fn what_is_no_path_is_told_at_its_place() {
        let told = |load: &str| faults(load).concat();
        let start = "meridian.toml:3";
        let error = "error[config/bad-value]: not a path to a number";
        assert!(
            told("\"load\"").starts_with(&format!("{start}:9: {error}: a path begins with `$`"))
        );
        let trailing = format!("{start}:15: {error}: the path ends before this");
        assert!(told("\"$.load < 5\"").starts_with(&trailing), "{}", told("\"$.load < 5\""));
        assert!(told("5").contains("config/wrong-type"));
    }
}
