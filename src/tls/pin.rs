//! Trust in one certificate, known by its fingerprint: the name in it and who vouches for it do not matter.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use base::digest::{Sha256, hexadecimal};

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// `certificate` is in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::of(certificate))
    }

    /// For a client that speaks to nobody but who has this certificate.
    pub fn client(self) -> Result<ClientConfig, Error> {
        client(vec![self])
    }
}

/// For a client that speaks to nobody but who has one of these certificates.
pub fn client(fingerprints: Vec<Fingerprint>) -> Result<ClientConfig, Error> {
    Ok(builder(fingerprints)?.with_no_client_auth())
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("one of the certificates to trust cannot be used")]
    Certificate(#[from] Error),
    #[error("the certificates to trust cannot be used as authorities")]
    Authorities(#[from] VerifierBuilderError),
}

/// For a client that speaks to who has one of these certificates, whatever name is in it, and to who has one of the expected name that
/// one of them vouches for.
pub fn trusting(certificates: Vec<CertificateDer<'static>>) -> Result<ClientConfig, TrustError> {
    let builder = super::client()?;
    let provider = Arc::clone(builder.crypto_provider());
    let fingerprints = certificates.iter().map(|certificate| Fingerprint::of(certificate)).collect();
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate)?;
    }
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = Verifier { fingerprints, authorities: Some(authorities.build()?), provider };
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hexadecimal(&self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// With or without colons, as `openssl x509 -fingerprint -sha256` prints it.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.replace(':', "");
        let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
        bytes
            .filter(|_| text.len() == 64)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| "expected a SHA-256 in 64 hexadecimal digits".to_owned())
    }
}

pub fn builder(
    fingerprints: Vec<Fingerprint>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let builder = super::client()?;
    let verifier =
        Verifier { fingerprints, authorities: None, provider: Arc::clone(builder.crypto_provider()) };
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

#[derive(Debug)]
struct Verifier {
    fingerprints: Vec<Fingerprint>,
    /// Who vouches for others.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.fingerprints.contains(&Fingerprint::of(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(known) => {
                known.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
