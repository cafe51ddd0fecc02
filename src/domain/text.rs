//! Reading words out of JSON without copying them first: the ledger has millions of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What `parse` makes of a text.
///
/// # Errors
/// If there is no text, or what `parse` says.
pub(super) fn from_text<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct Read<F, T, E>(F, PhantomData<(T, E)>);
    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Read<F, T, E> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_str<G: Error>(self, text: &str) -> Result<T, G> {
            (self.0)(text).map_err(G::custom)
        }
    }
    deserializer.deserialize_str(Read(parse, PhantomData))
}

/// A word of a closed list; one that this version does not know becomes the list's usual word.
///
/// # Errors
/// If there is no text.
pub(super) fn known_or_usual<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> Deserialize<'t> + Default,
{
    from_text(deserializer, |text| Ok::<T, &str>(word(text).unwrap_or_default()))
}

/// Words of a closed list; those that this version does not know are left out.
///
/// # Errors
/// If there is no list of texts.
pub(super) fn known_ones<'de, D, T, S>(deserializer: D) -> Result<S, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> Deserialize<'t>,
    S: FromIterator<T>,
{
    struct Known<T>(Option<T>);
    impl<'de, T: for<'t> Deserialize<'t>> Deserialize<'de> for Known<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            from_text(deserializer, |text| Ok::<Self, &str>(Known(word(text))))
        }
    }
    struct Read<T, S>(PhantomData<(T, S)>);
    impl<'de, T: for<'t> Deserialize<'t>, S: FromIterator<T>> Visitor<'de> for Read<T, S> {
        type Value = S;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of words")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<S, A::Error> {
            let all = std::iter::from_fn(|| words.next_element::<Known<T>>().transpose());
            all.filter_map(|word| word.map(|known| known.0).transpose()).collect()
        }
    }
    deserializer.deserialize_seq(Read(PhantomData))
}

fn word<T: for<'t> Deserialize<'t>>(text: &str) -> Option<T> {
    let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(text).ok()
}
