//! Every identifier and every random choice of one embedded Mesos, from one seed.

use bytes::Bytes;

use base::digest::hexadecimal;

#[derive(Clone, Debug)]
pub struct Ids {
    random: fastrand::Rng,
}

impl Ids {
    pub fn seeded(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    /// An independent generator, so that what one part draws does not shift what another gets.
    pub fn fork(&mut self) -> Self {
        Self { random: self.random.fork() }
    }

    /// A random UUID as text.
    pub fn uuid(&mut self) -> String {
        let text = hexadecimal(&self.draw());
        [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
    }

    /// A random UUID as its 16 bytes.
    pub fn uuid_bytes(&mut self) -> Bytes {
        Bytes::copy_from_slice(&self.draw())
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.random.shuffle(items);
    }

    /// Of version 4, of the variant in RFC 9562.
    fn draw(&mut self) -> [u8; 16] {
        let mut bytes = self.random.u128(..).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_uuids_of_version_4() {
        let mut ids = Ids::seeded(7);
        for _ in 0..100 {
            let text = ids.uuid();
            let lengths: Vec<_> = text.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{text}");
            assert_eq!(&text[14..15], "4", "{text}");
            assert!("89ab".contains(&text[19..20]), "{text}");
            assert!(text.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit()), "{text}");
        }
        assert_ne!(ids.uuid(), ids.uuid());
    }
}
