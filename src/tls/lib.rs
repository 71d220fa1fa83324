//! TLS with Flink's key stores: who this AppMaster is, how its tasks know it, and whom it trusts.

#![forbid(unsafe_code)]

mod der;
mod ec;
pub mod http;
mod jks;
mod pin;
pub mod store;
mod subject;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

pub use pin::{Fingerprint, TrustError, client as pinned, trusting};
use store::{Store, StoreError};
pub use subject::common_name;

/// What each TLS client of this program begins with.
pub fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()
}

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
pub enum IdentityError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key of {path} cannot be used for TLS", path = path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
}

/// Why nobody can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the key cannot be used for TLS")]
    Key(#[from] rustls::Error),
    #[error("the authorities of the trust store cannot be used")]
    Authorities(#[from] VerifierBuilderError),
}

impl Identity {
    /// The first private key of a store.
    pub fn read(store: &Store) -> Result<Self, IdentityError> {
        let (key, chain) = store.key_chain()?;
        let identity = Self { chain, key };
        let unusable = |source| IdentityError::Key { path: store.path.clone(), source };
        identity.server().map_err(unusable)?;
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

    /// For a server that speaks to nobody but who shows a certificate that one of `authorities` vouches for.
    pub fn server_for(&self, authorities: RootCertStore) -> Result<ServerConfig, ServerError> {
        let provider = Arc::new(default_provider());
        let authorities = Arc::new(authorities);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider)).build()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        Ok(config)
    }

    /// For a client of somebody with the same key, which it shows when it is asked for one.
    pub fn client(&self) -> Result<ClientConfig, rustls::Error> {
        pin::builder(vec![self.fingerprint()])?
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
    }
}

#[cfg(test)]
mod tests;
