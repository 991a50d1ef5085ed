//! "Did you mean": the name that was probably meant, or the names that there are.

/// The most similar of the names, if one is similar enough to be what was meant.
pub(crate) fn similar<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = given.to_lowercase();
    names
        .into_iter()
        .map(|name| (similarity(&lowered, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// From 0 for nothing in common to 1 for the same.
fn similarity(one: &str, two: &str) -> f64 {
    // In short names, letters in another order leave nothing in its place.
    let letters = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    let mixed_up = one.chars().next() == two.chars().next() && letters(one) == letters(two);
    strsim::jaro_winkler(one, two).max(if mixed_up { 0.9 } else { 0.0 })
}

/// The end of a message about an unknown name: "; did you mean `x`?" or "; the events are `x`, `y`".
pub(crate) fn instead<'a>(
    given: &str,
    what: &str,
    names: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(name) = similar(given, names.clone()) {
        return format!("; did you mean `{name}`?");
    }
    let list: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if list.is_empty() {
        format!("; there are no {what}")
    } else {
        format!("; the {what} are {}", list.join(", "))
    }
}
