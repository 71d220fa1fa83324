//! What a tag (`!!int`) makes of a value.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Value, scalar};

/// In front of the names of YAML's own types, for which one writes `!!`.
pub const CORE: &str = "tag:yaml.org,2002:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    None,
    /// `!`: a scalar is a text.
    Plain,
    /// One of YAML's own types, by its short name.
    Core(String),
    /// Of somebody's own.
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    List,
    Map,
    Set,
}

impl Tag {
    pub fn of(name: String) -> Self {
        match name.strip_prefix(CORE) {
            Some(core) => Self::Core(core.to_owned()),
            None if name == "!" => Self::Plain,
            None => Self::Other(name),
        }
    }

    pub fn scalar(&self, text: &str, is_plain: bool) -> Result<Value, String> {
        let as_text = || Value::Text(text.to_owned());
        let name = match self {
            Self::None if is_plain => return scalar::resolve(text).map_err(str::to_owned),
            Self::None | Self::Plain => return Ok(as_text()),
            Self::Core(name) => name.as_str(),
            // Flink replaces nothing in it.
            Self::Other(name) if name == "!ENV_VARIABLE" => return Ok(as_text()),
            Self::Other(_) => return Err(unsupported()),
        };
        let value = match name {
            "str" => Some(as_text()),
            "int" => scalar::tagged_integer(text).map(Value::Int),
            "float" => scalar::tagged_float(text).map(Value::Float),
            // Flink makes nothing of what is neither.
            "bool" => Some(scalar::tagged_bool(text).map_or(Value::Null, Value::Bool)),
            "binary" => binary(text).map(Value::Binary),
            _ => return Err(unsupported()),
        };
        value.ok_or_else(|| format!("the value is not of the type that its tag `!!{name}` demands"))
    }

    /// What a collection that is written as `own` is.
    pub fn collection(&self, own: Collection) -> Result<Collection, String> {
        match (self, own) {
            (Self::None | Self::Plain, _) => Ok(own),
            (Self::Core(name), Collection::List) if name == "seq" => Ok(own),
            (Self::Core(name), Collection::Map) if name == "map" => Ok(own),
            (Self::Core(name), Collection::Map) if name == "set" => Ok(Collection::Set),
            (Self::Core(_) | Self::Other(_), _) => Err(unsupported()),
        }
    }
}

/// Without its name, which may be a password that is not in quotes.
fn unsupported() -> String {
    "the tag is not supported here; put a value that begins with `!` in quotes".to_owned()
}

/// As Java's decoder, which needs no `=` at the end, without the blanks.
fn binary(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let padded = GeneralPurpose::new(&STANDARD, config);
    let bare =
        GeneralPurpose::new(&STANDARD, config.with_decode_padding_mode(DecodePaddingMode::RequireNone));
    padded.decode(&text).or_else(|_| bare.decode(&text)).ok()
}
