//! What is durable: all changes of a commit or none.

use records::Key;
pub use records::memory::Memory as Store;
use serde::de::DeserializeOwned;

use crate::stored;

pub trait Stored {
    fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T>;
}

impl Stored for Store {
    fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let (_, value) = self.records.get(&Key::parse(key).expect("a name"))?;
        stored::decode(value).ok()
    }
}
