//! TLS of Flink's REST endpoint, and of what shares its certificate.

use std::path::PathBuf;

use tls::Fingerprint;

use super::super::keys::{self, flink};
use super::parse::{self, Secret};
use super::reader::Reader;

/// With what the REST endpoint proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestTls {
    pub keystore: PathBuf,
    pub keystore_password: Secret,
    pub key_password: Secret,
}

/// How masters are spoken to whose address does not begin with a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterTls {
    pub is_wanted: bool,
    /// Their certificates; if there are none, those that the system trusts.
    pub fingerprints: Vec<Fingerprint>,
}

impl MasterTls {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let fingerprint = |text: &str| {
            let parsed = text.trim().parse::<Fingerprint>();
            parsed.map_err(|_| "a SHA-256 in 64 hexadecimal digits".to_owned())
        };
        let fingerprints =
            reader.optional(&keys::MASTER_FINGERPRINT, parse::list(fingerprint)).unwrap_or_default();
        let is_wanted = reader.value(&keys::MASTER_TLS, parse::boolean) || !fingerprints.is_empty();
        Self { is_wanted, fingerprints }
    }
}

impl RestTls {
    /// `None` when it is off.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if !reader.flink(flink::REST_TLS, "false", parse::boolean) {
            return None;
        }
        let keystore =
            reader.required_flink(flink::REST_KEYSTORE, "the path of a PKCS12 or JKS store", parse::text);
        let password = "the password of that store";
        let keystore_password = reader.required_flink(flink::REST_KEYSTORE_PASSWORD, password, parse::text);
        let password = "the password of the key in that store";
        let key_password = reader.required_flink(flink::REST_KEY_PASSWORD, password, parse::text);
        Some(Self {
            keystore: keystore.unwrap_or_default().into(),
            keystore_password: Secret::new(keystore_password.unwrap_or_default()),
            key_password: Secret::new(key_password.unwrap_or_default()),
        })
    }
}
