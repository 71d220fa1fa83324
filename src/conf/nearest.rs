//! What somebody meant who misspelled a name.

/// A name of which more than a third is different is not what was meant.
const MAX_CHANGED: f64 = 1.0 / 3.0;

/// The one of `known` that is most like `name`, if it is like it at all.
pub fn of<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similarities =
        known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let best = similarities.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity >= 1.0 - MAX_CHANGED).map(|(_, near)| near)
}

/// The one of `known` for which `name` is a slip of the keyboard: at most a letter in ten is wrong, and capitals count for nothing.
/// For names of which there are many, and some that nobody knows.
pub fn slip<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.len() / 10).clamp(1, 3);
    let lower = name.to_lowercase();
    let is_near = |known: &&str| known.len().abs_diff(name.len()) <= most;
    let distances = known
        .into_iter()
        .filter(is_near)
        .map(|known| (strsim::osa_distance(&lower, &known.to_lowercase()), known));
    distances.min().filter(|(distance, _)| *distance <= most).map(|(_, near)| near)
}
