//! What every identifier made by a framework must be: a name that a directory can have.

/// Longest identifier in bytes: the longest name in a directory.
const MAX_BYTES: usize = 255;

/// Why `id` cannot be an identifier.
pub fn refuse(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("ID must not be empty".to_owned());
    }
    if id.len() > MAX_BYTES {
        return Some(format!("ID must not be greater than {MAX_BYTES} characters"));
    }
    if id == "." || id == ".." {
        return Some(format!("'{id}' is disallowed"));
    }
    if id.contains(|c: char| c.is_ascii_control() || c == '/' || c == '\\') {
        return Some(format!("'{id}' contains invalid characters"));
    }
    None
}
