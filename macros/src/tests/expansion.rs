//! What the derive writes, compared with what it wrote when it was last looked at.
//!
//! `FACTUM_BLESS=1 cargo test -p factum-macros` writes it anew; read the difference.

use std::{env, fs, path::PathBuf};

use proc_macro2::TokenStream;

use super::{
    EVERYTHING, EVOLVING, INCIDENT, INCOMPLETE, OPEN_INCIDENT, Sample, UNFINISHED, WORKLOAD, messages,
};

#[test]
fn the_sample_of_the_readme() {
    compare(&INCIDENT, 0);
}

#[test]
fn everything_that_the_language_has() {
    compare(&EVERYTHING, 0);
}

#[test]
fn events_with_a_past() {
    compare(&EVOLVING, 0);
}

#[test]
fn a_declaration_with_mistakes() {
    compare(&INCOMPLETE, 14);
}

#[test]
fn a_view_of_one_aggregate() {
    compare_code(&OPEN_INCIDENT, OPEN_INCIDENT.expanded_view(&[&INCIDENT]), 0);
}

#[test]
fn a_view_of_several_aggregates() {
    compare_code(&WORKLOAD, WORKLOAD.expanded_view(&[&INCIDENT, &EVOLVING]), 0);
}

#[test]
fn a_view_with_mistakes() {
    compare_code(&UNFINISHED, UNFINISHED.expanded_view(&[&INCIDENT, &EVOLVING]), 20);
}

#[test]
fn the_same_declaration_gives_the_same_code() {
    assert_eq!(EVERYTHING.expanded().to_string(), EVERYTHING.expanded().to_string());
}

#[test]
fn what_other_derives_may_have_is_left_to_them() {
    let code: syn::DeriveInput = syn::parse_quote! {
        #[derive(Aggregate, ToSchema)]
        #[schema(title = "A cart")]
        #[events { #[creates] Opened { #[audit] by: String } }]
        #[commands { Open => Opened }]
        struct Cart {
            #[id]
            #[schema(example = 3)]
            #[name = "no"]
            number: u64,
        }
    };
    let written = syn::parse2(crate::aggregate::derive(code)).unwrap();
    assert!(messages(&written).is_empty(), "{:?}", messages(&written));
}

fn compare(sample: &Sample, mistakes: usize) {
    compare_code(sample, sample.expanded(), mistakes);
}

fn compare_code(sample: &Sample, expanded: TokenStream, mistakes: usize) {
    let code = syn::parse2(expanded).unwrap();
    let found = messages(&code);
    assert_eq!(found.len(), mistakes, "{found:#?}");
    let expanded = prettyplease::unparse(&code);
    let name = format!("src/tests/samples/{}.expanded.rs", sample.name);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&name);
    if env::var_os("FACTUM_BLESS").is_some() {
        fs::write(&path, &expanded).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let difference = expected.lines().zip(expanded.lines()).position(|(old, new)| old != new);
    let line = difference.unwrap_or_else(|| expected.lines().count().min(expanded.lines().count()));
    assert!(
        expected == expanded,
        "{name} is another from line {} on:\n{}\nbless it with `FACTUM_BLESS=1` if that is meant",
        line + 1,
        expanded.lines().skip(line).take(12).collect::<Vec<_>>().join("\n")
    );
}
