//! Keys on elliptic curves as Java stores them: without the public part, which TLS wants to have too.

use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

use super::der::{self, BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE};

/// Explicit and context specific, in `ECPrivateKey`.
const PUBLIC_KEY: u8 = 0xa1;

/// The key with the public part of its certificate; none if it is no such key.
pub fn completed(pkcs8: &[u8], certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (info, _) = der::read(pkcs8, SEQUENCE)?;
    let (version, rest) = der::read(info, INTEGER)?;
    let (algorithm, rest) = der::read(rest, SEQUENCE)?;
    let (key, _) = der::read(rest, OCTET_STRING)?;
    let (key, _) = der::read(key, SEQUENCE)?;
    let (key_version, rest) = der::read(key, INTEGER)?;
    let (secret, _) = der::read(rest, OCTET_STRING)?;

    let certificate = ParsedCertificate::try_from(certificate).ok()?;
    let public = certificate.subject_public_key_info();
    let (public, _) = der::read(&public, SEQUENCE)?;
    let (_, public) = der::read(public, SEQUENCE)?;
    let (bits, _) = der::read(public, BIT_STRING)?;

    let public = der::write(PUBLIC_KEY, &[&der::write(BIT_STRING, &[bits])]);
    let key_version = der::write(INTEGER, &[key_version]);
    let key = der::write(SEQUENCE, &[&key_version, &der::write(OCTET_STRING, &[secret]), &public]);
    let algorithm = der::write(SEQUENCE, &[algorithm]);
    let key = der::write(OCTET_STRING, &[&key]);
    Some(der::write(SEQUENCE, &[&der::write(INTEGER, &[version]), &algorithm, &key]))
}
