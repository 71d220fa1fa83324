//! The server from which agents fetch files.

use serde::{Deserialize, Serialize};

use base::digest::Sha256;

use super::super::keys;
use super::reader::Reader;

/// Below those that agents offer (31000) and those that kernels give to anybody (32768).
const OWN_FIRST: u16 = 20_000;
const OWN_COUNT: u16 = 10_000;

/// How it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    pub port: Port,
    /// HTTPS when Flink's REST endpoint speaks it too.
    pub tls: bool,
    /// Where agents fetch what is not the cluster's own, instead of here; without a slash at its end.
    pub base_url: Option<String>,
}

/// On which port it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Port {
    /// The user's; 0 for any free one.
    Given(u16),
    /// The cluster's own: the same after a restart, for agents keep what they fetched by its whole address.
    Own(u16),
}

impl Artifacts {
    pub(super) fn read(reader: &mut Reader<'_>, framework: &str) -> Self {
        let cluster_id = reader.value(&keys::flink::CLUSTER_ID);
        let given = reader.optional(&keys::ARTIFACT_PORT);
        Self {
            port: given.map_or_else(|| Port::Own(own_port(&cluster_id, framework)), Port::Given),
            tls: reader.value(&keys::ARTIFACT_TLS),
            base_url: reader.optional(&keys::ARTIFACT_BASE_URL),
        }
    }
}

/// Paths follow it, so it has neither query nor fragment; who logs in would be told to every task.
pub fn base_url(text: &str) -> Result<String, String> {
    let url = text.trim().trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_good = |rest: &&str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(|letter: char| letter.is_whitespace() || "?#@".contains(letter))
    };
    let expected = "http://HOST[:PORT][/PATH] or the same with https, without user, query and fragment";
    rest.filter(is_good).map(|_| url.to_owned()).ok_or_else(|| expected.to_owned())
}

/// Of clusters on one host few have the same.
fn own_port(cluster_id: &str, framework: &str) -> u16 {
    let digest = Sha256::of(format!("{cluster_id}\0{framework}"));
    OWN_FIRST + u16::from_be_bytes([digest[0], digest[1]]) % OWN_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_follow_a_base_url() {
        for (text, expected) in
            [("http://a:8081", "http://a:8081"), (" https://mirror/flink// ", "https://mirror/flink")]
        {
            assert_eq!(base_url(text).as_deref(), Ok(expected));
        }
        for wrong in [
            "",
            "a:8081",
            "ftp://a",
            "http://",
            "http:///x",
            "http://u:p@a",
            "http://a?x",
            "http://a#x",
            "http://a b",
        ] {
            let error = base_url(wrong).expect_err(wrong);
            assert!(error.starts_with("http://HOST"), "{error}");
        }
    }

    #[test]
    fn a_cluster_has_a_port_of_its_own() {
        // As in all versions to come: another one is another address of everything that agents have kept.
        assert_eq!(own_port("", "Flink"), 24_492);
        assert_ne!(own_port("/a", "Flink"), own_port("/b", "Flink"));
        assert_ne!(own_port("", "Flink"), own_port("", "Flink2"));
        for name in 0..1000 {
            let port = own_port("", &name.to_string());
            assert!((20_000..30_000).contains(&port), "{port}");
        }
    }
}
