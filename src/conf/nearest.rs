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
