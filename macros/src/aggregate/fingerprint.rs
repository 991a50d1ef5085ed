//! What a snapshot of the state depends on, as a number.

use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput};

use crate::fingerprint::Fingerprint;

/// Changes when the generated fold comes to something else by the same tokens.
const FOLD: &str = "1";

/// A hash of what the state and its fold are made of: the fields with their types and attributes, the events with all that
/// stands there, and what serde is told of the struct. Whatever this language says about events one day is among it.
///
/// It is made of the tokens and not of their text, which compilers space differently, without comments. The commands and what
/// other derives are told do not belong to it.
pub(super) fn of(input: &DeriveInput) -> Fingerprint {
    let mut hash = Fingerprint::new();
    hash.text(b'v', FOLD);
    let fold = |attr: &&Attribute| ["serde", "events"].iter().any(|key| attr.path().is_ident(key));
    for attr in input.attrs.iter().filter(fold) {
        hash.tokens(attr.meta.to_token_stream());
    }
    let fields = match &input.data {
        Data::Struct(data) => data.fields.iter(),
        Data::Enum(_) | Data::Union(_) => return hash,
    };
    for field in fields {
        for attr in &field.attrs {
            hash.tokens(attr.to_token_stream());
        }
        hash.tokens(field.ident.to_token_stream());
        hash.tokens(field.ty.to_token_stream());
        hash.text(b',', "");
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> u128 {
        of(&syn::parse_str(text).unwrap()).get()
    }

    const SAMPLE: &str = "#[events { #[creates] Opened { by: Name }, Paid { sum: i64 } }] \
        #[commands { Open => Opened, Pay => Paid }] \
        struct Account { #[id] number: u64, #[on(Opened = by)] owner: Name, #[on(Paid += sum)] balance: i64 }";

    fn changed(from: &str, to: &str) -> u128 {
        assert!(SAMPLE.contains(from), "{from}");
        hash(&SAMPLE.replace(from, to))
    }

    #[test]
    fn what_changes_the_fold_or_the_layout_changes_it() {
        let changes = [
            ("Name", "Alias"),
            ("balance: i64", "balance: i128"),
            ("balance", "amount"),
            ("Paid += sum", "Paid -= sum"),
            ("Paid += sum", "Paid += sum + 1"),
            ("Opened = by", "Opened = (by)"),
            ("#[creates]", "#[creates] #[name = \"Begun\"]"),
            ("Paid { sum: i64 }", "Paid { sum: i64, note: String }"),
            ("owner: Name", "#[serde(rename = \"o\")] owner: Name"),
            ("struct", "#[serde(rename_all = \"camelCase\")] struct"),
            (
                "#[id] number: u64, #[on(Opened = by)] owner: Name,",
                "#[on(Opened = by)] owner: Name, #[id] number: u64,",
            ),
        ];
        let mut hashes: Vec<u128> = changes.iter().map(|(from, to)| changed(from, to)).collect();
        hashes.push(hash(SAMPLE));
        let all = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all);
    }

    #[test]
    fn what_does_neither_does_not() {
        for (from, to) in [
            ("struct", "/// An account.\n#[derive(Debug)] pub(crate) struct"),
            ("#[id]", "\n  /// Its number.\n  #[id]"),
            ("number: u64", "pub number: u64"),
            ("Paid { sum: i64 }", "/** Money came. */ Paid { /// How much.\n sum: i64 }"),
            ("Paid += sum", "Paid\n+=sum"),
            ("Pay => Paid", "#[require(self.balance > 0, Broke)] Pay => Paid"),
            ("struct", "#[aggregate(category = \"accounts\")] struct"),
        ] {
            assert_eq!(changed(from, to), hash(SAMPLE), "{to}");
        }
    }

    /// Whoever changes this makes all programs fold everything once more.
    #[test]
    fn it_is_the_same_everywhere_and_always() {
        assert_eq!(format!("{:032x}", hash(SAMPLE)), "fe828bf6f3cd124333b6fe98e28bba29");
        let epochs = [0, 1, 2].map(|epoch| of(&syn::parse_str(SAMPLE).unwrap()).in_epoch(epoch));
        assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    }
}
