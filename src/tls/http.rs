//! The one way this program makes HTTP clients.

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// A client for plain HTTP. It trusts no certificate, so that it works where the system has none.
pub fn plain() -> Result<ClientBuilder, rustls::Error> {
    let config = crate::client()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Ok(builder().tls_backend_preconfigured(config))
}

/// A client for HTTPS that trusts whom `config` says.
pub fn trusting(config: ClientConfig) -> ClientBuilder {
    builder().tls_backend_preconfigured(config)
}

/// A client for HTTPS that trusts what the system trusts; building it fails where that is nobody.
pub fn secure() -> ClientBuilder {
    // The library would panic without a provider. Fails only when one is installed already, which serves as well.
    let _ = default_provider().install_default();
    builder()
}

/// A client for HTTPS that trusts `authorities`, else as [`secure`], and shows `own`, a certificate with its key, where it is asked for
/// one. All are in PEM.
pub fn secure_with(authorities: Option<&[u8]>, own: Option<&[u8]>) -> Result<ClientBuilder, PemError> {
    let mut builder = secure();
    if let Some(authorities) = authorities {
        let certificates = Certificate::from_pem_bundle(authorities).map_err(PemError::Authorities)?;
        if certificates.is_empty() {
            return Err(PemError::NoAuthority);
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let Some(own) = own {
        builder = builder.identity(Identity::from_pem(own).map_err(PemError::Own)?);
    }
    Ok(builder)
}

/// What is wrong with certificates.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    #[error("the authorities to trust are not well-formed PEM")]
    Authorities(#[source] reqwest::Error),
    #[error("the authorities to trust hold no certificate: expected PEM")]
    NoAuthority,
    #[error("the client's certificate cannot be used: expected PEM with a certificate and its private key")]
    Own(#[source] reqwest::Error),
}

fn builder() -> ClientBuilder {
    Client::builder()
        .http1_only()
        // The environment is not the library's to read, and a proxy would cut streams.
        .no_proxy()
        // The library's own redirects lose credentials and hide the new address.
        .redirect(Policy::none())
}
