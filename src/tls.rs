//! TLS with the key store of Flink's REST endpoint: who this AppMaster is, and how its tasks know it.

mod der;
mod ec;
mod jks;
mod listener;
mod pin;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ServerConfig};

pub use listener::TlsListener;
pub use pin::Fingerprint;

/// The largest key store that is read: a few certificates have some kilobytes.
const MOST_BYTES: u64 = 4 << 20;
const PKCS12_FIRST_BYTE: u8 = 0x30;

/// A private key and the certificates that vouch for it, its own first.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Identity({})", self.fingerprint())
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the key store {path}", path = path.display())]
pub struct KeyStoreError {
    path: PathBuf,
    #[source]
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("it is larger than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("it is neither PKCS12 nor JKS")]
    Format,
    #[error("wrong password, or damaged")]
    Pkcs12(#[source] p12_keystore::error::Error),
    #[error(transparent)]
    Jks(#[from] jks::JksError),
    #[error("it has no private key")]
    NoKey,
    #[error("its key cannot be used for TLS")]
    Tls(#[from] rustls::Error),
}

impl Identity {
    /// The first private key of a PKCS12 or JKS store, whichever it is.
    pub fn read(path: &Path, store_password: &str, key_password: &str) -> Result<Self, KeyStoreError> {
        Self::find(path, store_password, key_password)
            .map_err(|source| KeyStoreError { path: path.to_owned(), source })
    }

    fn find(path: &Path, store_password: &str, key_password: &str) -> Result<Self, Cause> {
        if fs::metadata(path)?.len() > MOST_BYTES {
            return Err(Cause::TooLarge);
        }
        let content = fs::read(path)?;
        let (key, chain) = if jks::is_one(&content) {
            jks::read(&content, store_password, key_password)?.ok_or(Cause::NoKey)?
        } else if content.first() == Some(&PKCS12_FIRST_BYTE) {
            pkcs12(&content, store_password)?
        } else {
            return Err(Cause::Format);
        };
        let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
        let complete = chain.first().and_then(|certificate| ec::completed(&key, certificate));
        let key = complete.unwrap_or(key);
        let identity = Self { chain, key: PrivatePkcs8KeyDer::from(key).into() };
        identity.server()?;
        Ok(identity)
    }

    /// Of its own certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.chain.first().map_or(&[], |certificate| certificate))
    }

    /// For a server that does not ask who its clients are.
    pub fn server(&self) -> Result<ServerConfig, rustls::Error> {
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
    }

    /// For a client of somebody with the same key, which it shows when it is asked for one.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        pin::builder(self.fingerprint())?.with_client_auth_cert(self.chain.clone(), self.key.clone_key())
    }
}

fn pkcs12(content: &[u8], password: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), Cause> {
    let store =
        KeyStore::from_pkcs12(content, password, Pkcs12ImportPolicy::Relaxed).map_err(Cause::Pkcs12)?;
    let (_, entry) = store.private_key_chain().ok_or(Cause::NoKey)?;
    let chain = entry.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect();
    Ok((entry.key().as_der().to_vec(), chain))
}

#[cfg(test)]
mod tests;
