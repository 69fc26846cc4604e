//! The reading half of the format.
//!
//! Primitives are read by `bincode`; what surrounds them is read here, because `bincode`'s own
//! serde decoder trusts length prefixes: it allocates for a string before it looks whether the
//! input has that many bytes, loops 2^60 times over a `Vec<()>` that claims so, and follows
//! nesting until the stack ends.

use bincode::{
    Decode,
    config::{self, Configuration},
    de::{
        Decoder as _, DecoderImpl,
        read::{BorrowReader, Reader},
    },
    error::DecodeError,
};
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    },
};

use crate::{DEPTH_LIMIT, EMPTY_LIMIT, Error, LIMIT, error::from_bincode};

/// What is left of the input.
struct Rest<'de>(&'de [u8]);

impl Reader for Rest<'_> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        bytes.copy_from_slice(self.take_bytes(bytes.len())?);
        Ok(())
    }

    #[inline]
    fn peek_read(&mut self, n: usize) -> Option<&[u8]> {
        self.0.get(..n)
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        self.0 = self.0.get(n..).unwrap_or_default();
    }
}

impl<'de> BorrowReader<'de> for Rest<'de> {
    #[inline]
    fn take_bytes(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| DecodeError::UnexpectedEnd { additional: length - self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Reads values from the front of a slice.
///
/// Has no limit in `bincode`'s configuration: that one counts what values occupy in memory (eight
/// bytes for a `u64` that is written as one), and would refuse honest values.
pub(crate) struct Decoder<'de> {
    primitives: DecoderImpl<Rest<'de>, Configuration, ()>,
    /// How many more options, sequences, maps, and enums may be entered.
    depth: usize,
    /// How many more elements may occupy no bytes.
    empty: usize,
}

impl<'de> Decoder<'de> {
    pub(crate) fn new(bytes: &'de [u8]) -> Self {
        Self {
            primitives: DecoderImpl::new(Rest(bytes), config::standard(), ()),
            depth: DEPTH_LIMIT,
            empty: EMPTY_LIMIT,
        }
    }

    pub(crate) fn rest(&mut self) -> &'de [u8] {
        self.primitives.reader().0
    }

    #[inline]
    fn primitive<T: Decode<()>>(&mut self) -> Result<T, Error> {
        T::decode(&mut self.primitives).map_err(from_bincode)
    }

    #[inline]
    fn length(&mut self) -> Result<usize, Error> {
        let claimed = self.primitive::<u64>()?;
        usize::try_from(claimed).ok().filter(|&length| length <= LIMIT).ok_or(Error::TooLong)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Error> {
        let length = self.length()?;
        self.primitives.reader().take_bytes(length).map_err(from_bincode)
    }

    #[inline]
    fn str(&mut self) -> Result<&'de str, Error> {
        str::from_utf8(self.bytes()?).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Enters a value of one of the kinds that every recursive type with values passes through.
    #[inline]
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth = self.depth.checked_sub(1).ok_or(Error::TooDeep)?;
        let value = read(self);
        self.depth += 1;
        value
    }

    /// Charges for an element that began when `before` bytes were left, if it occupied none.
    #[inline]
    fn charge(&mut self, before: usize) -> Result<(), Error> {
        if self.rest().len() == before {
            self.empty = self.empty.checked_sub(1).ok_or(Error::TooLong)?;
        }
        Ok(())
    }
}

macro_rules! primitives {
    ($($deserialize:ident => $visit:ident,)*) => {
        $(
            #[inline]
            fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                visitor.$visit(self.primitive()?)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Error;

    primitives! {
        deserialize_bool => visit_bool,
        deserialize_i8 => visit_i8,
        deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8,
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u128,
        deserialize_f32 => visit_f32,
        deserialize_f64 => visit_f64,
        deserialize_char => visit_char,
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::Invalid("the bytes do not describe themselves: the type must be known".into()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.str()?)
    }

    // Owned strings and bytes are lent too: the visitor copies once it is known that they exist.
    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.str()?)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.primitive::<u8>()? {
            0 => visitor.visit_none(),
            1 => self.nested(|decoder| visitor.visit_some(decoder)),
            found => {
                Err(Error::Invalid(format!("an option begins with the byte 0 or 1, found {found}")))
            }
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length()?;
        self.nested(|decoder| visitor.visit_seq(Elements::new(decoder, left)))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length()?;
        self.nested(|decoder| visitor.visit_map(Elements::new(decoder, left)))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Fields { decoder: self, left: length })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.nested(|decoder| visitor.visit_enum(Variant { decoder }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The fields of a struct or a tuple: their number is the type's word, not the input's.
struct Fields<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The elements of a sequence or the entries of a map: their number is the input's word.
struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
    /// How many bytes were left when the latest element began.
    before: usize,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    fn new(decoder: &'a mut Decoder<'de>, left: usize) -> Self {
        let before = decoder.rest().len();
        Self { decoder, left, before }
    }

    /// Begins the next element, if there is one.
    #[inline]
    fn begin(&mut self) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        self.before = self.decoder.rest().len();
        true
    }

    /// Visitors allocate by the hint, so it claims no more elements than there are bytes for.
    fn hint(&self) -> usize {
        self.left.min(self.before)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.begin() {
            return Ok(None);
        }
        let element = seed.deserialize(&mut *self.decoder)?;
        self.decoder.charge(self.before)?;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.begin() {
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = seed.deserialize(&mut *self.decoder)?;
        self.decoder.charge(self.before)?;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

/// The variant of an enum: its index, then what it holds.
struct Variant<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let index = self.decoder.primitive::<u32>()?;
        let variant = seed.deserialize(IntoDeserializer::<Error>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.decoder)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.decoder.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.decoder.deserialize_tuple(fields.len(), visitor)
    }
}
