//! Structures of requests.

/// Declares a structure of a request: members by the API's name, each optional, absent where it is null.
/// Members that are not known are skipped; a repeated member counts as it last stands.
///
/// Not derived, since the derived code would take a list for a structure and refuse with serde's words
/// instead of the API's.
macro_rules! structure {
    ($(#[$attribute:meta])* $name:ident<$life:lifetime> { $($key:literal => $field:ident: $type:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        pub(in crate::kinesis) struct $name<$life> {
            $(pub(in crate::kinesis) $field: Option<$type>,)*
            /// Ties structures without a borrowed member to the lifetime as well.
            borrowed: std::marker::PhantomData<&$life ()>,
        }

        impl<$life> serde::Deserialize<$life> for $name<$life> {
            fn deserialize<D: serde::Deserializer<$life>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<$life> serde::de::Visitor<$life> for Members {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a structure")
                    }

                    fn visit_map<A: serde::de::MapAccess<$life>>(
                        self,
                        mut members: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut value = $name::default();
                        while let Some(key) = members.next_key::<$crate::kinesis::wire::scalar::Text<$life>>()? {
                            match &*key {
                                $($key => value.$field = members.next_value()?,)*
                                _ => {
                                    members.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(value)
                    }

                    fn visit_seq<A: serde::de::SeqAccess<$life>>(self, _: A) -> Result<Self::Value, A::Error> {
                        Err(serde::de::Error::custom($crate::kinesis::wire::scalar::LIST_NOT_EXPECTED))
                    }

                    $crate::kinesis::wire::scalar::refuse_scalars!("Expected null");
                }

                deserializer.deserialize_any(Members)
            }
        }
    };
}

pub(in crate::kinesis) use structure;
