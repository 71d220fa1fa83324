//! Every identifier and every random choice of one embedded Mesos, from one seed.

use bytes::Bytes;

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
        self.draw().hyphenated().to_string()
    }

    /// A random UUID as its 16 bytes.
    pub fn uuid_bytes(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.draw().as_bytes())
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.random.shuffle(items);
    }

    fn draw(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid()
    }
}
