//! Where Mesos' JSON differs from what `serde` writes by itself: enums by name, bytes as base64, infinities, long integers.

use std::marker::PhantomData;

use bytes::Bytes;
use prost::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enum that JSON spells by name.
pub trait Named {
    fn name_of(number: i32) -> Option<&'static str>;
    fn number_of(name: &str) -> Option<i32>;
}

/// One optional enum value. A name that we do not know is dropped, as Mesos does; a number without a name,
/// which can only come from protobuf, is written as a number.
pub struct Name<E>(PhantomData<E>);

impl<E: Named> Name<E> {
    pub fn serialize<S: Serializer>(number: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(Spelled::of::<E>).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
        Ok(Option::<Spelled<String>>::deserialize(deserializer)?.and_then(Spelled::number::<E>))
    }
}

/// A list of enum values.
pub struct Names<E>(PhantomData<E>);

impl<E: Named> Names<E> {
    pub fn serialize<S: Serializer>(numbers: &[i32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(numbers.iter().map(|number| Spelled::of::<E>(*number)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i32>, D::Error> {
        let spelled = Vec::<Spelled<String>>::deserialize(deserializer)?;
        Ok(spelled.into_iter().filter_map(Spelled::number::<E>).collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelled<N> {
    Name(N),
    Number(i32),
}

impl Spelled<&'static str> {
    fn of<E: Named>(number: i32) -> Self {
        E::name_of(number).map_or(Self::Number(number), Self::Name)
    }
}

impl Spelled<String> {
    fn number<E: Named>(self) -> Option<i32> {
        match self {
            Self::Name(name) => E::number_of(&name),
            Self::Number(number) => Some(number),
        }
    }
}

/// Encoded messages, which JSON spells out.
pub struct Encoded<M>(PhantomData<M>);

impl<M: Message + Default + Serialize + DeserializeOwned> Encoded<M> {
    pub fn serialize<S: Serializer>(items: &[Bytes], serializer: S) -> Result<S::Ok, S::Error> {
        super::decoded::<M>(items).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bytes>, D::Error> {
        Ok(super::encoded(&Vec::<M>::deserialize(deserializer)?))
    }
}

/// Bytes in the standard base64 alphabet.
pub mod base64 {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;

    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(data: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        data.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Some(Bytes::from(bytes)))
    }
}

/// Numbers whose infinities are texts.
pub mod double {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match *number {
            Some(f64::INFINITY) => "Infinity".serialize(serializer),
            Some(f64::NEG_INFINITY) => "-Infinity".serialize(serializer),
            finite => finite.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }

        match Option::<Either>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Either::Number(number)) => Ok(Some(number)),
            Some(Either::Text(text)) => match text.as_str() {
                "Infinity" => Ok(Some(f64::INFINITY)),
                "-Infinity" => Ok(Some(f64::NEG_INFINITY)),
                _ => Err(super::not_a_number(&text)),
            },
        }
    }
}

/// 64-bit integers: written as numbers, read from texts too, which is how other protobuf libraries write them.
pub mod integer {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<I: Serialize, S: Serializer>(
        number: &Option<I>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        number.serialize(serializer)
    }

    pub fn deserialize<'de, I, D>(deserializer: D) -> Result<Option<I>, D::Error>
    where
        I: Deserialize<'de> + std::str::FromStr,
        D: Deserializer<'de>,
    {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<I> {
            Number(I),
            Text(String),
        }

        match Option::<Either<I>>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Either::Number(number)) => Ok(Some(number)),
            Some(Either::Text(text)) => text.parse().map(Some).map_err(|_| super::not_a_number(&text)),
        }
    }
}

fn not_a_number<E: serde::de::Error>(text: &str) -> E {
    E::custom(format_args!("'{text}' is not a number"))
}
