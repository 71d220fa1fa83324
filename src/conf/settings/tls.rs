//! TLS of Flink's REST endpoint, and of what shares its certificate.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use tls::Fingerprint;

use super::super::keys::{self, flink};
use super::parse::Secret;
use super::reader::Reader;

/// With what the REST endpoint proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestTls {
    pub keystore: PathBuf,
    pub keystore_password: Secret,
    pub key_password: Secret,
}

/// How masters are spoken to whose address does not begin with a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterTls {
    pub is_wanted: bool,
    /// Their certificates; if there are none, those that the system trusts.
    pub fingerprints: Vec<Fingerprint>,
}

impl MasterTls {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let fingerprints = reader.optional(&keys::MASTER_FINGERPRINT).unwrap_or_default();
        let is_wanted = reader.value(&keys::MASTER_TLS) || !fingerprints.is_empty();
        Self { is_wanted, fingerprints }
    }
}

impl RestTls {
    /// `None` when it is off.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.value(&flink::REST_TLS).then(|| Self::store(reader))
    }

    /// Whether or not the REST endpoint itself speaks TLS.
    pub(super) fn store(reader: &mut Reader<'_>) -> Self {
        let keystore = reader.required(&flink::REST_KEYSTORE, "the path of a PKCS12 or JKS store");
        let password = "the password of that store";
        let keystore_password = reader.required(&flink::REST_KEYSTORE_PASSWORD, password);
        let password = "the password of the key in that store";
        let key_password = reader.required(&flink::REST_KEY_PASSWORD, password);
        Self {
            keystore: keystore.unwrap_or_default(),
            keystore_password: keystore_password.unwrap_or_else(|| Secret::new(String::new())),
            key_password: key_password.unwrap_or_else(|| Secret::new(String::new())),
        }
    }
}

/// With what the dispatcher's API speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTls {
    pub own: RestTls,
    /// Where clients have to show certificates.
    pub clients: Option<Truststore>,
}

/// Whose certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truststore {
    pub path: PathBuf,
    pub password: Secret,
}

impl ApiTls {
    /// `None` when it is off.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if !reader.value(&keys::dispatcher::SSL) {
            return None;
        }
        let own = RestTls::store(reader);
        let clients = reader.value(&flink::REST_AUTHENTICATION).then(|| Truststore::read(reader));
        Some(Self { own, clients })
    }
}

impl Truststore {
    fn read(reader: &mut Reader<'_>) -> Self {
        let path = reader.required(&flink::REST_TRUSTSTORE, "the path of a PKCS12 or JKS store");
        let password = reader.required(&flink::REST_TRUSTSTORE_PASSWORD, "the password of that store");
        Self {
            path: path.unwrap_or_default(),
            password: password.unwrap_or_else(|| Secret::new(String::new())),
        }
    }

    /// `None` where there is none.
    pub(super) fn if_named(reader: &mut Reader<'_>) -> Option<Self> {
        reader.optional(&flink::REST_TRUSTSTORE).map(|_: PathBuf| Self::read(reader))
    }
}
