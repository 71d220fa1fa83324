//! The messages of `mesos.v1` and `mesos.v1.scheduler` that a session can meet, with the official field numbers.
//!
//! Every `required` field of the original is optional here: on the wire it is the same, a missing one stays
//! visible, and what was decoded encodes to the same bytes again. Types are named after the last part of their
//! original name, which each one's doc line tells in full. The JSON form is the one of Mesos, not the canonical
//! mapping: names as in the original, 64-bit integers as numbers, bytes in base64, enums by name.

pub mod address;
pub mod agent;
pub mod call;
pub mod check;
pub mod cluster;
pub mod command;
pub mod constraints;
pub mod container;
pub mod discovery;
pub mod event;
mod fields;
pub mod framework;
pub mod id;
mod json;
pub mod label;
pub mod linux;
pub mod network;
pub mod offer;
pub mod operation;
pub mod operator;
pub mod resource;
pub mod secret;
pub mod status;
pub mod task;
pub mod time;
pub mod view;
pub mod volume;

use bytes::Bytes;
use prost::{DecodeError, Message};

/// Messages for a field that keeps them encoded.
pub fn encoded<M: Message>(messages: &[M]) -> Vec<Bytes> {
    messages.iter().map(|message| message.encode_to_vec().into()).collect()
}

/// What [`encoded`] was given.
pub fn decoded<M: Message + Default>(messages: &[Bytes]) -> Result<Vec<M>, DecodeError> {
    messages.iter().map(|message| M::decode(message.clone())).collect()
}

/// An enum with its number and its original name for each value.
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration, serde::Serialize,
            serde::Deserialize,
        )]
        #[repr(i32)]
        pub enum $name {
            $(#[serde(rename = $text)] $value = $number,)*
        }

        impl $name {
            /// The name in Mesos' own definition and in its JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)*
                }
            }

            /// The value that `name` stands for.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$value),)*
                    _ => None,
                }
            }
        }

        impl $crate::wire::json::Named for $name {
            fn name_of(number: i32) -> Option<&'static str> {
                Self::try_from(number).ok().map(Self::name)
            }

            fn number_of(name: &str) -> Option<i32> {
                Self::from_name(name).map(|value| value as i32)
            }
        }
    };
}
use enumeration;
