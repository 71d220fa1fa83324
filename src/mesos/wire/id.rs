//! Identifiers: each is a message with one text.

use prost::Message;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($($name:ident)*) => {
        $(
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Message, Serialize, Deserialize)]
            #[serde(default)]
            pub struct $name {
                #[prost(string, optional, tag = "1")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub value: Option<String>,
            }

            impl $name {
                pub fn new(value: impl Into<String>) -> Self {
                    Self { value: Some(value.into()) }
                }

                /// The text, empty when the sender left it out.
                pub fn text(&self) -> &str {
                    self.value.as_deref().unwrap_or_default()
                }
            }
        )*
    };
}

id!(FrameworkId OfferId AgentId TaskId ExecutorId ResourceProviderId OperationId);

/// `mesos.v1.ContainerID`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerId {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[prost(message, optional, boxed, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<ContainerId>>,
}
