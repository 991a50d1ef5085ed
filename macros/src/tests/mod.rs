//! The derive without a compiler: what it writes, and that it survives what it reads.

mod expansion;
mod lock;
mod robustness;

use proc_macro2::TokenStream;
use syn::DeriveInput;

/// A declaration, by the name of its file in `samples/`.
struct Sample {
    name: &'static str,
    text: &'static str,
}

const INCIDENT: Sample = Sample { name: "incident", text: include_str!("samples/incident.rs") };
const EVERYTHING: Sample = Sample { name: "everything", text: include_str!("samples/everything.rs") };
const EVOLVING: Sample = Sample { name: "evolving", text: include_str!("samples/evolving.rs") };
const INCOMPLETE: Sample = Sample { name: "incomplete", text: include_str!("samples/incomplete.rs") };

impl Sample {
    fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap()
    }

    fn expanded(&self) -> TokenStream {
        let input: DeriveInput = syn::parse2(self.tokens()).unwrap();
        crate::aggregate::derive(input)
    }
}

/// The messages in the code that a derive has written.
fn messages(code: &syn::File) -> Vec<String> {
    code.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
                let text: syn::LitStr = item.mac.parse_body().unwrap();
                Some(text.value())
            }
            _ => None,
        })
        .collect()
}
