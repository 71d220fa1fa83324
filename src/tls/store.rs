//! Key stores that JVMs read: PEM, PKCS#12 and JKS, told by what is in them and not by their names.

use std::fs;
use std::io;
use std::path::PathBuf;

use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{ec, jks};

/// The largest one that is read: a few certificates have some kilobytes.
const MAX_BYTES: u64 = 4 << 20;
const PEM_START: &[u8] = b"-----BEGIN ";
const PKCS12_FIRST_BYTE: u8 = 0x30;

/// A file with keys or certificates.
pub struct Store {
    pub path: PathBuf,
    pub password: String,
    /// Only JKS knows one for each key; the others take the store's.
    pub key_password: String,
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
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("it is neither PEM nor PKCS#12 nor JKS")]
    Format,
    #[error("wrong password, or damaged")]
    Pkcs12(#[from] p12_keystore::error::Error),
    #[error(transparent)]
    Jks(#[from] jks::JksError),
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

/// A private key, and the certificates that vouch for it, its own first.
pub type KeyChain = (PrivateKeyDer<'static>, Vec<CertificateDer<'static>>);

impl Store {
    /// The authorities that it trusts.
    pub fn roots(&self) -> Result<RootCertStore, StoreError> {
        self.read_roots().map_err(|problem| self.error(problem))
    }

    /// Its certificates, whether they are authorities or not.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        self.read_certificates().map_err(|problem| self.error(problem))
    }

    /// Its first private key.
    pub fn key_chain(&self) -> Result<KeyChain, StoreError> {
        self.read_key_chain().map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: Problem) -> StoreError {
        StoreError { path: self.path.clone(), problem }
    }

    fn read_roots(&self) -> Result<RootCertStore, Problem> {
        let mut roots = RootCertStore::empty();
        for certificate in self.read_certificates()? {
            roots.add(certificate)?;
        }
        Ok(roots)
    }

    fn read_certificates(&self) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let certificates: Vec<_> = match self.content()? {
            Content::Pem(text) => pem_certificates(&text)?,
            Content::Pkcs12(store) => {
                store.entries().flat_map(|(_, entry)| pkcs12_certificates(entry)).collect()
            }
            Content::Jks(store) => store.certificates.into_iter().map(CertificateDer::from).collect(),
        };
        if certificates.is_empty() { Err(Problem::NoCertificate) } else { Ok(certificates) }
    }

    fn read_key_chain(&self) -> Result<KeyChain, Problem> {
        let (key, chain) = match self.content()? {
            Content::Pem(text) => (pem_key(&text)?, pem_certificates(&text)?),
            Content::Pkcs12(store) => {
                let (_, entry) = store.private_key_chain().ok_or(Problem::NoKey)?;
                let key = PrivatePkcs8KeyDer::from(entry.key().as_der().to_vec());
                (key.into(), entry.certs().iter().map(certificate).collect())
            }
            Content::Jks(store) => {
                let (key, chain) = store.key_chain.ok_or(Problem::NoKey)?;
                let key = PrivatePkcs8KeyDer::from(key.unmask(&self.key_password)?);
                (key.into(), chain.into_iter().map(CertificateDer::from).collect())
            }
        };
        let own = chain.first().ok_or(Problem::NoCertificate)?;
        let completed = match &key {
            PrivateKeyDer::Pkcs8(key) => ec::completed(key.secret_pkcs8_der(), own),
            _ => None,
        };
        Ok((completed.map_or(key, |key| PrivatePkcs8KeyDer::from(key).into()), chain))
    }

    fn content(&self) -> Result<Content, Problem> {
        if fs::metadata(&self.path)?.len() > MAX_BYTES {
            return Err(Problem::TooLarge);
        }
        let bytes = fs::read(&self.path)?;
        if jks::is_one(&bytes) {
            return Ok(Content::Jks(jks::read(&bytes, &self.password)?));
        }
        if bytes.windows(PEM_START.len()).any(|part| part == PEM_START) {
            return Ok(Content::Pem(bytes));
        }
        if bytes.first() != Some(&PKCS12_FIRST_BYTE) {
            return Err(Problem::Format);
        }
        // Authorities need not carry Java's own mark of trust: whoever names the file trusts what is in it.
        Ok(Content::Pkcs12(KeyStore::from_pkcs12(&bytes, &self.password, Pkcs12ImportPolicy::Relaxed)?))
    }
}

enum Content {
    Pem(Vec<u8>),
    Pkcs12(KeyStore),
    Jks(jks::Entries),
}

fn pem_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if is_encrypted(text) => Err(Problem::EncryptedKey),
        Err(pem::Error::NoItemsFound) => Err(Problem::NoKey),
        Err(error) => Err(error.into()),
    }
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
