//! Another fingerprint is another view, so it changes with what the rows are, and with nothing else.

use factum::{Aggregate, View};

/// The same view but for one thing.
macro_rules! views {
    ($($name:ident: { $($event:tt)* } ($($option:tt)*) { $($field:tt)* })*) => {
        $(
            mod $name {
                use super::*;

                #[derive(Aggregate, Clone, Debug, PartialEq)]
                #[events { #[creates] Made { $($event)* }, Other { #[audit] by: u8 }, #[ends] Gone }]
                #[commands { Make => Made, Do => Other, Go => Gone }]
                pub(super) struct Thing {
                    #[id]
                    number: u64,
                }

                #[derive(View, Clone, Debug, PartialEq)]
                #[view(of(Thing), table = "things", $($option)*)]
                pub(super) struct Row {
                    #[key]
                    number: u64,
                    $($field)*
                }
            }
        )*

        fn fingerprints() -> Vec<(&'static str, u128)> {
            vec![$((stringify!($name), $name::Row::MODEL.fingerprint)),*]
        }
    };
}

views! {
    same: { #[audit] size: u8 } () { #[on(Made)] size: u8, }
    documented: { /** Docs. */ #[audit] size: u8 } () { /** Docs. */ #[on ( Made )] pub size : u8, }
    epoch: { #[audit] size: u8 } (epoch = 1) { #[on(Made)] size: u8, }
    removed: { #[audit] size: u8 } (remove_on(Gone)) { #[on(Made)] size: u8, }
    created: { #[audit] size: u8 } (create_on(Other)) { #[on(Made)] size: u8, }
    value: { #[audit] size: u8 } () { #[on(Made = size)] size: u8, }
    other_value: { #[audit] size: u8 } () { #[on(Made = size + 1)] size: u8, }
    indexed: { #[audit] size: u8 } () { #[index] #[on(Made)] size: u8, }
    column: { #[audit] size: u8 } () { #[column(name = "s")] #[on(Made)] size: u8, }
    wider: { #[audit] size: u16 } () { #[on(Made)] size: u16, }
    wide_in_the_row: { #[audit] size: u8 } () { #[on(Made = size.into())] size: u16, }
    another_payload: { #[audit] size: u8, #[audit] more: u8 } () { #[on(Made)] size: u8, }
    another_event: { #[audit] size: u8 } () { #[on(Made, Other = by)] size: u8, }
    another_field: { #[audit] size: u8 } () { #[on(Made)] size: u8, #[on(Made = 0)] zero: u8, }
}

#[test]
fn whatever_makes_other_rows_makes_another_view() {
    let mut fingerprints = fingerprints();
    let same = fingerprints.remove(0).1;
    assert_eq!(fingerprints.remove(0).1, same, "docs and layout");
    for (index, (name, one)) in fingerprints.iter().enumerate() {
        assert_ne!(*one, same, "{name}");
        for (other, two) in &fingerprints[..index] {
            assert_ne!(one, two, "{name} and {other}");
        }
    }
}
