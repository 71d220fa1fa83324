//! The one way this program makes HTTP clients.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
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

fn builder() -> ClientBuilder {
    Client::builder()
        .http1_only()
        // The environment is not the library's to read, and a proxy would cut streams.
        .no_proxy()
        // The library's own redirects lose credentials and hide the new address.
        .redirect(Policy::none())
}
