//! Offer constraints (Mesos 1.11).

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Serialize};

use super::enumeration;
use super::json;

/// `mesos.v1.OfferConstraints`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct OfferConstraints {
    #[prost(btree_map = "string, message", tag = "1")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub role_constraints: BTreeMap<String, RoleConstraints>,
}

/// `mesos.v1.OfferConstraints.RoleConstraints`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleConstraints {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// `mesos.v1.OfferConstraints.RoleConstraints.Group`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attribute_constraints: Vec<AttributeConstraint>,
}

/// `mesos.v1.AttributeConstraint`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct AttributeConstraint {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Predicate>,
}

/// `mesos.v1.AttributeConstraint.Selector`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Selector {
    #[prost(enumeration = "PseudoattributeType", optional, tag = "1")]
    #[serde(with = "json::Name::<PseudoattributeType>", skip_serializing_if = "Option::is_none")]
    pub pseudoattribute_type: Option<i32>,
    #[prost(string, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_name: Option<String>,
}

enumeration! {
    /// `mesos.v1.AttributeConstraint.Selector.PseudoattributeType`
    PseudoattributeType {
        Unknown = 0, "UNKNOWN";
        Hostname = 1, "HOSTNAME";
        Region = 2, "REGION";
        Zone = 3, "ZONE";
    }
}

/// `mesos.v1.AttributeConstraint.Predicate`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Predicate {
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<Exists>,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_exists: Option<NotExists>,
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_equals: Option<TextEquals>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_not_equals: Option<TextNotEquals>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_matches: Option<TextMatches>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_not_matches: Option<TextNotMatches>,
}

/// `mesos.v1.AttributeConstraint.Predicate.Exists`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Exists {}

/// `mesos.v1.AttributeConstraint.Predicate.NotExists`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct NotExists {}

/// `mesos.v1.AttributeConstraint.Predicate.TextEquals`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextEquals {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `mesos.v1.AttributeConstraint.Predicate.TextNotEquals`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextNotEquals {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `mesos.v1.AttributeConstraint.Predicate.TextMatches`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextMatches {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// `mesos.v1.AttributeConstraint.Predicate.TextNotMatches`
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextNotMatches {
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}
