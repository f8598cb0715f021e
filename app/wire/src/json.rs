//! How the fields of the Mesos v1 messages look in JSON.
//!
//! The generated messages name, for each field, a *shape* ([`Required`], [`Optional`],
//! [`Repeated`], [`Mapped`]) over a *codec* ([`Text`], [`Number`], [`Flag`], [`Base64`], [`Name`],
//! [`Object`]). Together they keep the rules of the original: 64-bit integers are numbers, bytes
//! are base64, enums are their proto names; numbers and booleans may arrive quoted, `null` means
//! unset, a lone value may stand for a list of one, and an unknown enum name in an optional field
//! or a list counts as not there. A list or an enum's number where a single value or a name
//! belongs is refused. A `oneof` is one key of its message; one that cannot be read counts as not
//! made, which whoever validates the message then refuses.
//!
//! Only self-describing formats work, that is JSON: durable records hold the protobuf bytes.
//!
//! Source: apache/mesos: 3rdparty/stout/include/stout/protobuf.hpp (`internal::Parser`, `object`).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

/// How one value of a field is written.
pub(crate) trait Codec {
    /// The Rust type of the value.
    type Value;

    /// What is wanted, for messages: "a number".
    const WANTED: &'static str;

    /// Writes the value.
    fn write<S: Serializer>(value: &Self::Value, serializer: S) -> Result<S::Ok, S::Error>;
}

/// How one value of a field is read; something that counts as unset reads as `None`.
pub(crate) trait Decode<'de>: Codec {
    /// Reads the value from a JSON text.
    fn text<E: de::Error>(text: &str) -> Result<Option<Self::Value>, E> {
        Err(E::invalid_type(Unexpected::Str(text), &Self::WANTED))
    }

    /// Reads the value from a JSON boolean.
    fn flag<E: de::Error>(flag: bool) -> Result<Option<Self::Value>, E> {
        Err(E::invalid_type(Unexpected::Bool(flag), &Self::WANTED))
    }

    /// Reads the value from a JSON number.
    fn number<E: de::Error>(number: AnyNumber) -> Result<Option<Self::Value>, E> {
        Err(E::invalid_type(number.unexpected(), &Self::WANTED))
    }

    /// Reads the value from a JSON object.
    fn object<A: MapAccess<'de>>(_: A) -> Result<Option<Self::Value>, A::Error> {
        Err(de::Error::invalid_type(Unexpected::Map, &Self::WANTED))
    }
}

/// A number as it stood in the JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyNumber {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl AnyNumber {
    fn unexpected(self) -> Unexpected<'static> {
        match self {
            Self::Unsigned(number) => Unexpected::Unsigned(number),
            Self::Signed(number) => Unexpected::Signed(number),
            Self::Float(number) => Unexpected::Float(number),
        }
    }
}

/// A string.
pub(crate) struct Text;

impl Codec for Text {
    type Value = String;

    const WANTED: &'static str = "a string";

    fn write<S: Serializer>(value: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value)
    }
}

impl<'de> Decode<'de> for Text {
    fn text<E: de::Error>(text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }
}

/// A boolean, which may arrive as `"true"` or `"false"`.
pub(crate) struct Flag;

impl Codec for Flag {
    type Value = bool;

    const WANTED: &'static str = "a boolean";

    fn write<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*value)
    }
}

impl<'de> Decode<'de> for Flag {
    fn text<E: de::Error>(text: &str) -> Result<Option<bool>, E> {
        text.parse().map(Some).map_err(|_| E::invalid_value(Unexpected::Str(text), &Self::WANTED))
    }

    fn flag<E: de::Error>(flag: bool) -> Result<Option<bool>, E> {
        Ok(Some(flag))
    }
}

/// A number, which may arrive quoted.
pub(crate) struct Number<N>(PhantomData<N>);

/// The numeric types of protobuf that the schema uses.
pub(crate) trait Numeric: Copy + Serialize + std::str::FromStr {
    /// The number as this type, unless it is out of range or has digits after the point.
    fn convert(number: AnyNumber) -> Option<Self>;

    /// What JSON has no number for, as a text.
    fn as_text(self) -> Option<&'static str> {
        None
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Numeric for $number {
            fn convert(number: AnyNumber) -> Option<Self> {
                match number {
                    AnyNumber::Unsigned(number) => number.try_into().ok(),
                    AnyNumber::Signed(number) => number.try_into().ok(),
                    // Compat: the original converts `5.0` for a whole-number field.
                    AnyNumber::Float(number) if number.fract() == 0.0 => {
                        format!("{number:.0}").parse().ok()
                    }
                    AnyNumber::Float(_) => None,
                }
            }
        }
    )*};
}

whole_numbers!(i32, i64, u32, u64);

impl Numeric for f64 {
    #[expect(clippy::cast_precision_loss, reason = "a double field holds the nearest double")]
    fn convert(number: AnyNumber) -> Option<Self> {
        Some(match number {
            AnyNumber::Unsigned(number) => number as f64,
            AnyNumber::Signed(number) => number as f64,
            AnyNumber::Float(number) => number,
        })
    }

    fn as_text(self) -> Option<&'static str> {
        match self {
            number if number.is_nan() => Some("NaN"),
            Self::INFINITY => Some("Infinity"),
            Self::NEG_INFINITY => Some("-Infinity"),
            _ => None,
        }
    }
}

impl<N: Numeric> Codec for Number<N> {
    type Value = N;

    const WANTED: &'static str = "a number in range";

    fn write<S: Serializer>(value: &N, serializer: S) -> Result<S::Ok, S::Error> {
        match value.as_text() {
            Some(text) => serializer.serialize_str(text),
            None => value.serialize(serializer),
        }
    }
}

impl<'de, N: Numeric> Decode<'de> for Number<N> {
    fn text<E: de::Error>(text: &str) -> Result<Option<N>, E> {
        text.parse().map(Some).map_err(|_| E::invalid_value(Unexpected::Str(text), &Self::WANTED))
    }

    fn number<E: de::Error>(number: AnyNumber) -> Result<Option<N>, E> {
        match N::convert(number) {
            Some(number) => Ok(Some(number)),
            None => Err(E::invalid_value(number.unexpected(), &Self::WANTED)),
        }
    }
}

/// Bytes, as base64 with or without padding.
pub(crate) struct Base64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Codec for Base64 {
    type Value = Bytes;

    const WANTED: &'static str = "base64";

    fn write<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(value))
    }
}

impl<'de> Decode<'de> for Base64 {
    fn text<E: de::Error>(text: &str) -> Result<Option<Bytes>, E> {
        let bytes =
            BASE64.decode(text).map_err(|error| E::custom(format!("no base64: {error}")))?;
        Ok(Some(bytes.into()))
    }
}

/// An enum of the schema, by its proto names.
pub(crate) trait Named {
    /// The enum's own name, for messages.
    const ENUM: &'static str;

    /// The proto name of this number.
    fn name(number: i32) -> Option<&'static str>;

    /// The number of this proto name.
    fn number(name: &str) -> Option<i32>;
}

/// Implements [`Named`] for prost enums.
macro_rules! named {
    ($($path:ty),* $(,)?) => {$(
        impl crate::json::Named for $path {
            const ENUM: &'static str = stringify!($path);

            fn name(number: i32) -> Option<&'static str> {
                Self::try_from(number).ok().map(|value| value.as_str_name())
            }

            fn number(name: &str) -> Option<i32> {
                Self::from_str_name(name).map(|value| value as i32)
            }
        }
    )*};
}
pub(crate) use named;

/// An enum, as its proto name; an unknown name counts as unset.
pub(crate) struct Name<E>(PhantomData<E>);

impl<N: Named> Codec for Name<N> {
    type Value = i32;

    const WANTED: &'static str = "the name of an enum value";

    fn write<S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        let name = N::name(*value).ok_or_else(|| {
            serde::ser::Error::custom(format!("{value} is no value of the enum {}", N::ENUM))
        })?;
        serializer.serialize_str(name)
    }
}

impl<'de, N: Named> Decode<'de> for Name<N> {
    fn text<E: de::Error>(text: &str) -> Result<Option<i32>, E> {
        Ok(N::number(text))
    }
}

/// Whether an optional enum is unset, or a number that this schema has no name for.
pub(crate) fn nameless<N: Named>(value: &Option<i32>) -> bool {
    value.is_none_or(|number| N::name(number).is_none())
}

/// A message, as an object.
pub(crate) struct Object<M>(PhantomData<M>);

impl<M: Serialize> Codec for Object<M> {
    type Value = M;

    const WANTED: &'static str = "an object";

    fn write<S: Serializer>(value: &M, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

impl<'de, M: Serialize + Deserialize<'de>> Decode<'de> for Object<M> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<M>, A::Error> {
        M::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

/// What a field does with absent, single and listed values.
trait Shape<'de, C: Codec> {
    type Output;

    /// `null` was found.
    fn unset<E: de::Error>() -> Result<Self::Output, E>;

    /// A single value was found; `None` if it counts as unset.
    fn single<E: de::Error>(value: Option<C::Value>) -> Result<Self::Output, E>;

    /// A list was found.
    fn list<A: SeqAccess<'de>>(_: A) -> Result<Self::Output, A::Error>
    where
        C: Decode<'de>,
    {
        Err(de::Error::invalid_type(Unexpected::Seq, &C::WANTED))
    }
}

/// Reads a field of shape `S` over codec `C`; also the seed of a list's or map's elements.
struct Reader<S, C>(PhantomData<(S, C)>);

impl<S, C> Reader<S, C> {
    const NEW: Self = Self(PhantomData);
}

impl<'de, C: Codec, S: Shape<'de, C>> DeserializeSeed<'de> for Reader<S, C>
where
    C: Decode<'de>,
{
    type Value = S::Output;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Output, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, C: Codec, S: Shape<'de, C>> Visitor<'de> for Reader<S, C>
where
    C: Decode<'de>,
{
    type Value = S::Output;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(C::WANTED)
    }

    fn visit_unit<E: de::Error>(self) -> Result<S::Output, E> {
        S::unset()
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<S::Output, E> {
        S::single(C::flag(flag)?)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<S::Output, E> {
        S::single(C::number(AnyNumber::Unsigned(number))?)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<S::Output, E> {
        S::single(C::number(AnyNumber::Signed(number))?)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<S::Output, E> {
        S::single(C::number(AnyNumber::Float(number))?)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<S::Output, E> {
        S::single(C::text(text)?)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<S::Output, A::Error> {
        S::single(C::object(object)?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S::Output, A::Error> {
        S::list(list)
    }
}

/// A field that must be there.
pub(crate) struct Required<C>(PhantomData<C>);

impl<'de, C: Codec> Shape<'de, C> for Required<C> {
    type Output = C::Value;

    fn unset<E: de::Error>() -> Result<C::Value, E> {
        Err(E::invalid_type(Unexpected::Unit, &C::WANTED))
    }

    fn single<E: de::Error>(value: Option<C::Value>) -> Result<C::Value, E> {
        value.ok_or_else(|| E::custom(format!("unknown name, wanted {}", C::WANTED)))
    }
}

impl<C: Codec> Required<C> {
    pub(crate) fn serialize<S: Serializer>(value: &C::Value, to: S) -> Result<S::Ok, S::Error> {
        C::write(value, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<C::Value, D::Error>
    where
        C: Decode<'de>,
    {
        Reader::<Self, C>::NEW.deserialize(from)
    }
}

/// A field that may be unset.
pub(crate) struct Optional<C>(PhantomData<C>);

impl<'de, C: Codec> Shape<'de, C> for Optional<C> {
    type Output = Option<C::Value>;

    fn unset<E: de::Error>() -> Result<Option<C::Value>, E> {
        Ok(None)
    }

    fn single<E: de::Error>(value: Option<C::Value>) -> Result<Option<C::Value>, E> {
        Ok(value)
    }
}

impl<C: Codec> Optional<C> {
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<C::Value>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => C::write(value, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<C::Value>, D::Error>
    where
        C: Decode<'de>,
    {
        Reader::<Self, C>::NEW.deserialize(from)
    }
}

/// A list; `null` is an empty one, and a lone value one of length 1.
pub(crate) struct Repeated<C>(PhantomData<C>);

impl<'de, C: Codec> Shape<'de, C> for Repeated<C> {
    type Output = Vec<C::Value>;

    fn unset<E: de::Error>() -> Result<Vec<C::Value>, E> {
        Ok(Vec::new())
    }

    fn single<E: de::Error>(value: Option<C::Value>) -> Result<Vec<C::Value>, E> {
        Ok(value.into_iter().collect())
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Vec<C::Value>, A::Error>
    where
        C: Decode<'de>,
    {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Reader::<Optional<C>, C>::NEW)? {
            values.extend(value);
        }
        Ok(values)
    }
}

impl<C: Codec> Repeated<C> {
    pub(crate) fn serialize<S: Serializer>(values: &[C::Value], to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&Written::<C>(value))?;
        }
        list.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<C::Value>, D::Error>
    where
        C: Decode<'de>,
    {
        Reader::<Self, C>::NEW.deserialize(from)
    }
}

/// An object with free keys; `null` is an empty one.
pub(crate) struct Mapped<C>(PhantomData<C>);

impl<C: Codec> Mapped<C> {
    pub(crate) fn serialize<S: Serializer>(
        values: &BTreeMap<String, C::Value>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(Some(values.len()))?;
        for (key, value) in values {
            object.serialize_entry(key, &Written::<C>(value))?;
        }
        object.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, C::Value>, D::Error>
    where
        C: Decode<'de>,
    {
        from.deserialize_any(Entries::<C>(PhantomData))
    }
}

/// Reads the entries of a [`Mapped`] field.
struct Entries<C>(PhantomData<C>);

impl<'de, C: Codec> Visitor<'de> for Entries<C>
where
    C: Decode<'de>,
{
    type Value = BTreeMap<String, C::Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object whose values are each {}", C::WANTED)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(key) = object.next_key::<String>()? {
            if let Some(value) = object.next_value_seed(Reader::<Optional<C>, C>::NEW)? {
                values.insert(key, value);
            }
        }
        Ok(values)
    }
}

/// A value that serializes through its codec.
struct Written<'a, C: Codec>(&'a C::Value);

impl<C: Codec> Serialize for Written<'_, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        C::write(self.0, serializer)
    }
}
