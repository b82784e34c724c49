//! What may have been meant by a name that nothing has.

use std::fmt::Display;

/// `did you mean …?`, if a candidate is near enough to be what was meant.
pub(crate) fn did_you_mean<'c>(
    text: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(text, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The candidate that differs from `text` in the fewest letters, at most a third of them.
pub(super) fn nearest<'c>(
    text: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let lower = text.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
    let (distance, candidate) =
        candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    let allowed = (lower.chars().count().max(candidate.chars().count()) / 3).max(1);
    (distance <= allowed && distance < lower.chars().count()).then_some(candidate)
}

/// `a, b and c`
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_few_letters_is_suggested() {
        assert_eq!(nearest("mumbia", ["mumbai", "singapore"]), Some("mumbai"));
        assert_eq!(nearest("Interval", ["timeout", "interval"]), Some("interval"));
        assert_eq!(nearest("wbe", ["web", "api"]), Some("web"));
    }

    #[test]
    fn what_differs_in_most_letters_is_not() {
        assert_eq!(nearest("ftp", ["http", "tcp2"]), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("a", []), None);
    }
}
