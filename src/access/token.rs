//! Tokens themselves, which only their holders have.

use base::digest::{Sha256, hexadecimal};

use super::Role;

/// By it people and scanners for secrets know what they have found.
const PREFIX: &str = "fom_";

/// A new token. It has as much chance in it as its hash has bits, so that a plain hash tells nobody what it was.
pub fn made_of(random: &[u8; 32]) -> String {
    format!("{PREFIX}{}", hexadecimal(random))
}

pub fn hash(token: &str) -> [u8; 32] {
    Sha256::of(token)
}

/// What stands in the file for one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub role: Role,
    pub mesos_roles: Vec<String>,
    pub users: Vec<String>,
    pub expires: Option<String>,
}

impl Entry {
    /// An item of the list `tokens`.
    pub fn text(&self, token: &str) -> String {
        let Self { name, role, mesos_roles, users, expires } = self;
        let mut text = format!("  - name: {}\n", quoted(name));
        let mut line = |key: &str, value: &str| text.push_str(&format!("    {key}: {value}\n"));
        line("sha256", &quoted(&hexadecimal(&hash(token))));
        line("role", role.word());
        for (key, values) in [("mesos-roles", mesos_roles), ("users", users)] {
            if !values.is_empty() {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                line(key, &format!("[{}]", values.join(", ")));
            }
        }
        if let Some(expires) = expires {
            line("expires", &quoted(expires));
        }
        text
    }
}

/// A number or `*` would be something else without.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
