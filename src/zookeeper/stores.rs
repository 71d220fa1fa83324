//! Key stores of Java: PEM and PKCS#12, told by what is in them and not by their names.

use std::fs;
use std::io;
use std::path::PathBuf;

use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a file of Java's own two formats begins with, JKS and JCEKS.
const JAVA_FORMATS: [[u8; 4]; 2] = [[0xfe, 0xed, 0xfe, 0xed], [0xce, 0xce, 0xce, 0xce]];

const PEM_START: &[u8] = b"-----BEGIN ";

/// A file with keys or certificates.
pub struct Store {
    pub path: PathBuf,
    pub password: String,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to read the key store {}", path.display())]
pub struct StoreError {
    path: PathBuf,
    #[source]
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("no file")]
    Unreadable(#[from] io::Error),
    #[error(
        "it is in Java's own format; expected PEM or PKCS#12, such as `keytool -importkeystore -srckeystore OLD \
         -destkeystore NEW -deststoretype pkcs12` makes"
    )]
    JavaFormat,
    #[error("it is neither PEM nor PKCS#12, or the password is wrong")]
    Pkcs12(#[from] p12_keystore::error::Error),
    #[error("it is not well-formed PEM")]
    Pem(#[from] pem::Error),
    #[error("its key is encrypted; expected PEM with a key that is not, or PKCS#12")]
    EncryptedKey,
    #[error("it has no certificate")]
    NoCertificate,
    #[error("it has no private key")]
    NoKey,
    #[error("one of its certificates cannot be used")]
    Certificate(#[from] rustls::Error),
}

impl Store {
    /// The authorities that it trusts.
    pub fn roots(&self) -> Result<RootCertStore, StoreError> {
        self.read_roots().map_err(|problem| self.error(problem))
    }

    /// A certificate, those up to its authority, and its key.
    pub fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), StoreError> {
        self.read_identity().map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: Problem) -> StoreError {
        StoreError { path: self.path.clone(), problem }
    }

    fn read_roots(&self) -> Result<RootCertStore, Problem> {
        let certificates = match self.content()? {
            Content::Pem(text) => pem_certificates(&text)?,
            Content::Pkcs12(store) => {
                store.entries().flat_map(|(_, entry)| pkcs12_certificates(entry)).collect()
            }
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate)?;
        }
        if roots.is_empty() { Err(Problem::NoCertificate) } else { Ok(roots) }
    }

    fn read_identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Problem> {
        let (certificates, key) = match self.content()? {
            Content::Pem(text) => {
                let key = match PrivateKeyDer::from_pem_slice(&text) {
                    Ok(key) => key,
                    Err(pem::Error::NoItemsFound) if is_encrypted(&text) => {
                        return Err(Problem::EncryptedKey);
                    }
                    Err(pem::Error::NoItemsFound) => return Err(Problem::NoKey),
                    Err(error) => return Err(error.into()),
                };
                (pem_certificates(&text)?, key)
            }
            Content::Pkcs12(store) => {
                let (_, chain) = store.private_key_chain().ok_or(Problem::NoKey)?;
                let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
                (chain.certs().iter().map(certificate).collect(), key.into())
            }
        };
        if certificates.is_empty() { Err(Problem::NoCertificate) } else { Ok((certificates, key)) }
    }

    fn content(&self) -> Result<Content, Problem> {
        let bytes = fs::read(&self.path)?;
        if JAVA_FORMATS.iter().any(|start| bytes.starts_with(start)) {
            return Err(Problem::JavaFormat);
        }
        if bytes.windows(PEM_START.len()).any(|part| part == PEM_START) {
            return Ok(Content::Pem(bytes));
        }
        // Authorities need not carry Java's own mark of trust: whoever names the file trusts what is in it.
        Ok(Content::Pkcs12(KeyStore::from_pkcs12(&bytes, &self.password, Pkcs12ImportPolicy::Relaxed)?))
    }
}

enum Content {
    Pem(Vec<u8>),
    Pkcs12(KeyStore),
}

fn pem_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    Ok(CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>()?)
}

fn is_encrypted(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

fn pkcs12_certificates(entry: &KeyStoreEntry) -> Vec<CertificateDer<'static>> {
    match entry {
        KeyStoreEntry::Certificate(only) => vec![certificate(only)],
        KeyStoreEntry::PrivateKeyChain(chain) => chain.certs().iter().map(certificate).collect(),
        KeyStoreEntry::Secret(_) => Vec::new(),
    }
}

fn certificate(found: &p12_keystore::Certificate) -> CertificateDer<'static> {
    found.as_der().to_vec().into()
}
