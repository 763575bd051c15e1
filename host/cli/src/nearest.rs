//! The right name that is nearest to a wrong one.

/// Names that are less alike than this are not offered: they would only mislead.
const ALIKE: f64 = 0.75;

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let scored =
        candidates.into_iter().map(|candidate| (likeness(&wanted, &candidate.to_lowercase()), candidate));
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(score, _)| *score >= ALIKE).map(|(_, candidate)| candidate)
}

/// Jaro-Winkler favours a common beginning, which typing errors keep; swapped words do not.
fn likeness(left: &str, right: &str) -> f64 {
    strsim::jaro_winkler(left, right).max(strsim::normalized_damerau_levenshtein(left, right))
}

/// `did you mean "x"?`, or the list of what there is.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let mut known: Vec<_> = candidates.clone().into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let listed =
        if known.is_empty() { String::new() } else { format!("expected one of: {}", known.join(", ")) };
    match nearest(word, candidates) {
        Some(name) => format!("did you mean {name:?}?{}{listed}", if listed.is_empty() { "" } else { "\n" }),
        None => listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_name_and_strangers_do_not() {
        let fields = ["mounts", "runtimeProfile", "accessModes", "sharedWith"];
        assert_eq!(nearest("mount", fields), Some("mounts"));
        assert_eq!(nearest("runtimeprofile", fields), Some("runtimeProfile"));
        assert_eq!(nearest("acessMode", fields), Some("accessModes"));
        assert_eq!(nearest("zebra", fields), None);
    }
}
