//! Java's own key stores, the default up to Java 8: a list of entries with a digest at the end, keys masked by a stream of
//! SHA-1 digests.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};

use super::der::{self, OCTET_STRING, SEQUENCE};

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const KEY: u32 = 1;
const CERTIFICATE: u32 = 2;
/// In which each certificate tells of its kind.
const NAMES_KIND: u32 = 2;
/// Part of what the digest at the end is made of.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// What is wrong with it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JksError {
    #[error("wrong password, or damaged")]
    Store,
    #[error("wrong password of the key")]
    Key,
    #[error("it is cut off or holds what a JKS store does not")]
    Malformed,
}

/// What one holds.
#[derive(Default)]
pub struct Entries {
    /// The first private key, with the certificates that vouch for it.
    pub key_chain: Option<(MaskedKey, Vec<Vec<u8>>)>,
    /// All of them, in DER.
    pub certificates: Vec<Vec<u8>>,
}

/// A private key that only its own password shows.
pub struct MaskedKey(Vec<u8>);

pub fn is_one(content: &[u8]) -> bool {
    content.starts_with(&MAGIC)
}

pub fn read(content: &[u8], password: &str) -> Result<Entries, JksError> {
    let body = content.len().checked_sub(SHA1_OUTPUT_LEN).ok_or(JksError::Malformed)?;
    let (body, told) = content.split_at(body);
    if digest(password, body) != told {
        return Err(JksError::Store);
    }
    let mut rest = Reader(body);
    rest.take(MAGIC.len())?;
    let version = rest.number()?;
    let mut entries = Entries::default();
    for _ in 0..rest.number()? {
        let kind = rest.number()?;
        let _alias = rest.text()?;
        let _created = rest.take(8)?;
        match kind {
            KEY => {
                let masked = rest.bytes()?.to_vec();
                let count = rest.number()?;
                let chain: Vec<_> =
                    (0..count).map(|_| rest.certificate(version)).collect::<Result<_, _>>()?;
                entries.certificates.extend(chain.iter().cloned());
                entries.key_chain.get_or_insert((MaskedKey(masked), chain));
            }
            CERTIFICATE => entries.certificates.push(rest.certificate(version)?),
            _ => return Err(JksError::Malformed),
        }
    }
    Ok(entries)
}

/// What stands at the end of a store.
pub fn digest(password: &str, body: &[u8]) -> Vec<u8> {
    sha1(&[&utf16(password), WHITENER, body])
}

impl MaskedKey {
    /// As PKCS#8 in DER.
    pub fn unmask(&self, password: &str) -> Result<Vec<u8>, JksError> {
        unmask(&self.0, password)
    }
}

/// `EncryptedPrivateKeyInfo` with an algorithm of Java's own, of which no parameter is used.
fn unmask(info: &[u8], password: &str) -> Result<Vec<u8>, JksError> {
    let data = || {
        let (sequence, _) = der::read(info, SEQUENCE)?;
        let (_algorithm, rest) = der::read(sequence, SEQUENCE)?;
        Some(der::read(rest, OCTET_STRING)?.0)
    };
    let data = data().ok_or(JksError::Malformed)?;
    let masked = data.len().checked_sub(2 * SHA1_OUTPUT_LEN).ok_or(JksError::Malformed)?;
    let (salt, data) = data.split_at(SHA1_OUTPUT_LEN);
    let (masked, told) = data.split_at(masked);
    let password = utf16(password);
    let mut plain = Vec::with_capacity(masked.len());
    let mut stream = salt.to_vec();
    for block in masked.chunks(SHA1_OUTPUT_LEN) {
        stream = sha1(&[&password, &stream]);
        plain.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
    }
    if sha1(&[&password, &plain]) == told { Ok(plain) } else { Err(JksError::Key) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], JksError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(JksError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, JksError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| JksError::Malformed)?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], JksError> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| JksError::Malformed)?)
    }

    fn text(&mut self) -> Result<&'a [u8], JksError> {
        let length = self.take(2)?;
        self.take(usize::from(u16::from_be_bytes([length[0], length[1]])))
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, JksError> {
        if version == NAMES_KIND {
            self.text()?;
        }
        Ok(self.bytes()?.to_vec())
    }
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    ring::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat()).as_ref().to_vec()
}
