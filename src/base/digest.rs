//! SHA-256, by the library that does TLS.

use ring::digest::{Context, SHA256};

pub struct Sha256(Context);

impl Sha256 {
    pub fn begin() -> Self {
        Self(Context::new(&SHA256))
    }

    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    pub fn finish(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }

    pub fn of(bytes: impl AsRef<[u8]>) -> [u8; 32] {
        let mut hash = Self::begin();
        hash.update(bytes);
        hash.finish()
    }
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]) {
        text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_one_that_others_compute() {
        let mut hash = Sha256::begin();
        hash.update("a");
        hash.update("bc");
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hexadecimal(&hash.finish()), digest);
        assert_eq!(hexadecimal(&Sha256::of("abc")), digest);
    }
}
