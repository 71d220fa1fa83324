//! Random bytes of the kernel's, by the library that does TLS.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Fit for a secret. There is no going on without: the kernel always has some once it has started.
pub fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    SystemRandom::new().fill(&mut bytes).expect("the kernel has random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_come_twice() {
        let (one, other) = (bytes::<32>(), bytes::<32>());
        assert_ne!(one, other);
        assert_ne!(one[..16], one[16..]);
    }
}
